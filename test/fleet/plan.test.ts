import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanInput, type PlannedPilot, plan } from '../../src/fleet/plan.ts';

const base: PlanInput = { target: 5, pilots: [], inDoubt: 0, maxPending: 100, maxPerPass: 100, capacity: null };

const pilot = (state: PlannedPilot['state'], more: Partial<PlannedPilot> = {}): PlannedPilot => ({
  id: '1',
  state,
  once: false,
  submittedAt: 1000,
  ...more,
});

describe('below the target', () => {
  it('submits what is missing', () => {
    expect(plan({ ...base, pilots: [pilot('running')] })).toEqual({ kind: 'submit', count: 4, limitedBy: null });
  });

  it.each(['pending', 'running', 'held', 'suspended', 'unknown'] as const)('counts a pilot that is %s', (state) => {
    expect(plan({ ...base, target: 1, pilots: [pilot(state)] })).toEqual({ kind: 'nothing', surplus: 0 });
  });

  it('counts what is in doubt', () => {
    expect(plan({ ...base, inDoubt: 3 })).toEqual({ kind: 'submit', count: 2, limitedBy: null });
    expect(plan({ ...base, inDoubt: 5 })).toEqual({ kind: 'nothing', surplus: 0 });
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
    expect(plan({ ...base, target: 2, pilots })).toEqual({ kind: 'cancel', ids: ['new', '7_10'], remaining: 0 });
  });

  it('leaves running ones and those that a person asked for', () => {
    const pilots = [pilot('running'), pilot('running'), pilot('pending', { once: true })];
    expect(plan({ ...base, target: 1, pilots })).toEqual({ kind: 'nothing', surplus: 2 });
  });

  it('ends nothing for pilots that may not exist', () => {
    expect(plan({ ...base, target: 1, pilots: [pilot('pending')], inDoubt: 3 })).toEqual({
      kind: 'nothing',
      surplus: 0,
    });
    const missing = [pilot('pending'), pilot('unknown'), pilot('unknown')];
    expect(plan({ ...base, target: 1, pilots: missing })).toEqual({ kind: 'nothing', surplus: 0 });
  });
});

it('never plans above the target, nor ends more than the surplus', () => {
  const states = fc.constantFrom('pending', 'running', 'held', 'suspended', 'unknown');
  const pilots = fc.array(
    fc.record({ id: fc.uuid(), state: states, once: fc.boolean(), submittedAt: fc.option(fc.nat()) }),
    { maxLength: 12 },
  );
  const small = fc.nat({ max: 12 });
  const input = fc.record({
    target: small,
    pilots,
    inDoubt: small,
    maxPending: small,
    maxPerPass: small,
    capacity: fc.option(small),
  });
  fc.assert(
    fc.property(input, (given) => {
      const planned = plan(given as PlanInput);
      const counted = given.pilots.length + given.inDoubt;
      if (planned.kind === 'submit') expect(counted + planned.count).toBeLessThanOrEqual(given.target);
      if (planned.kind === 'cancel')
        expect(given.pilots.length - planned.ids.length).toBeGreaterThanOrEqual(given.target);
      if (planned.kind === 'submit') expect(planned.count).toBeGreaterThan(0);
    }),
  );
});
