import { describe, expect, it } from 'vitest';
import { census } from '../../src/login/census.ts';
import type { CensusInput } from '../../src/login/evidence.ts';
import {
  type Intent,
  type Note,
  type Outcome,
  readEnds,
  readIntents,
  readSeen,
  writeSize,
} from '../../src/login/journal.ts';
import type { ListedJob } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';

const tag = 'campus-abcdefghij';
const start = 1_000_000;
/** No outcome was written: the attempt may have gone on until then. */
const attemptSeconds = 210;

const intent = (more: Partial<Intent> = {}): Intent => ({
  sequence: 1,
  tag,
  count: 2,
  nodes: 1,
  mode: 'keep',
  startedAt: start,
  ...more,
});
const outcome = (stdout: string, stderr = '', code = 0, sequence = 1): Outcome => ({
  sequence,
  endedAt: start + 1,
  output: { stdout, stderr, code },
});
const job = (id: string, state: ListedJob['state'], more: Partial<ListedJob> = {}): ListedJob => ({
  id,
  submissionId: id.split('_')[0] ?? '',
  index: id.includes('_') ? Number(id.split('_')[1]) : null,
  state,
  reason: null,
  tag,
  nodes: 1,
  node: null,
  submittedAt: start,
  startedAt: null,
  endsAt: null,
  ...more,
});

function take(more: Partial<CensusInput>) {
  return census({
    site: 'campus',
    nowSeconds: start + 10,
    attemptSeconds,
    sequences: [],
    intents: [intent()],
    outcomes: [],
    notes: [],
    seen: [],
    ends: [],
    drains: [],
    jobs: [],
    asked: new Map(),
    parseOutcome: (one) => slurm.parseSubmit(one.output),
    firstIndex: 0,
    pilotId: (id, index) => slurm.pilotId(id, index),
    submissionIdOf: slurm.submissionIdOf,
    ...more,
  });
}

const states = (more: Partial<CensusInput>) => take(more).pilots.map((pilot) => `${pilot.id} ${pilot.state}`);

describe('what pilots were told', () => {
  const jobs = [job('7_0', 'running'), job('7_1', 'pending')];
  const at = start + 5;

  it('is seen in their drain marks, and in notes of the journal', () => {
    const notes: Note[] = [0, 3].map((later) => ({ kind: 'told', member: `${tag}.0`, at: at + later }));
    const drains = ['7_1', '*', '8_0'];
    const { pilots, notes: found } = take({ outcomes: [outcome('7\n')], jobs, notes, drains });
    // It was told first then; that it was told again does not put off the hard way.
    expect(pilots).toMatchObject([
      { id: '7_0', state: 'running', isDraining: false, toldAt: at },
      { id: '7_1', isDraining: true, toldAt: null },
    ]);
    expect(found).toEqual([]);
  });

  it('does not make one that is not listed any more be over: the scheduler is asked', () => {
    const notes: Note[] = [{ kind: 'told', member: `${tag}.0`, at }];
    const looked = take({ outcomes: [outcome('7\n')], jobs: jobs.slice(1), notes });
    expect(looked.missing).toEqual(['7_0']);
    expect(looked.pilots).toMatchObject([{ id: '7_0', state: 'unknown' }, { id: '7_1' }]);
  });
});

