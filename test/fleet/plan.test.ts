import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanInput, type PlannedPilot, plan } from '../../src/fleet/plan.ts';

const base: PlanInput = {
  target: 5,
  nodesPerJob: 1,
  pilots: [],
  inDoubt: 0,
  maxPending: 100,
  maxPerPass: 100,
  capacity: null,
  breaker: null,
  budget: null,
};

const pilot = (state: PlannedPilot['state'], more: Partial<PlannedPilot> = {}): PlannedPilot => ({
  id: '1',
  nodes: 1,
  state,
  once: false,
  submittedAt: 1000,
  endsAt: 9000,
  leaves: false,
  ...more,
});

const nodesOf = (pilots: readonly PlannedPilot[]) => pilots.reduce((sum, { nodes }) => sum + nodes, 0);

const nothing = { kind: 'nothing', leaving: 0, remaining: 0, indivisible: 0 };

describe('below the target', () => {
  it('submits what is missing', () => {
    expect(plan({ ...base, pilots: [pilot('running')] })).toEqual({ kind: 'submit', count: 4, limitedBy: null });
  });

  it.each(['pending', 'running', 'held', 'suspended', 'unknown'] as const)('counts a pilot that is %s', (state) => {
    expect(plan({ ...base, target: 1, pilots: [pilot(state)] })).toEqual(nothing);
  });

  it('counts what is in doubt', () => {
    expect(plan({ ...base, inDoubt: 3 })).toEqual({ kind: 'submit', count: 2, limitedBy: null });
    expect(plan({ ...base, inDoubt: 5 })).toEqual(nothing);
  });

  it('holds back for the limits, and names the one', () => {
    expect(plan({ ...base, maxPending: 2 })).toEqual({ kind: 'submit', count: 2, limitedBy: 'maxPending' });
    expect(plan({ ...base, maxPerPass: 3 })).toEqual({ kind: 'submit', count: 3, limitedBy: 'maxPerPass' });
    expect(plan({ ...base, capacity: 1 })).toEqual({ kind: 'submit', count: 1, limitedBy: 'capacity' });
    const waiting = [pilot('pending'), pilot('held')];
    expect(plan({ ...base, maxPending: 2, pilots: waiting })).toEqual({ kind: 'wait', limitedBy: 'maxPending' });
  });

  it('takes what is in doubt for pending', () => {
    expect(plan({ ...base, maxPending: 3, inDoubt: 2 })).toEqual({ kind: 'submit', count: 1, limitedBy: 'maxPending' });
  });
});

