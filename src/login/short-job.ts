import { ok, type Result } from '../failure.ts';
import type { CancelOutcome, JobState, ListedJob, Scheduler, SubmitOutcome } from '../schedulers/scheduler.ts';
import type { LoginHost } from './login-host.ts';
import type { Part } from './remote-programs.ts';
import { graceSeconds } from './session-opening.ts';
import {
  beginJob,
  endJob,
  endOrphans,
  endSeconds,
  type JobToRun,
  lastWords,
  lookAtJob,
  watchJob,
} from './short-job-programs.ts';

/** A short job that a person waits for, from its submission to its end, over one session. */

export interface ShortJobSettings extends JobToRun {
  /** What it is listed by: no pilot has it. */
  site: string;
  jobName: string;
  listSeconds: number;
}

/** What a look has seen. */
export interface ShortJobLook {
  /** What the job has left up to now; empty: nothing. */
  answer: string;
  /** Seconds since the epoch by the login host's clock. */
  atSeconds: number | null;
  /** null: the queue was not asked, or gave no whole answer. */
  job: { state: JobState | 'missing'; reason: string | null; node: string | null } | null;
}

export class ShortJob {
  /** As the scheduler's commands take it; null while nobody knows. */
  id: string | null = null;
  private readonly host: Pick<LoginHost, 'parts'>;
  private readonly scheduler: Scheduler;
  private readonly settings: ShortJobSettings;
  private hasSwept = false;

  constructor(host: Pick<LoginHost, 'parts'>, scheduler: Scheduler, settings: ShortJobSettings) {
    this.host = host;
    this.scheduler = scheduler;
    this.settings = settings;
  }

  /** `unwritable`: nothing was submitted, since nothing can be written there. */
  async submit(): Promise<Result<SubmitOutcome | { kind: 'unwritable'; said: string }>> {
    const { submitSeconds } = this.settings;
    const parts = await this.host.parts({
      text: beginJob(this.settings),
      purpose: 'submitting the job',
      timeoutSeconds: submitSeconds + graceSeconds,
      runsIn: 'session',
    });
    if (!parts.ok) return parts;
    const place = parts.value.get('place');
    if (place?.code !== 0) return ok({ kind: 'unwritable', said: place?.stderr.trim() ?? '' });
    const outcome = this.scheduler.parseSubmit(parts.value.get('submit') ?? cut);
    if (outcome.kind !== 'accepted') return ok(outcome);
    const watched = await this.known(this.scheduler.pilotId(outcome.id, null));
    return watched.ok ? ok(outcome) : watched;
  }

  private async known(id: string): Promise<Result<void>> {
    this.id = id;
    const text = watchJob(this.cancelCommand(id));
    const purpose = 'watching the job';
    const parts = await this.host.parts({ text, purpose, timeoutSeconds: graceSeconds, runsIn: 'session' });
    return parts.ok ? ok(undefined) : parts;
  }

  private cancelCommand(id: string): string {
    return this.scheduler.cancelCommand([id], { onlyPending: false });
  }

  async look({ lists }: { lists: boolean }): Promise<Result<ShortJobLook>> {
    const { site, jobName, listSeconds } = this.settings;
    const query = { site, jobName, secondLook: false };
    const listCommand = lists ? this.scheduler.listCommand(query) : null;
    const parts = await this.host.parts({
      text: lookAtJob(this.settings, listCommand, listSeconds),
      purpose: 'looking at the job',
      timeoutSeconds: (lists ? listSeconds : 0) + graceSeconds,
    });
    if (!parts.ok) return parts;
    const at = Number(parts.value.get('clock')?.stdout.trim());
    const listing = parts.value.get('listing');
    const listed = listing === undefined ? null : this.scheduler.parseList(listing, query);
    if (listed?.kind === 'complete') await this.sweep(listed.jobs);
    const job = listed?.kind === 'complete' ? this.own(listed.jobs) : null;
    if (this.id === null && job !== null && job !== 'missing') {
      const watched = await this.known(job.id);
      if (!watched.ok) return watched;
    }
    return ok({
      answer: parts.value.get('answer')?.stdout ?? '',
      atSeconds: Number.isSafeInteger(at) && at > 0 ? at : null,
      job: job === 'missing' ? { state: 'missing', reason: null, node: null } : job,
    });
  }

  /** Of those of this name that have not started. What comes of it is seen by nobody: the next such job looks again. */
  private async sweep(jobs: readonly ListedJob[]): Promise<void> {
    const { kind, tag: own } = this.settings;
    const waiting = jobs.filter(({ state }) => state === 'pending' || state === 'held');
    const orphans = waiting.flatMap(({ id, tag }) =>
      tag === null || tag === own || id === this.id ? [] : [{ kind, tag, cancelCommand: this.cancelCommand(id) }],
    );
    if (this.hasSwept || orphans.length === 0) return;
    this.hasSwept = true;
    const timeoutSeconds = orphans.length * endSeconds + graceSeconds;
    await this.host.parts({ text: endOrphans(orphans), purpose: 'ending jobs that nobody waits for', timeoutSeconds });
  }

  private own(jobs: readonly ListedJob[]): ListedJob | 'missing' {
    return jobs.find(({ id, tag }) => id === this.id || tag === this.settings.tag) ?? 'missing';
  }

  /** What the batch system kept of the job's output. */
  async lastWords(): Promise<string> {
    const text = lastWords(this.settings);
    const parts = await this.host.parts({ text, purpose: 'reading its output', timeoutSeconds: graceSeconds });
    return parts.ok ? (parts.value.get('words')?.stdout.trim() ?? '') : '';
  }

  /** Removes what is left of it; `cancels`: the job as well. */
  async end({ cancels }: { cancels: boolean }): Promise<Result<CancelOutcome>> {
    const command = cancels && this.id !== null ? this.cancelCommand(this.id) : null;
    const parts = await this.host.parts({
      text: endJob(command),
      purpose: 'ending the job',
      timeoutSeconds: endSeconds + graceSeconds,
      runsIn: 'session',
    });
    if (!parts.ok) return parts;
    if (command === null || this.id === null) return ok({ kind: 'done' });
    return ok(this.scheduler.parseCancel(parts.value.get('cancel') ?? cut, [this.id]));
  }
}

const cut: Part = { stdout: '', stderr: 'the answer is cut', code: 137 };