describe('a submission that was accepted', () => {
  const accepted = [outcome('7\n')];

  it('has the pilots that the listing shows', () => {
    const jobs = [job('7_0', 'running'), job('7_1', 'pending')];
    expect(states({ outcomes: accepted, jobs })).toEqual(['7_0 running', '7_1 pending']);
  });

  it('counts a pilot that a listing misses once, and notes it', () => {
    const missing = take({ outcomes: accepted, jobs: [job('7_0', 'running')] });
    expect(missing.pilots.map((pilot) => pilot.state)).toEqual(['running', 'unknown']);
    expect(missing.notes).toEqual([{ kind: 'missed', member: `${tag}.1`, at: start + 10 }]);
    expect(missing.absenceDecides).toBe(false);
  });

  it('gives a pilot up when it is missed again, a minute later, which only a second listing may confirm', () => {
    const notes: Note[] = [{ kind: 'missed', member: `${tag}.1`, at: start + 10 }];
    const jobs = [job('7_0', 'running')];
    expect(take({ outcomes: accepted, jobs, notes, nowSeconds: start + 69 }).pilots).toHaveLength(2);
    const later = take({ outcomes: accepted, jobs, notes, nowSeconds: start + 70 });
    expect(later.pilots).toHaveLength(1);
    expect(later.absenceDecides).toBe(true);
    expect(later.notes).toEqual([{ kind: 'closed', member: `${tag}.1`, at: start + 70 }]);
  });

  it('asks for a pilot that is missing, and believes the answer', () => {
    const jobs = [job('7_0', 'running')];
    expect(take({ outcomes: accepted, jobs }).missing).toEqual(['7_1']);
    const gone = take({ outcomes: accepted, jobs, asked: new Map([['7_1', 'gone']]) });
    expect(gone.pilots).toHaveLength(1);
    expect(gone.notes).toEqual([{ kind: 'closed', member: `${tag}.1`, at: start + 10 }]);
    const missed: Note = { kind: 'missed', member: `${tag}.1`, at: start - 1000 };
    const exists = take({ outcomes: accepted, jobs, notes: [missed], asked: new Map([['7_1', 'exists']]) });
    expect(exists.pilots.map((pilot) => pilot.state)).toEqual(['running', 'unknown']);
    expect(exists.absenceDecides).toBe(false);
  });

  it('starts again with a pilot that was found meanwhile', () => {
    const jobs = [job('7_0', 'running'), job('7_1', 'running')];
    const missed: Note = { kind: 'missed', member: `${tag}.1`, at: start + 10 };
    const found = take({ outcomes: accepted, jobs, notes: [missed], nowSeconds: start + 500 });
    expect(found.notes).toEqual([{ kind: 'found', member: `${tag}.1`, at: start + 500 }]);
    const again = take({
      outcomes: accepted,
      jobs: jobs.slice(0, 1),
      notes: [missed, ...found.notes],
      nowSeconds: start + 900,
    });
    expect(again.pilots.map((pilot) => pilot.state)).toEqual(['running', 'unknown']);
  });

  it('does not count what finished, was marked ended, or was told to end and is gone', () => {
    expect(states({ outcomes: accepted, jobs: [job('7_0', 'finished'), job('7_1', 'finished')] })).toEqual([]);
    const end = {
      tag,
      index: 0,
      pilotNumber: null,
      exitCode: 0,
      reason: 'exited',
      node: 'n',
      startedAt: start,
      endedAt: start + 5,
    };
    const closed: Note = { kind: 'closed', member: `${tag}.1`, at: start + 5 };
    expect(states({ outcomes: accepted, ends: [end], notes: [closed] })).toEqual([]);
  });

  it('asks for those that only a record without an index may stand for', () => {
    const jobs = [job('7', 'finished'), job('7_1', 'running')];
    const found = take({ outcomes: accepted, jobs });
    expect(found.pilots.map((pilot) => `${pilot.id} ${pilot.state}`)).toEqual(['7_0 unknown', '7_1 running']);
    expect(found.missing).toEqual(['7_0']);
  });

  it('takes back that a pilot is over when it is listed running', () => {
    const closed: Note = { kind: 'closed', member: `${tag}.0`, at: start + 5 };
    const running = take({ outcomes: accepted, notes: [closed], jobs: [job('7_0', 'running'), job('7_1', 'running')] });
    expect(running.notes).toEqual([{ kind: 'found', member: `${tag}.0`, at: start + 10 }]);
    const dropped = take({ outcomes: accepted, notes: [closed, ...running.notes], jobs: [job('7_1', 'running')] });
    expect(dropped.pilots.map((pilot) => pilot.state)).toEqual(['unknown', 'running']);
  });

  it('goes by its id where the site has put something else in place of the tag', () => {
    const jobs = ['7_0', '7_1'].map((id) => job(id, 'running', { tag: 'account-2024projct' }));
    expect(states({ outcomes: accepted, jobs })).toEqual(['7_0 running', '7_1 running']);
  });

  it('counts what the listing shows, whatever the journal says', () => {
    const closed: Note = { kind: 'closed', member: `${tag}.0`, at: start + 5 };
    expect(
      states({ outcomes: accepted, notes: [closed], jobs: [job('7_0', 'pending'), job('7_1', 'ending')] }),
    ).toEqual(['7_0 pending', '7_1 ending']);
  });

  it('is over when all its pilots are, with their ids for the clean-up', () => {
    const [over] = take({ outcomes: accepted, jobs: [job('7_0', 'finished'), job('7_1', 'finished')] }).over;
    expect(over?.pilotIds).toEqual(['7_0', '7_1']);
    expect(take({ outcomes: accepted, jobs: [job('7_0', 'running'), job('7_1', 'finished')] }).over).toEqual([]);
  });
});

