import { isoTime } from '../iso-time.ts';
import type { Census } from '../login/census.ts';
import type { Plan } from './plan.ts';

/** Why a site is not simply at its target, in words. */

/** What is in doubt, and when it will not be any more. */
export function doubtWords(census: Census): string | null {
  const [first] = census.inDoubt;
  if (first === undefined) return null;
  const count = census.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0);
  const when = isoTime(Math.max(...census.inDoubt.map((doubt) => doubt.settlesAt))) ?? 'a time that is none';
  return `${count} in doubt (${first.said.split('\n')[0]}); later passes settle it: when a listing shows it, else with two looks, the second after ${when}`;
}

const wholeJobWords = 'fewer are missing than one more job has (scheduler.nodesPerJob)';

/** Which limit holds a plan back; null: none. `draining`: how many pilots it drains. */
export function limitWords(plan: Plan, draining: number): string | null {
  switch (plan.kind) {
    case 'wait':
      if (plan.limitedBy === 'nodesPerJob') return wholeJobWords;
      if (plan.limitedBy === 'budget') return 'the budget pays for no more (limits.nodeHours)';
      return plan.limitedBy === 'maxPending'
        ? 'as many pilots wait in the queue as limits.maxPending allows'
        : `held back by ${plan.limitedBy}`;
    case 'submit':
      if (plan.limitedBy === 'nodesPerJob') return wholeJobWords;
      if (plan.limitedBy === 'capacity') return 'the scheduler refused more at once before; the next pass tries more';
      if (plan.limitedBy === 'budget') return 'the budget pays for no more (limits.nodeHours)';
      if (plan.limitedBy === 'breaker') return 'one job only, to see whether the scheduler takes it again';
      return plan.limitedBy === null ? null : `limits.${plan.limitedBy} allows no more in this pass`;
    case 'shrink':
      return surplusWords(plan, draining);
    case 'nothing':
      return surplusWords(plan, 0);
  }
}

type Surplus = Extract<Plan, { kind: 'nothing' }>;

function surplusWords(plan: Omit<Surplus, 'kind'>, draining: number): string | null {
  const { remaining, indivisible } = plan;
  const leaving = plan.leaving + draining;
  const words = [
    leaving > 0 ? `${leaving} above the target take no new jobs and end when theirs are done` : null,
    remaining > 0
      ? `${remaining} above the target were asked for by hand; they end by themselves, or with \`glidein drain\``
      : null,
    indivisible > 0 ? `${indivisible} above the target stay: every job has more pilots than that` : null,
  ].filter((one) => one !== null);
  return words.length === 0 ? null : words.join('; ');
}