describe('above the target', () => {
  it('cancels those that have not started, newest first', () => {
    const pilots = [
      pilot('running', { id: 'r' }),
      pilot('pending', { id: '7_2', submittedAt: 10 }),
      pilot('pending', { id: '7_10', submittedAt: 10 }),
      pilot('held', { id: 'new', submittedAt: 20 }),
    ];
    const planned = { kind: 'shrink', cancel: ['new', '7_10'], drain: [], leaving: 0, remaining: 0, indivisible: 0 };
    expect(plan({ ...base, target: 2, pilots })).toEqual(planned);
  });

  const ends = (id: string, endsAt: number | null, more: Partial<PlannedPilot> = {}) =>
    pilot('running', { id, endsAt, ...more });

  it.each<
    [
      string,
      number,
      PlannedPilot[],
      { cancel: string[]; drain: string[]; leaving: number; remaining: number; indivisible: number },
    ]
  >([
    [
      'drains what runs, nearest its end first',
      1,
      [ends('late', 30), ends('soon', 10), ends('later', 20)],
      { cancel: [], drain: ['soon', 'later'], leaving: 0, remaining: 0, indivisible: 0 },
    ],
    [
      'drains last those whose end nobody knows, by id',
      1,
      [ends('7_10', null), ends('7_2', null), ends('known', 10)],
      { cancel: [], drain: ['known', '7_2'], leaving: 0, remaining: 0, indivisible: 0 },
    ],
    [
      'cancels before it drains',
      1,
      [ends('a', 10), ends('b', 20), pilot('pending', { id: 'p' })],
      { cancel: ['p'], drain: ['a'], leaving: 0, remaining: 0, indivisible: 0 },
    ],
    [
      'counts those first that leave already',
      1,
      [ends('a', 10), ends('b', 20), ends('c', 30, { leaves: true }), ends('d', 40)],
      { cancel: [], drain: ['a', 'b'], leaving: 1, remaining: 0, indivisible: 0 },
    ],
    [
      'drains what is suspended, too',
      0,
      [pilot('suspended', { id: 's', endsAt: 5 })],
      { cancel: [], drain: ['s'], leaving: 0, remaining: 0, indivisible: 0 },
    ],
    [
      'leaves those that a person asked for',
      0,
      [ends('a', 10, { once: true }), ends('b', 20), pilot('pending', { once: true })],
      { cancel: [], drain: ['b'], leaving: 0, remaining: 2, indivisible: 0 },
    ],
    [
      'cancels one that waits although it is to drain',
      1,
      [ends('a', 10), pilot('pending', { id: 'p', leaves: true })],
      { cancel: ['p'], drain: [], leaving: 0, remaining: 0, indivisible: 0 },
    ],
  ])('%s', (_, target, pilots, expected) => {
    expect(plan({ ...base, target, pilots })).toEqual({ kind: 'shrink', ...expected });
  });

  it('does nothing while enough leave, or all the others were asked for by a person', () => {
    const leaving = [ends('a', 10, { leaves: true }), ends('b', 20, { leaves: true }), ends('c', 30)];
    expect(plan({ ...base, target: 1, pilots: leaving })).toEqual({
      kind: 'nothing',
      leaving: 2,
      remaining: 0,
      indivisible: 0,
    });
    // The target was raised again meanwhile: what is marked stays so, and is replaced when it is gone.
    expect(plan({ ...base, target: 2, pilots: leaving })).toEqual({
      kind: 'nothing',
      leaving: 1,
      remaining: 0,
      indivisible: 0,
    });
    expect(plan({ ...base, target: 3, pilots: leaving })).toEqual(nothing);
    const once = [pilot('running', { once: true }), pilot('pending', { once: true })];
    expect(plan({ ...base, target: 1, pilots: once })).toEqual({
      kind: 'nothing',
      leaving: 0,
      remaining: 1,
      indivisible: 0,
    });
  });

  it('ends nothing for pilots that may not exist', () => {
    expect(plan({ ...base, target: 1, pilots: [pilot('pending')], inDoubt: 3 })).toEqual(nothing);
    const missing = [pilot('pending'), pilot('unknown'), pilot('unknown')];
    expect(plan({ ...base, target: 1, pilots: missing })).toEqual(nothing);
  });
});

describe('jobs of several nodes', () => {
  const several = { ...base, target: 8, nodesPerJob: 4 };
  const job = (id: string, nodes: number, more: Partial<PlannedPilot> = {}) => pilot('running', { id, nodes, ...more });

  it('count for all their pilots, and as many are submitted as whole jobs come to', () => {
    expect(plan(several)).toEqual({ kind: 'submit', count: 8, limitedBy: null });
    expect(plan({ ...several, pilots: [job('a', 4)] })).toEqual({ kind: 'submit', count: 4, limitedBy: null });
    expect(plan({ ...several, pilots: [job('a', 4), job('b', 4)] })).toEqual(nothing);
    expect(plan({ ...several, pilots: [job('a', 4)], inDoubt: 4 })).toEqual(nothing);
  });

  it('are not submitted for less than one', () => {
    expect(plan({ ...several, pilots: [job('a', 1)] })).toEqual({ kind: 'submit', count: 4, limitedBy: 'nodesPerJob' });
    expect(plan({ ...several, pilots: [job('a', 4), job('b', 1)] })).toEqual({
      kind: 'wait',
      limitedBy: 'nodesPerJob',
    });
  });

  it('are held back by limits that count pilots, and by a capacity that counts jobs', () => {
    expect(plan({ ...several, maxPerPass: 7 })).toEqual({ kind: 'submit', count: 4, limitedBy: 'maxPerPass' });
    const waiting = [pilot('pending', { nodes: 4 })];
    expect(plan({ ...several, maxPending: 7, pilots: waiting })).toEqual({ kind: 'wait', limitedBy: 'maxPending' });
    expect(plan({ ...several, capacity: 1 })).toEqual({ kind: 'submit', count: 4, limitedBy: 'capacity' });
  });

  it('are ended only as far as the surplus covers them', () => {
    const pilots = [job('soon', 4, { endsAt: 10 }), job('later', 4, { endsAt: 20 }), job('small', 1, { endsAt: 30 })];
    const rest = { leaving: 0, remaining: 0 };
    const drains = (target: number) => plan({ ...several, target, pilots });
    expect(drains(5)).toEqual({ kind: 'shrink', cancel: [], drain: ['soon'], ...rest, indivisible: 0 });
    expect(drains(8)).toEqual({ kind: 'shrink', cancel: [], drain: ['small'], ...rest, indivisible: 0 });
    expect(drains(6)).toEqual({ kind: 'shrink', cancel: [], drain: ['small'], ...rest, indivisible: 2 });
    expect(plan({ ...several, target: 7, pilots: pilots.slice(0, 2) })).toEqual({
      kind: 'nothing',
      ...rest,
      indivisible: 1,
    });
    const leaving = [{ ...job('soon', 4), leaves: true }, job('later', 4)];
    expect(plan({ ...several, target: 4, pilots: leaving })).toEqual({ ...nothing, leaving: 4 });
  });
});