describe('a submission whose outcome nobody knows', () => {
  it('is in doubt with all its pilots', () => {
    expect(take({}).inDoubt).toMatchObject([{ tag, count: 2 }]);
    const timedOut = outcome(
      '',
      'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation',
      1,
    );
    expect(take({ outcomes: [timedOut] }).inDoubt).toMatchObject([{ count: 2 }]);
  });

  it('is accepted when one task of its array is listed', () => {
    const found = take({ jobs: [job('9_1', 'running')] });
    expect(found.inDoubt).toEqual([]);
    expect(found.pilots.map((pilot) => pilot.state)).toEqual(['unknown', 'running']);
    expect(found.notes).toContainEqual({ kind: 'accepted', tag, submissionId: '9', at: start + 10 });
  });

  it("is accepted by the job's own mark, when no listing shows it any more", () => {
    const found = take({ seen: readSeen(`seen ${tag} 1 9_1 node1 ${start} .`) });
    expect(found.inDoubt).toEqual([]);
    expect(found.pilots).toHaveLength(2);
  });

  it('is found by its submit time where the site erases the tag, and only then', () => {
    const untagged = (submittedAt: number) => [
      job('9_0', 'running', { tag: null, submittedAt }),
      job('9_1', 'running', { tag: null, submittedAt }),
    ];
    expect(take({ jobs: untagged(start + 3) }).inDoubt).toEqual([]);
    expect(take({ jobs: untagged(start - 600) }).inDoubt).toHaveLength(1);
    // Somebody's job of the same name is counted, but ends no doubt.
    expect(take({ jobs: untagged(start - 600) }).pilots).toHaveLength(2);
  });

  it('stays in doubt where more than one submission, more than one job, or a job of another size could be meant', () => {
    const untagged = (id: string) => job(id, 'running', { tag: null, submittedAt: start + 3 });
    const other = intent({ sequence: 2, tag: 'campus-bbbbbbbbbb', count: 1 });
    expect(take({ intents: [intent(), other], jobs: [untagged('9_0')] }).inDoubt).toHaveLength(2);
    expect(take({ jobs: [untagged('9_0'), untagged('8_0')] }).inDoubt).toHaveLength(1);
    expect(take({ jobs: [untagged('9_0'), untagged('9_1'), untagged('9_2')] }).inDoubt).toHaveLength(1);
  });

  it('is not settled by notes about an older submission of the same sequence', () => {
    const notes: Note[] = [{ kind: 'never', tag: 'campus-oldoldoldo', at: start - 9 }];
    expect(take({ notes }).inDoubt).toHaveLength(1);
  });

  it('is never given up before two listings without it, five minutes after the attempt and a minute apart', () => {
    const ended = start + attemptSeconds;
    const at = (nowSeconds: number, notes: Note[]) => take({ nowSeconds, notes });
    expect(at(ended + 299, []).notes).toEqual([]);
    const first = at(ended + 300, []);
    expect(first.notes).toEqual([{ kind: 'absent', tag, at: ended + 300 }]);
    expect(first.inDoubt).toHaveLength(1);
    expect(at(ended + 359, [...first.notes]).inDoubt).toHaveLength(1);
    const second = at(ended + 360, [...first.notes]);
    expect(second.inDoubt).toEqual([]);
    expect(second.absenceDecides).toBe(true);
    expect(second.notes).toEqual([{ kind: 'never', tag, at: ended + 360 }]);
    expect(second.pilots).toEqual([]);
  });

  it('does not take a listing from before the five minutes for one of the two', () => {
    const early: Note = { kind: 'absent', tag, at: start + 100 };
    expect(take({ notes: [early], nowSeconds: start + attemptSeconds + 400 }).inDoubt).toHaveLength(1);
  });

  it('counts it after all when it appears after it was given up', () => {
    const never: Note = { kind: 'never', tag, at: start + 900 };
    expect(states({ notes: [never], jobs: [job('9_0', 'running'), job('9_1', 'running')] })).toEqual([
      '9_0 running',
      '9_1 running',
    ]);
  });
});

