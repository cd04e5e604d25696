import type { StandIn } from '../../src/demo/stand-in.ts';
import type {
  CancelOutcome,
  ListedJob,
  Listing,
  ListQuery,
  Output,
  Scheduler,
} from '../../src/schedulers/scheduler.ts';
import { wholeNodeJob } from './batch-job.ts';
import { run } from './run-program.ts';

/** A dialect that talks with a stand-in: its commands go through a real shell, and its parsers read what comes. */
export class Dialogue {
  readonly query: ListQuery = { site: 'campus', jobName: 'g-campus', secondLook: false };
  private readonly cluster: StandIn;
  private readonly scheduler: Scheduler;
  /** What is submitted: all cores of a node. */
  readonly job = { ...wholeNodeJob, cores: 16 };

  constructor(cluster: StandIn, scheduler: Scheduler) {
    this.cluster = cluster;
    this.scheduler = scheduler;
  }

  async run(command: string, input = ''): Promise<Output> {
    const env = { ...this.cluster.environment, l: this.cluster.home };
    const { code, stdout, stderr } = await run('/bin/sh', ['-c', command], { env, input });
    return { code, stdout, stderr };
  }

  /** Sends a script with the dialect's own directives. */
  submit(count: number, tag = 'campus-aaaaaaaaaa', array = true): Promise<Output> {
    const prefix = this.cluster.scheduler.directive;
    const lines = this.scheduler.directives(this.job).map((line) => `${prefix} ${line}\n`);
    const submission = { tag, count, array, logDirWord: '"$l"', scriptWord: 'x.sh' };
    return this.run(this.scheduler.submitCommand(this.job, submission), `#!/bin/bash -p\n${lines.join('')}exit 0\n`);
  }

  async list({ secondLook = false } = {}): Promise<Listing> {
    const query = { ...this.query, secondLook };
    return this.scheduler.parseList(await this.run(this.scheduler.listCommand(query)), query);
  }

  /** The jobs of a listing that must be complete. */
  async jobs(look: { secondLook?: boolean } = {}): Promise<readonly ListedJob[]> {
    const listing = await this.list(look);
    if (listing.kind !== 'complete') throw new Error(listing.reason);
    return listing.jobs;
  }

  async cancel(ids: readonly string[], { onlyPending = false } = {}): Promise<CancelOutcome> {
    const output = await this.run(this.scheduler.cancelCommand(ids, { onlyPending }));
    return this.scheduler.parseCancel(output, ids);
  }

  /** What is said of each, in the order of the ids; undefined: nothing. */
  async ask(ids: readonly string[]): Promise<('exists' | 'gone' | undefined)[]> {
    const answers = this.scheduler.parseAsk(await this.run(this.scheduler.askCommand(ids)));
    return ids.map((id) => answers.get(id));
  }
}
