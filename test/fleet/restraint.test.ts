import { expect, it } from 'vitest';
import type { Plan } from '../../src/fleet/plan.ts';
import { type PauseReason, pauseReason, type Restraint } from '../../src/fleet/restraint.ts';

const pause = { kind: 'paused', cause: 'died', id: '7_0', said: '', at: 1_000_000 } as const;
const paused: Restraint['brake'] = { kind: 'paused', pause, isNew: false, row: null };
const budget: Restraint['budget'] = {
  ...{ nodeHours: 100, until: null, spentSeconds: 0, committedSeconds: 0, leftSeconds: 3600, isTooLate: false },
};
const waits = (limitedBy: 'breaker' | 'budget'): Plan => ({ kind: 'wait', limitedBy });

it.each<[string, Plan, number, Partial<Restraint['budget']>, PauseReason | null]>([
  ['a pass, by the breaker', waits('breaker'), 0, {}, 'breaker'],
  ['a person, by what is not paid for, and not by the breaker', waits('budget'), 0, {}, 'budget'],
  ['a person who wants more than the target, by a day that comes', waits('budget'), 2, { isTooLate: true }, 'until'],
  ['nobody who submits', { kind: 'submit', count: 1, limitedBy: null }, 0, {}, null],
])('a paused site holds back %s', (_who, plan, there, more, reason) => {
  const restraint = { brake: paused, budget: { ...budget, ...more }, avoided: [], suspected: [] };
  expect(pauseReason(plan, 2, there, restraint)).toBe(reason);
});
