import fc from 'fast-check';
import { expect, it } from 'vitest';
import { affordable, type BudgetInput, budgetOf } from '../../src/fleet/budget.ts';
import type { EndedJob } from '../../src/login/past.ts';

const now = 1_000_000;
const hour = 3600;
const none: BudgetInput = {
  nowSeconds: now,
  nodeHours: 100,
  until: null,
  wallSeconds: 10 * hour,
  jobs: [],
  inDoubt: [],
  ended: [],
  spent: new Map(),
};
const job = (more: Partial<BudgetInput['jobs'][number]> = {}) => ({
  ...{ nodes: 1, startedAt: null, endsAt: null, wallSeconds: null },
  ...more,
});
const ended = (hours: number, more: Partial<EndedJob> = {}): EndedJob => ({
  ...{ sequence: 1, tag: 'campus-0123456789', member: 'campus-0123456789.0', id: '7_0', nodes: 1, node: 'node1' },
  ...{ startedAt: now - 50 * hour, endedAt: now - 50 * hour + hours * hour },
  ...{ ending: { exitCode: 0, reason: 'exited' }, wallSeconds: 10 * hour },
  ...more,
});
const hoursOf = (input: Partial<BudgetInput>) => {
  const { spentSeconds, committedSeconds, leftSeconds } = budgetOf({ ...none, ...input });
  return [spentSeconds / hour, committedSeconds / hour, leftSeconds === null ? null : leftSeconds / hour];
};

it.each<[string, Partial<BudgetInput>, (number | null)[]]>([
  ['nothing', {}, [0, 0, 100]],
  ['without a limit', { nodeHours: null, jobs: [job()] }, [0, 10, null]],
  ['what waits with all of its wall clock', { jobs: [job(), job({ nodes: 3 })] }, [0, 40, 60]],
  [
    'what runs to the end of its wall clock',
    { jobs: [job({ startedAt: now - hour, endsAt: now + hour })] },
    [1, 1, 98],
  ],
  ['what runs, nobody knows until when', { jobs: [job({ startedAt: now - 4 * hour })] }, [4, 6, 90]],
  [
    'what runs longer than it may',
    { jobs: [job({ startedAt: now - 12 * hour, endsAt: now - 2 * hour })] },
    [12, 0, 88],
  ],
  ['what was submitted with another wall clock', { jobs: [job({ wallSeconds: 2 * hour })] }, [0, 2, 98]],
  ['what is in doubt', { inDoubt: [{ count: 4, wallSeconds: null }] }, [0, 40, 60]],
  ['what is in doubt by whole minutes, as batch systems do', { inDoubt: [{ count: 60, wallSeconds: 1 }] }, [0, 1, 99]],
  ['what is over', { ended: [ended(5), ended(2, { nodes: 4 })] }, [13, 0, 87]],
  ['what never ran', { ended: [ended(5, { startedAt: null })] }, [0, 0, 100]],
  ['what ended unseen, an hour more for clocks that are wrong', { ended: [ended(5, { ending: null })] }, [6, 0, 94]],
  ['what ended unseen, to its wall clock at most', { ended: [ended(30, { ending: null })] }, [10, 0, 90]],
  ['what was cleared away', { spent: new Map([['campus-aaaaaaaaaa', 7 * hour]]) }, [7, 0, 93]],
  [
    'what is cleared away just now once',
    { ended: [ended(5)], spent: new Map([['campus-0123456789', 5 * hour]]) },
    [5, 0, 95],
  ],
])('counts %s', (_what, input, hours) => expect(hoursOf(input)).toEqual(hours));

it('pays for whole wall clocks only, rounded up to the minute', () => {
  const left = (hours: number, wallSeconds: number) =>
    affordable(budgetOf({ ...none, nodeHours: hours, wallSeconds }), wallSeconds);
  expect(left(100, 10 * hour)).toBe(10);
  expect(left(99, 10 * hour)).toBe(9);
  expect(left(10, 10 * hour + 1)).toBe(0);
  expect(affordable(budgetOf({ ...none, nodeHours: null }), 1)).toBe(Number.POSITIVE_INFINITY);
  expect(affordable(budgetOf({ ...none, nodeHours: 1, ended: [ended(5)] }), hour)).toBe(0);
});

it('pays for nothing that could run past the end', () => {
  const at = (until: number) => affordable(budgetOf({ ...none, until }), none.wallSeconds);
  expect(at(now + 10 * hour)).toBe(10);
  expect(at(now + 10 * hour - 1)).toBe(0);
});

it('never lets in more than is left, whatever is there', () => {
  const some = fc.integer({ min: 0, max: 20 });
  fc.assert(
    fc.property(
      fc.record({ nodeHours: fc.integer({ min: 1, max: 400 }), waiting: some, doubt: some, over: some }),
      (given) => {
        const { nodeHours, waiting, doubt, over } = given;
        const jobs = Array.from({ length: waiting }, () => job());
        const input = {
          ...none,
          nodeHours,
          jobs,
          inDoubt: [{ count: doubt, wallSeconds: null }],
          ended: [ended(over)],
        };
        const more = affordable(budgetOf(input), none.wallSeconds);
        if (more > 0) expect((waiting + doubt + more) * 10 + over).toBeLessThanOrEqual(nodeHours);
      },
    ),
    { numRuns: 200 },
  );
});
