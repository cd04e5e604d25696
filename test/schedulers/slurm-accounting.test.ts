import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FinishedJob, Output } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { type Recorded, recordings } from '../support/recordings.ts';

const query = { site: 'campus' };
const accounting = recordings('slurm-22.05.8-accounting');
const isOurs = (one: Recorded) => /^env TZ=UTC0 SLURM_TIME_FORMAT=%s .* sacct /.test(one.command);
const ours = accounting.filter(isOurs);
const whole = ours.find((one) => one.note === 'all of these, as glidein asks');
if (whole === undefined) throw new Error('not recorded');
const line = (cells: readonly string[]) => `${cells.join('\u001f')}\n`;
const said = (stdout: string): Output => ({ stdout, stderr: '', code: 0 });

function jobs(output: Output): readonly FinishedJob[] {
  const finished = slurm.parseFinished(output, query);
  if (finished.kind === 'unknown') throw new Error(finished.reason);
  return finished.jobs;
}

/** The job of the recording whose tag ends so. */
const tagged = (end: string) => jobs(whole).filter((job) => job.tag === `campus-${end}`);

describe('asking', () => {
  it('names user, name and start, in a time zone of its own', () => {
    const command = slurm.finishedCommand({ jobName: 'g-campus', sinceSeconds: 1_795_185_222 });
    expect(command).toContain('env TZ=UTC0 SLURM_TIME_FORMAT=%s ');
    expect(command).toContain('--starttime=2026-11-20T14:33:42');
    for (const word of ['--user="$(id -un)"', '--name=g-campus', '--allocations', '--noheader'])
      expect(command).toContain(word);
  });

  it('was recorded in this form', () => {
    const now = slurm.finishedCommand({ jobName: 'glidein-campus', sinceSeconds: 0 });
    const form = (command: string) => command.replace(/--starttime=\S+/, '');
    expect(
      ours
        .map((one) => form(one.command))
        .filter((command) => command !== form(now) && command.includes('SLURM_BITSTR')),
    ).toEqual([]);
  });
});

describe('recorded', () => {
  it('knows how each job ended', () => {
    expect(tagged('fail000000')).toMatchObject([{ state: 'FAILED', exitCode: 3, signal: null, index: null }]);
    expect(tagged('limit00000')).toMatchObject([{ state: 'TIMEOUT', exitCode: null, signal: null, node: 'node1' }]);
    expect(tagged('lost000000')).toMatchObject([{ state: 'NODE_FAIL', exitCode: null, node: 'node8' }]);
    expect(tagged('running000')).toMatchObject([{ state: 'CANCELLED', exitCode: null }]);
    expect(tagged('signal0000')).toMatchObject([{ state: 'FAILED', exitCode: null, signal: 9 }]);
    expect(tagged('ok00000000').map(({ state, exitCode, index }) => [state, exitCode, index])).toEqual([
      ['COMPLETED', 0, 0],
      ['COMPLETED', 0, 1],
    ]);
  });

  it('leaves out what still runs and what has another name', () => {
    expect(tagged('still00000')).toEqual([]);
    expect(tagged('other00000')).toEqual([]);
  });

  it('has the times by the clock of the cluster', () => {
    const [limit] = tagged('limit00000');
    const ran = (limit?.endedAt ?? 0) - (limit?.startedAt ?? 0);
    expect(ran).toBeGreaterThanOrEqual(60);
    expect(ran).toBeLessThan(150);
    const began = Date.parse(`${/--starttime=(\S+)/.exec(whole.command)?.[1]}Z`) / 1000;
    expect((limit?.startedAt ?? 0) - began).toBeGreaterThanOrEqual(0);
    expect((limit?.startedAt ?? 0) - began).toBeLessThan(60);
  });

  it('gives no start to what was cancelled before it had a node', () => {
    const waiting = tagged('waiting000');
    expect(waiting).toMatchObject([{ state: 'CANCELLED', node: null, startedAt: null }]);
    expect(waiting[0]?.endedAt).not.toBeNull();
  });

  it('spreads the tasks of an array that never started, less the one that was cancelled by itself', () => {
    const array = tagged('array00000');
    const of = new Set(array.map((job) => job.submissionId));
    expect(of.size).toBe(1);
    expect(array.map((job) => job.index).toSorted()).toEqual([0, 1, 3, 7]);
    expect(array.map((job) => job.id)).toContain(`${[...of][0]}_7`);
    for (const job of array) expect(job).toMatchObject({ state: 'CANCELLED', startedAt: null });
  });

  it('knows no jobs of a user who had none', () => {
    const none = accounting.find((one) => isOurs(one) && one.note === 'a user who had no jobs');
    expect(none && slurm.parseFinished(none, query)).toEqual({ kind: 'known', jobs: [] });
  });

  it('knows nothing where there is no accounting, or its database does not run', () => {
    const without = recordings('slurm-22.05.8').find((one) => isOurs(one));
    const down = ours.find((one) => one.note === 'slurmdbd does not run');
    for (const [one, words] of [
      [without, /accounting storage is disabled/],
      [down, /Connection refused/],
    ] as const) {
      const finished = one && slurm.parseFinished(one, query);
      expect(finished?.kind === 'unknown' && finished.reason).toMatch(words);
    }
  });
});

