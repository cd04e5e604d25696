import { describe, expect, it } from 'vitest';
import { discoverOutcome } from '../../src/cli/discover-outcome.ts';
import type { Outcome } from '../../src/cli/outcome.ts';
import type { DiscoverReport } from '../../src/commands/discover.ts';
import { failed, ok } from '../../src/failure.ts';
import { queueMistakes } from '../../src/schedulers/queue-fit.ts';
import type { Discovery } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { recordings } from '../support/recordings.ts';

const printing = { json: false, quiet: false, verbose: false, color: false, unicode: true, columns: null };
const recorded = recordings('slurm-22.05.8-accounting').find((one) => one.command === slurm.discoverCommand());
const discovery: Discovery = recorded ? slurm.parseDiscovery(recorded) : { kind: 'unknown', reason: 'not recorded' };

function outcome(report: Partial<DiscoverReport> = {}): Outcome {
  const found = discoverOutcome(ok({ site: 'campus', discovery, mistakes: [], ...report }));
  if (!found.ok) throw new Error('a report is an outcome');
  return found.value;
}

describe('discover', () => {
  it('shows every queue, the limits, and that the profile fits', () => {
    expect(outcome().text(printing)).toBe(
      [
        'QUEUE     NODES  CORES  MEMORY  GPUS    WALLTIME    STATE',
        'whole*    8      8      8.8 GB  2 a100  2-00:00:00  open',
        'shared    8      8      8.8 GB  2 a100  2-00:00:00  open',
        'gpu       2      4      3.9 GB  2 a100  1-00:00:00  open',
        'endless   2      4      3.9 GB  -       no limit    open',
        'closed    1      4      3.9 GB  -       0-00:30:00  closed',
        'draining  1      4      3.9 GB  -       no limit    closed',
        'hidden    1      4      3.9 GB  -       no limit    open',
        'empty     0      -      -       -       no limit    open',
        '* the default queue; cores, memory and GPUs: the most that any of its nodes has',
        '',
        'limits: at most 40 jobs of yours, waiting or running; arrays of at most 1001; at most 10000 jobs of everybody',
        'accounts you may charge: chem, phy',
        'the profile campus fits',
      ].join('\n'),
    );
    expect(outcome().exitCode).toBe(0);
  });

  it('shows the limits of a queue of its own, in words and as JSON', () => {
    if (discovery.kind === 'unknown') throw new Error(discovery.reason);
    const queues = discovery.queues.map((queue) =>
      queue.name === 'gpu' ? { ...queue, maxSubmitJobs: 3, maxArraySize: 2 } : queue,
    );
    const limited = outcome({ discovery: { ...discovery, queues } });
    expect(limited.text(printing)).toContain(
      '\nlimits of gpu: at most 3 jobs of yours, waiting or running; arrays of at most 2\n',
    );
    const json = limited.json as { queues: { name: string }[] };
    expect(json.queues.find(({ name }) => name === 'gpu')).toMatchObject({ maxSubmitJobs: 3, maxArraySize: 2 });
    expect(json.queues[0]).toMatchObject({ maxSubmitJobs: null, maxArraySize: null });
  });

  it('names what does not fit, and what to type', () => {
    const job = { ...wholeNodeJob, walltimeSeconds: 3 * 86_400, account: 'math' };
    if (discovery.kind === 'unknown') throw new Error(discovery.reason);
    const mistakes = queueMistakes(job, discovery, { count: 1, array: true });
    const text = outcome({ mistakes }).text(printing);
    expect(text).toContain(
      [
        'the profile campus does not fit:',
        '  scheduler.walltime is 3-00:00:00, but whole allows at most 2-00:00:00',
        '  scheduler.account is math, but the accounts you may charge here are chem, phy',
        'next: glidein site set campus scheduler.walltime=…',
      ].join('\n'),
    );
    expect(text).not.toContain('the profile campus fits');
    expect(outcome({ mistakes }).json).toMatchObject({ mistakes });
  });

  it('is one object as JSON', () => {
    const { json } = outcome();
    expect(Object.keys(json ?? {})).toEqual(['site', 'queues', 'limits', 'reason', 'mistakes']);
    expect(json).toMatchObject({ site: 'campus', limits: { maxSubmitJobs: 40 }, reason: null, mistakes: [] });
  });

  it('says why nothing could be learned, and that it is worth another try', () => {
    const nothing = outcome({ discovery: { kind: 'unknown', reason: 'no answer within the time limit' } });
    expect(nothing.exitCode).toBe(3);
    expect(nothing.text(printing)).toContain('campus: what its queues offer could not be learned: no answer within');
    expect(nothing.json).toEqual({
      site: 'campus',
      queues: [],
      limits: null,
      reason: 'no answer within the time limit',
      mistakes: [],
    });
  });

  it('lets no words of the site steer the terminal', () => {
    const evil = `x${String.fromCharCode(27)}[2J`;
    const text = outcome({ discovery: { kind: 'unknown', reason: evil } }).text(printing);
    expect(text).not.toContain(evil);
  });

  it('hands on a failure', () => {
    expect(discoverOutcome(failed({ kind: 'interrupted' }))).toEqual(failed({ kind: 'interrupted' }));
  });
});
