import { hasNotStarted } from '../login/census.ts';

/** What a pass should do about a site: values in, values out. */

export interface PlanInput {
  target: number;
  /** Nodes, and so pilots, of each job that is submitted; those that are there may have others. */
  nodesPerJob: number;
  /** Everything that is there and not ending, job by job. */
  pilots: readonly PlannedPilot[];
  /** Pilots of submissions whose outcome nobody knows. */
  inDoubt: number;
  maxPending: number;
  maxPerPass: number;
  /** The most jobs the scheduler is expected to take at once, after it refused more; null: not known to be limited. */
  capacity: number | null;
  /** The most jobs that the breaker lets through; null: as many as are wanted. */
  breaker: number | null;
  /** The most pilots that the budget still pays for; null: no budget is set. */
  budget: number | null;
}

/** A pilot; or a job's several, which begin and end together. */
export interface PlannedPilot {
  id: string;
  /** How many it counts for. */
  nodes: number;
  state: 'pending' | 'running' | 'held' | 'suspended' | 'unknown';
  /** Asked for by a person: a pass never ends it. */
  once: boolean;
  /** Seconds since the epoch; null sorts as oldest. */
  submittedAt: number | null;
  /** When its wall clock ends, in seconds since the epoch; null sorts as latest. */
  endsAt: number | null;
  /** It drains, or was told to end: it counts as long as it is there, and is the first of what is too many. */
  leaves: boolean;
}

export type Plan =
  /** `count` pilots, in whole jobs. `limitedBy` names what keeps it from reaching the target in this pass, or is null. */
  | { kind: 'submit'; count: number; limitedBy: Limit | null }
  | ({ kind: 'shrink'; cancel: readonly string[]; drain: readonly string[] } & Surplus)
  | { kind: 'wait'; limitedBy: Limit }
  | ({ kind: 'nothing' } & Surplus);

/** What is too many and stays for now. */
interface Surplus {
  /** On their way out already. */
  leaving: number;
  /** Asked for by a person, and so not a pass's to end. */
  remaining: number;
  /** Fewer than any job has that could be ended for them. */
  indivisible: number;
}

/** `nodesPerJob`: fewer are missing than one more job has. */
export type Limit = 'breaker' | 'budget' | 'maxPending' | 'maxPerPass' | 'capacity' | 'nodesPerJob';

/** What one pass should do so that the site comes nearer its target and never above it. */
export function plan(input: PlanInput): Plan {
  const counted = nodesOf(input.pilots) + input.inDoubt;
  if (counted < input.target) return toSubmit(input, input.target - counted);
  // What is in doubt or missing may not exist: it keeps new ones from coming, but nothing is ended for it.
  const there = nodesOf(input.pilots.filter((pilot) => pilot.state !== 'unknown'));
  if (there > input.target) return toShrink(input, there - input.target);
  return { kind: 'nothing', leaving: 0, remaining: 0, indivisible: 0 };
}

function nodesOf(pilots: readonly PlannedPilot[]): number {
  return pilots.reduce((sum, pilot) => sum + pilot.nodes, 0);
}

function toSubmit(input: PlanInput, wanted: number): Plan {
  const { nodesPerJob } = input;
  const pending = nodesOf(input.pilots.filter(hasNotStarted));
  const endless = Number.POSITIVE_INFINITY;
  // Of two that allow equally little the one that lasts is named.
  const rooms: [Limit, number][] = [
    ['breaker', (input.breaker ?? endless) * nodesPerJob],
    ['budget', wholeJobs(input.budget ?? endless, nodesPerJob)],
    ['maxPending', input.maxPending - pending - input.inDoubt],
    ['maxPerPass', input.maxPerPass],
    ['capacity', (input.capacity ?? endless) * nodesPerJob],
  ];
  const [limit, room] = rooms.reduce((least, one) => (one[1] < least[1] ? one : least));
  const limitedBy = room < wanted ? limit : wanted % nodesPerJob === 0 ? null : 'nodesPerJob';
  const count = wholeJobs(Math.min(room, wanted), nodesPerJob);
  if (count > 0) return { kind: 'submit', count, limitedBy };
  const isHeld = limit === 'breaker' || limit === 'budget';
  return { kind: 'wait', limitedBy: wanted < nodesPerJob && !isHeld ? 'nodesPerJob' : limit };
}

/** As many of these pilots as come to whole jobs. */
function wholeJobs(pilots: number, nodesPerJob: number): number {
  if (pilots === Number.POSITIVE_INFINITY) return pilots;
  return Math.floor(Math.max(0, pilots) / nodesPerJob) * nodesPerJob;
}

/** Fewer, the soft way: those that have not started, newest first; then those that run, nearest their end first. */
function toShrink({ pilots }: PlanInput, surplus: number): Plan {
  const started = pilots.filter((pilot) => pilot.state === 'running' || pilot.state === 'suspended');
  const leaving = Math.min(surplus, nodesOf(started.filter((pilot) => pilot.leaves)));
  const excess = surplus - leaving;
  const waiting = pilots.filter(hasNotStarted);
  const cancel = firstOf(waiting, excess, newestFirst);
  const staying = started.filter((pilot) => !pilot.leaves);
  const drain = firstOf(staying, excess - nodesOf(cancel), soonestEndFirst);
  const left = excess - nodesOf(cancel) - nodesOf(drain);
  const ours = [...waiting, ...staying].filter(
    (pilot) => !pilot.once && !cancel.includes(pilot) && !drain.includes(pilot),
  );
  const rest =
    ours.length > 0 ? { leaving, remaining: 0, indivisible: left } : { leaving, remaining: left, indivisible: 0 };
  if (cancel.length + drain.length === 0) return { kind: 'nothing', ...rest };
  return { kind: 'shrink', cancel: idsOf(cancel), drain: idsOf(drain), ...rest };
}

type Order = (one: PlannedPilot, other: PlannedPilot) => number;

/** Those that a pass may end, in this order; of jobs with several pilots never so many that one too few is left. */
function firstOf(pilots: readonly PlannedPilot[], count: number, order: Order): PlannedPilot[] {
  let left = count;
  return pilots
    .filter((pilot) => !pilot.once)
    .sort(order)
    .filter(({ nodes }) => {
      const fits = nodes <= left;
      if (fits) left -= nodes;
      return fits;
    });
}

function idsOf(pilots: readonly PlannedPilot[]): string[] {
  return pilots.map(({ id }) => id);
}

const newestFirst: Order = (one, other) => (other.submittedAt ?? 0) - (one.submittedAt ?? 0) || -byId(one, other);

const soonestEndFirst: Order = (one, other) => {
  const [end, otherEnd] = [one.endsAt ?? Number.MAX_SAFE_INTEGER, other.endsAt ?? Number.MAX_SAFE_INTEGER];
  return end - otherEnd || byId(one, other);
};

function byId(one: PlannedPilot, other: PlannedPilot): number {
  return one.id.localeCompare(other.id, 'en', { numeric: true });
}