it('never plans above the target, nor ends more than the surplus, nor what a person asked for', () => {
  const states = fc.constantFrom('pending', 'running', 'held', 'suspended', 'unknown' as const);
  const one = fc.record({
    id: fc.uuid(),
    nodes: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 4 })),
    state: states,
    once: fc.boolean(),
    submittedAt: fc.option(fc.nat()),
    endsAt: fc.option(fc.nat()),
    leaves: fc.boolean(),
  });
  const small = fc.nat({ max: 12 });
  const input = fc.record({
    target: small,
    nodesPerJob: fc.integer({ min: 1, max: 4 }),
    pilots: fc.uniqueArray(one, { maxLength: 12, selector: ({ id }) => id }),
    inDoubt: small,
    maxPending: small,
    maxPerPass: small,
    capacity: fc.option(small),
    breaker: fc.option(small),
    budget: fc.option(small),
  });
  const seen = { submit: 0, shrink: 0, wait: 0, nothing: 0 };
  fc.assert(
    fc.property(input, (given) => {
      const pilots = given.pilots as PlannedPilot[];
      const planned = plan({ ...given, pilots });
      seen[planned.kind] += 1;
      if (planned.kind === 'submit') {
        expect(nodesOf(pilots) + given.inDoubt + planned.count).toBeLessThanOrEqual(given.target);
        expect(planned.count).toBeGreaterThan(0);
        expect(planned.count % given.nodesPerJob).toBe(0);
      }
      if (planned.kind !== 'shrink') return;
      const told = pilots.filter(({ id }) => planned.cancel.includes(id) || planned.drain.includes(id));
      expect(told).toHaveLength(planned.cancel.length + planned.drain.length);
      expect(told.filter((pilot) => pilot.once)).toEqual([]);
      const runs = ({ state }: PlannedPilot) => state === 'running' || state === 'suspended';
      const leaving = pilots.filter((pilot) => pilot.leaves && runs(pilot));
      const there = pilots.filter(({ state }) => state !== 'unknown');
      // What is left when all of them are gone.
      expect(nodesOf(there) - nodesOf(leaving) - nodesOf(told)).toBeGreaterThanOrEqual(given.target);
      const ended = (pilot: PlannedPilot) => pilot.endsAt ?? Number.POSITIVE_INFINITY;
      const drained = told.filter(runs);
      expect(drained.map(({ id }) => id).sort()).toEqual([...planned.drain].sort());
      const spared = pilots.filter((pilot) => runs(pilot) && !pilot.once && !pilot.leaves && !drained.includes(pilot));
      for (const pilot of drained)
        for (const other of spared.filter(({ nodes }) => nodes <= pilot.nodes))
          expect(ended(pilot)).toBeLessThanOrEqual(ended(other));
      const waits = pilots.filter(({ state, once }) => !once && (state === 'pending' || state === 'held'));
      const kept = waits.filter(({ id }) => !planned.cancel.includes(id));
      if (drained.length > 0) for (const { nodes } of kept) expect(nodes).toBeGreaterThan(nodesOf(drained));
    }),
    { numRuns: 500 },
  );
  expect(seen.submit).toBeGreaterThan(0);
  expect(seen.shrink).toBeGreaterThan(0);
});
