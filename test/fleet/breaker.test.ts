import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BreakerInput, judge } from '../../src/fleet/breaker.ts';
import type { Attempt, EndedJob } from '../../src/login/past.ts';

const now = 1_000_000;
const minute = 60;

const none: BreakerInput = {
  nowSeconds: now,
  attempts: [],
  ended: [],
  running: [],
  pause: null,
  resumedUpTo: 0,
  idleSeconds: 1800,
  canAvoid: true,
  isForbidden: (said) => said.includes('account'),
};

type Refusal = NonNullable<Attempt['refusal']>['refusal'];

/** Submissions one after the other, the last one answered `minutesAgo`. */
function refused(count: number, refusal: Refusal, { minutesAgo = 0, text = 'no', jobs = 1 } = {}): Attempt[] {
  return Array.from({ length: count }, (_, at) => ({
    sequence: at + 1,
    jobs,
    answer: 'refused' as const,
    refusal: { refusal, text },
    at: now - minutesAgo * minute - (count - 1 - at) * 3600,
  }));
}

const accepted = (sequence: number): Attempt => ({ sequence, jobs: 1, answer: 'accepted', refusal: null, at: now });

/** A pilot that started so many minutes ago, ran for so many seconds, and ended so. */
function life(startedMinutesAgo: number, seconds: number, reason = 'exited', more: Partial<EndedJob> = {}): EndedJob {
  const startedAt = now - startedMinutesAgo * minute;
  return {
    ...{ sequence: 1, tag: 'campus-0123456789', member: 'campus-0123456789.0', id: '7_0', nodes: 1 },
    node: `node${startedMinutesAgo}`,
    startedAt,
    endedAt: startedAt + seconds,
    ending: { exitCode: reason === 'exited' ? 1 : 0, reason },
    wallSeconds: 86_400,
    ...more,
  };
}

const brake = (more: Partial<BreakerInput>) => judge({ ...none, ...more }).brake;
const kind = (more: Partial<BreakerInput>) => brake(more).kind;

describe('refusals', () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 15],
    [4, 30],
    [5, 60],
    [9, 60],
  ])('after %i in a row, %i minutes of waiting', (count, minutes) => {
    const afterMinutes = (minutesAgo: number) => kind({ attempts: refused(count, 'permanent', { minutesAgo }) });
    expect(afterMinutes(minutes)).toBe('free');
    if (minutes > 0) expect(afterMinutes(minutes - 0.5)).toBe('waits');
  });

  it('pauses after ten, and not after nine', () => {
    expect(kind({ attempts: refused(9, 'permanent', { minutesAgo: 61 }) })).toBe('free');
    const paused = brake({ attempts: refused(10, 'permanent', { minutesAgo: 61, text: 'bad option' }) });
    expect(paused).toMatchObject({
      kind: 'paused',
      isNew: true,
      pause: { cause: 'refused', id: null, said: 'bad option' },
    });
  });

  it('pauses at once when the account may not', () => {
    const paused = brake({ attempts: refused(1, 'permanent', { text: 'Invalid account' }) });
    expect(paused).toMatchObject({ kind: 'paused', pause: { cause: 'forbidden' } });
    expect(kind({ attempts: refused(1, 'transient', { text: 'account service is down' }) })).toBe('free');
  });

  it('asks a scheduler that said "later" every 15 minutes, for ever, with one job once it was often', () => {
    for (const count of [3, 9, 10, 200]) {
      expect(kind({ attempts: refused(count, 'transient', { minutesAgo: 14 }) })).toBe('waits');
      const atMostJobs = count < 10 ? null : 1;
      expect(brake({ attempts: refused(count, 'transient', { minutesAgo: 15 }) })).toMatchObject({
        kind: 'free',
        atMostJobs,
      });
    }
  });

  it('does not count what asks for fewer the next time', () => {
    expect(brake({ attempts: refused(20, 'capacity', { jobs: 2 }) })).toMatchObject({ kind: 'free', row: null });
    expect(kind({ attempts: refused(3, 'capacity', { jobs: 1 }) })).toBe('waits');
  });

  it('begins again after one that was taken, and is not ended by one that nobody knows of', () => {
    const attempts = refused(5, 'permanent');
    expect(kind({ attempts: [...attempts, accepted(6)] })).toBe('free');
    expect(kind({ attempts: [...attempts, { ...accepted(6), answer: 'doubt' }] })).toBe('waits');
  });

  it('counts what was never taken', () => {
    const attempts = refused(3, 'transient').map((one): Attempt => ({ ...one, answer: 'never', refusal: null }));
    expect(kind({ attempts })).toBe('waits');
  });

  it('does not wait for a time that a wrong clock wrote down', () => {
    expect(kind({ attempts: refused(4, 'permanent', { minutesAgo: -600 }) })).toBe('free');
  });

  it('forgets what was before a person let it go on', () => {
    expect(kind({ attempts: refused(10, 'permanent'), resumedUpTo: 10 })).toBe('free');
    expect(kind({ attempts: refused(10, 'permanent', { minutesAgo: 61 }), resumedUpTo: 9 })).toBe('free');
  });
});

