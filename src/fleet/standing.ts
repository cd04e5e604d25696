import type { Census } from '../login/census.ts';
import { pauseWords, waitWords } from './pause-words.ts';
import type { Plan } from './plan.ts';
import { doubtWords } from './plan-words.ts';
import { pauseReason, type Restraint } from './restraint.ts';
import { type SiteReport, type SiteState, stateOf } from './site-report.ts';

/** How a site stands: the state that is reported, and why it is not simply at its target, beyond what a plan says of itself. */
export function standing(
  { site, target, counts, failure }: SiteReport,
  plan: Plan,
  census: Census,
  restraint: Restraint,
): { state: SiteState; reason: string | null } {
  const there = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const pause = pauseReason(plan, target ?? 0, there, restraint);
  if (pause !== null) {
    const state = failure === null ? 'paused' : stateOf(failure);
    return { state, reason: pauseWords(site, pause, restraint) };
  }
  if (failure !== null) return { state: stateOf(failure), reason: doubtWords(census) };
  if (counts.inDoubt > 0) return { state: 'doubt', reason: doubtWords(census) };
  const { brake } = restraint;
  if (plan.kind === 'wait' && plan.limitedBy === 'breaker' && brake.kind === 'waits')
    return { state: 'short', reason: waitWords(brake) };
  return { state: 'ok', reason: null };
}