describe('a line', () => {
  const cells = ['9_1', 'COMPLETED', '0:0', '1795185222', '1795185308', 'node1', 'campus-abcdefghij'];
  const withCell = (at: number, text: string) => said(line(cells.map((cell, index) => (index === at ? text : cell))));

  it('is one job', () => {
    expect(jobs(said(line(cells)))).toEqual([
      {
        id: '9_1',
        submissionId: '9',
        index: 1,
        tag: 'campus-abcdefghij',
        node: 'node1',
        exitCode: 0,
        signal: null,
        state: 'COMPLETED',
        startedAt: 1_795_185_222,
        endedAt: 1_795_185_308,
      },
    ]);
  });

  it('may lack a tag, since a site need not store comments', () => {
    for (const comment of ['', 'nightly run']) expect(jobs(withCell(6, comment))).toMatchObject([{ tag: null }]);
  });

  it.each(['PENDING', 'RUNNING', 'SUSPENDED', 'REQUEUED', 'COMPLETING'])(
    'of what is %s is no finished job',
    (state) => {
      expect(jobs(withCell(1, state))).toEqual([]);
    },
  );

  it.each([
    ['CANCELLED by 1000', 'CANCELLED'],
    ['CANCELLED by ada', 'CANCELLED'],
    ['CANCELLED+', 'CANCELLED'],
    ['OUT_OF_MEMORY', 'OUT_OF_MEMORY'],
  ])('with %s has the state %s', (text, state) => {
    expect(jobs(withCell(1, text))).toMatchObject([{ state, exitCode: null }]);
  });

  it('spreads indices with steps and a throttle', () => {
    expect(jobs(withCell(0, '9_[0-4:2,7%2]')).map((job) => job.id)).toEqual(['9_0', '9_2', '9_4', '9_7']);
  });

  it.each([
    [0, '9.batch'],
    [0, '9_[0-...]'],
    [0, 'x'],
    [1, ''],
    [1, 'finished'],
    [2, '0'],
    [6, 'a\u001fb'],
  ])('with cell %i as %j makes all of it unknown', (at, text) => {
    expect(slurm.parseFinished(withCell(at, text), query).kind).toBe('unknown');
  });
});

it('is nothing where a line is cut, never a part', () => {
  const ends = new Set([...whole.stdout.matchAll(/\n/g)].map((match) => match.index + 1));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: whole.stdout.length - 1 }), (length) => {
      fc.pre(!ends.has(length));
      const cut = { ...whole, stdout: whole.stdout.slice(0, length) };
      expect(slurm.parseFinished(cut, query).kind).toBe('unknown');
    }),
    { numRuns: 200 },
  );
});

it('is nothing where the client complained', () => {
  for (const output of [
    { ...whole, stderr: 'sacct: error: something\n' },
    { stdout: '', stderr: 'Slurm accounting storage is disabled\n', code: 0 },
    { stdout: whole.stdout, stderr: '', code: 124 },
  ])
    expect(slurm.parseFinished(output, query).kind).toBe('unknown');
});