describe('pilots', () => {
  const deaths = [life(30, 5), life(20, 500), life(10, 0)];

  it('pause the site when three die early in a row, and name the last', () => {
    expect(kind({ ended: deaths.slice(0, 2) })).toBe('free');
    const last = life(10, 0, 'no-image', { id: '9_0' });
    const paused = brake({ ended: [...deaths.slice(0, 2), last] });
    expect(paused).toMatchObject({
      kind: 'paused',
      isNew: true,
      pause: { cause: 'died', id: '9_0' },
      row: { count: 3 },
    });
  });

  it('wait a minute after the second death', () => {
    expect(kind({ ended: [life(3, 5), life(0.5, 5)] })).toBe('waits');
    expect(kind({ ended: [life(0.5, 5)] })).toBe('free');
  });

  it.each([
    ['ran for ten minutes', life(15, 600)],
    ['went to the end of its wall clock', life(1500, 86_000, 'walltime')],
    ['left because there was no work', life(40, 1800, 'exited', { ending: { exitCode: 0, reason: 'exited' } })],
  ])('begin a new row after one that %s', (_what, good) => {
    const later = {
      ...good,
      startedAt: now - 15 * minute,
      endedAt: now - 15 * minute + (good.endedAt - (good.startedAt ?? 0)),
    };
    expect(brake({ ended: [life(30, 5), life(20, 5), later, life(4, 5)] })).toMatchObject({
      kind: 'free',
      row: { count: 1 },
    });
  });

  it('begin a new row after one that runs', () => {
    const running = [{ node: 'x', startedAt: now - 15 * minute }];
    expect(kind({ ended: [...deaths], running })).toBe('free');
    // It has not run long enough, or began before they died.
    expect(kind({ ended: deaths, running: [{ node: 'x', startedAt: now - 5 * minute }] })).toBe('paused');
    expect(kind({ ended: deaths, running: [{ node: 'x', startedAt: now - 90 * minute }] })).toBe('paused');
  });

  it('that began long ago say nothing when they end well', () => {
    const old = life(1500, 1499 * minute, 'walltime');
    expect(kind({ ended: [...deaths, old] })).toBe('paused');
  });

  it.each([...['drained', 'walltime', 'signalled', 'TIMEOUT', 'PREEMPTED', 'CANCELLED', 'DEADLINE', 'REVOKED']])(
    'do not count when they end as %s',
    (reason) => {
      const ended = deaths.map((one) => ({
        ...one,
        ending: { exitCode: reason === 'signalled' ? 143 : null, reason },
      }));
      expect(brake({ ended })).toMatchObject({ kind: 'free', row: null });
    },
  );

  it('do not count when nobody knows how they ended, or when work was short', () => {
    expect(kind({ ended: deaths.map((one) => ({ ...one, ending: null })) })).toBe('free');
    const idle = [30, 20, 10].map((ago) => life(ago, 300, 'exited', { ending: { exitCode: 0, reason: 'exited' } }));
    expect(kind({ ended: idle, idleSeconds: 300 })).toBe('free');
    // Half an hour is what they may be without work: sooner, they never were pilots.
    expect(kind({ ended: idle })).toBe('paused');
  });

  it.each(['FAILED', 'OUT_OF_MEMORY', 'NODE_FAIL', 'COMPLETED', 'LAUNCH_FAILED'])(
    'count when all that is known is %s',
    (reason) => {
      expect(kind({ ended: deaths.map((one) => ({ ...one, ending: { exitCode: null, reason } })) })).toBe('paused');
    },
  );

  it('pause the site at once when one was not limited to its owners', () => {
    const guard = life(5, 3, 'guard', { ending: { exitCode: 78, reason: 'guard' } });
    expect(brake({ ended: [guard] })).toMatchObject({ kind: 'paused', pause: { cause: 'guard' } });
    expect(kind({ ended: [guard], resumedUpTo: 1 })).toBe('free');
  });

  it('are past when a person lets it go on', () => {
    expect(kind({ ended: deaths, resumedUpTo: 1 })).toBe('free');
    expect(kind({ ended: deaths.map((one) => ({ ...one, sequence: 2 })), resumedUpTo: 1 })).toBe('paused');
  });
});

