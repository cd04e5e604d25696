import type { Profile } from '../config/schema.ts';
import { secondsUntil } from '../config/until.ts';
import type { Census, Pilot } from '../login/census.ts';
import { isAboutRights } from '../schedulers/refusal-subjects.ts';
import { type Brake, isTriedOnly, judge } from './breaker.ts';
import { affordable, type Budget, budgetOf } from './budget.ts';
import { type Plan, type PlannedPilot, plan } from './plan.ts';
import { batchJobOf, schedulerOf } from './site-scheduler.ts';

/** What a site's past allows, and what a pass should do then. */
export interface Restraint {
  brake: Brake;
  budget: Budget;
  /** Nodes that new jobs are kept off. */
  avoided: readonly string[];
  /** Nodes on which pilots die, though new jobs are not kept off them: the batch system cannot, or refused just now. */
  suspected: readonly string[];
}

/** Why nothing more comes, though it is wanted, until a person does something. */
export type PauseReason = 'breaker' | 'tried-only' | 'budget' | 'until';

/** Reads from what the login host remembers what may be submitted. */
export function restraintFor(profile: Profile, census: Census, nowSeconds: number): Restraint {
  const { past, pilots } = census;
  const canAvoid = schedulerOf(profile).avoidsNodes?.(batchJobOf(profile)) ?? false;
  const { brake, avoided } = judge({
    nowSeconds,
    attempts: past.attempts,
    ended: past.ended,
    running: pilots.filter(({ state }) => state === 'running'),
    pause: past.pause,
    resumedUpTo: past.resumedUpTo,
    idleSeconds: profile.pilot.idleMinutes * 60,
    canAvoid,
    isForbidden: isAboutRights,
  });
  const nodes = canAvoid ? { avoided, suspected: [] } : { avoided: [], suspected: avoided };
  // A node that the batch system does not know any more is a reason to refuse: the next try names none.
  const named = brake.kind === 'free' && brake.row?.what === 'refused' ? { avoided: [], suspected: avoided } : nodes;
  return { brake, budget: budgetFor(profile, census, nowSeconds), ...named };
}

function budgetFor({ limits, scheduler }: Profile, census: Census, nowSeconds: number): Budget {
  const { past, pilots, inDoubt } = census;
  const wallOf = (tag: string | null) => past.wallSeconds.get(tag ?? '') ?? null;
  return budgetOf({
    nowSeconds,
    nodeHours: limits.nodeHours,
    until: secondsUntil(limits.until),
    wallSeconds: scheduler.walltimeSeconds,
    jobs: pilots.map(({ nodes, startedAt, endsAt, tag }) => ({ nodes, startedAt, endsAt, wallSeconds: wallOf(tag) })),
    inDoubt: inDoubt.map(({ count, tag }) => ({ count, wallSeconds: wallOf(tag) })),
    ended: past.ended,
    spent: past.spent,
  });
}

/** What a pass should do, so far as it may. */
export function planFor(profile: Profile, census: Census, { brake, budget }: Restraint): Plan {
  const pilots = census.pilots.flatMap(plannedPilot);
  return plan({
    target: budget.isTooLate ? Math.min(profile.target, nodesStarted(pilots)) : profile.target,
    nodesPerJob: profile.scheduler.nodesPerJob,
    pilots,
    inDoubt: census.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0),
    maxPending: profile.limits.maxPending,
    maxPerPass: profile.limits.maxPerPass,
    capacity: census.capacity,
    breaker: brake.kind === 'free' ? brake.atMostJobs : 0,
    budget: budgetedPilots(profile, budget),
  });
}

/** What a person asks for is submitted whatever the breaker says, and never what could not be paid for. */
export function planOnce(profile: Profile, count: number, { budget }: Restraint): Plan {
  const most = budgetedPilots(profile, budget);
  if (most !== null && most < count) return { kind: 'wait', limitedBy: 'budget' };
  return { kind: 'submit', count, limitedBy: null };
}

/** null: no budget is set. */
function budgetedPilots({ scheduler }: Profile, budget: Budget): number | null {
  const most = affordable(budget, scheduler.walltimeSeconds);
  return most === Number.POSITIVE_INFINITY ? null : most;
}

/** What has not started would end too late; what runs was in time. */
function nodesStarted(pilots: readonly PlannedPilot[]): number {
  const started = pilots.filter(({ state }) => state !== 'pending' && state !== 'held');
  return started.reduce((sum, { nodes }) => sum + nodes, 0);
}

function plannedPilot({ id, nodes, state, once, submittedAt, endsAt, isDraining, toldAt }: Pilot): PlannedPilot[] {
  if (state === 'ending') return [];
  return [{ id, nodes, state, once, submittedAt, endsAt, leaves: isDraining || toldAt !== null }];
}

/** Whether a person is needed before more pilots come, and for what; null: not, or no more are wanted. */
export function pauseReason(plan: Plan, target: number, there: number, restraint: Restraint): PauseReason | null {
  const { brake, budget } = restraint;
  const isMissing = there < target;
  const isUnpaid = plan.kind === 'wait' && plan.limitedBy === 'budget';
  // What a person asks for is held back by the budget alone.
  if (target > 0 && brake.kind === 'paused' && plan.kind !== 'submit' && !isUnpaid) return 'breaker';
  if (budget.isTooLate && (isMissing || isUnpaid)) return 'until';
  if (budget.leftSeconds !== null && budget.leftSeconds < 0) return 'budget';
  if (isUnpaid) return 'budget';
  return isMissing && plan.kind !== 'submit' && isTriedOnly(brake) ? 'tried-only' : null;
}