describe('a job of several nodes', () => {
  const intents = readIntents(`intent 1 ${tag} 2x4 keep ${start} .\n`);
  const accepted = [outcome('7\n')];

  it('counts for as many pilots as the listing says, or else as were asked for', () => {
    const jobs = [job('7_0', 'running', { nodes: 3 })];
    const found = take({ intents, outcomes: accepted, jobs });
    expect(found.pilots).toMatchObject([
      { id: '7_0', nodes: 3 },
      { id: '7_1', nodes: 4, state: 'unknown' },
    ]);
    expect(take({ intents }).inDoubt).toMatchObject([{ count: 8 }]);
  });

  it('is not over because one of its pilots is', () => {
    const ends = readEnds(`end ${tag} 0.1 0 exited n ${start} ${start + 5} .\n`);
    expect(ends).toMatchObject([{ index: 0, pilotNumber: 1 }]);
    expect(take({ intents, outcomes: accepted, ends }).missing).toEqual(['7_0', '7_1']);
    const both = [...ends, ...readEnds(`end ${tag} 0 0 exited n ${start} ${start + 6} .\n`)];
    expect(take({ intents, outcomes: accepted, ends: both }).missing).toEqual(['7_1']);
  });

  it('is shown by its own mark, and not by that of one of its pilots, whose id the scheduler does not know', () => {
    const pilots = readSeen(`seen ${tag} 1.3 9_1_n3 node4 ${start} .\n`);
    expect(pilots).toMatchObject([{ index: 1, pilotNumber: 3, jobId: '9_1_n3' }]);
    expect(take({ intents, seen: pilots }).inDoubt).toHaveLength(1);
    const seen = [...readSeen(`seen ${tag} 1 9_1 node1 ${start} .\n`), ...pilots];
    expect(take({ intents, seen }).notes).toContainEqual({
      ...{ kind: 'accepted', tag, submissionId: '9', at: start + 10 },
    });
  });

  it('has an intent that says so; others read as they always did', () => {
    expect(writeSize({ count: 2, nodes: 4 })).toBe('2x4');
    expect(writeSize({ count: 2, nodes: 1 })).toBe('2');
    expect(readIntents(`intent 1 ${tag} 2 once ${start} .\n`)).toEqual([intent({ mode: 'once' })]);
  });
});

describe('what is not known to the journal', () => {
  it('counts when its tag is of the site, but no pass may end it', () => {
    const found = take({ intents: [], jobs: [job('5', 'running', { tag: 'campus-zzzzzzzzzz' })] });
    expect(found.pilots).toMatchObject([{ id: '5', once: true, member: null }]);
  });

  it('does not count when its tag is of another site with the same job name', () => {
    expect(take({ intents: [], jobs: [job('5', 'running', { tag: 'campus-b-zzzzzzzzzz' })] }).pilots).toEqual([]);
  });
});

describe('capacity', () => {
  const refused = outcome(
    '',
    'sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy',
    1,
  );

  it('is halved by a refusal and doubled by an acceptance that reached it', () => {
    expect(take({ intents: [intent({ count: 8 })], outcomes: [refused] }).capacity).toBe(4);
    const second = { ...outcome('7\n'), sequence: 2 };
    const intents = [intent({ count: 8 }), intent({ sequence: 2, count: 4, tag: 'campus-bbbbbbbbbb' })];
    expect(take({ intents, outcomes: [refused, second] }).capacity).toBe(8);
    expect(take({ intents: [intent({ count: 1 })], outcomes: [refused] }).capacity).toBe(1);
    // Without arrays every pilot is a submission of its own.
    const single = [1, 2, 3, 4].map((sequence) => intent({ sequence, count: 1, tag: `campus-ccccccccc${sequence}` }));
    const taken = [2, 3, 4].map((sequence) => ({ ...outcome('7\n'), sequence }));
    expect(take({ intents: single, outcomes: [refused, ...taken] }).capacity).toBe(4);
  });
});