describe('a node on which pilots die', () => {
  const on = (node: string, ago: number, seconds = 5) =>
    life(ago, seconds, seconds < 600 ? 'exited' : 'walltime', { node });
  const elsewhere = { node: 'node2', startedAt: now - 500 * minute };

  it('is avoided while they live elsewhere, and does not pause the site', () => {
    const ended = [on('node1', 30), on('node1', 20), on('node1', 10), on('node1', 9)];
    expect(judge({ ...none, ended, running: [elsewhere] })).toMatchObject({
      avoided: ['node1'],
      brake: { kind: 'free', row: null },
    });
    // Nobody lives anywhere: it may be the image.
    expect(judge({ ...none, ended })).toMatchObject({ avoided: [], brake: { kind: 'paused' } });
    // It is not avoided for one death.
    expect(judge({ ...none, ended: ended.slice(0, 1), running: [elsewhere] }).avoided).toEqual([]);
  });

  it('is known by those who lived elsewhere before a person resumed', () => {
    const ended = [on('node2', 300, 700), on('node1', 30), on('node1', 20), on('node1', 10)];
    const past = ended.map((one, at) => ({ ...one, sequence: at + 1 }));
    expect(judge({ ...none, ended: past, resumedUpTo: 1 })).toMatchObject({
      avoided: ['node1'],
      brake: { kind: 'free' },
    });
  });

  it('pauses the site where the batch system cannot avoid it', () => {
    const ended = [on('node1', 30), on('node1', 20), on('node1', 10)];
    expect(judge({ ...none, ended, running: [elsewhere], canAvoid: false })).toMatchObject({
      avoided: ['node1'],
      brake: { kind: 'paused' },
    });
  });

  it('is not to blame when they die on another one, too', () => {
    const ended = [on('node1', 30), on('node1', 20), on('node3', 10)];
    expect(judge({ ...none, ended, running: [elsewhere] })).toMatchObject({ avoided: [], brake: { kind: 'paused' } });
  });

  it('pauses the site when avoiding it does not help', () => {
    const ended = [50, 40, 30, 20, 10].map((ago, sequence) => ({ ...on('node1', ago), sequence: sequence + 1 }));
    expect(kind({ ended: ended.slice(0, 4), running: [elsewhere] })).toBe('free');
    expect(kind({ ended, running: [elsewhere] })).toBe('paused');
  });

  it('is avoided for a day, and used again when a pilot lived there', () => {
    const twice = (ago: number) => [on('node1', ago + 10), on('node1', ago), on('node2', ago - 5, 700)];
    expect(judge({ ...none, ended: twice(1400) }).avoided).toEqual(['node1']);
    expect(judge({ ...none, ended: twice(1450) }).avoided).toEqual([]);
    expect(judge({ ...none, ended: [...twice(1400), on('node1', 100, 700)] }).avoided).toEqual([]);
  });
});

it('keeps a pause that the journal has, whatever happened since', () => {
  const pause = { kind: 'paused', cause: 'died', id: '7_0', said: 'x', at: now - 86_400 } as const;
  const any = fc.record({
    lives: fc.array(fc.tuple(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 0, max: 5000 })), { maxLength: 6 }),
    refusals: fc.integer({ min: 0, max: 12 }),
  });
  fc.assert(
    fc.property(any, ({ lives, refusals }) => {
      const ended = lives.map(([ago, seconds]) => life(ago, seconds));
      const found = brake({ ended, attempts: refused(refusals, 'transient'), pause });
      expect(found).toMatchObject({ kind: 'paused', isNew: false, pause });
    }),
    { numRuns: 100 },
  );
});
