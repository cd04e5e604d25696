import { hasNotStarted } from '../login/census.ts';

/** What a pass should do about a site: values in, values out. */

export interface PlanInput {
  target: number;
  /** Everything that is there and not ending. */
  pilots: readonly PlannedPilot[];
  /** Pilots of submissions whose outcome nobody knows. */
  inDoubt: number;
  maxPending: number;
  maxPerPass: number;
  /** The most the scheduler is expected to take at once, after it refused more; null: not known to be limited. */
  capacity: number | null;
}

export interface PlannedPilot {
  id: string;
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
  /** `limitedBy` names what keeps it from reaching the target in this pass, or is null. */
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
}

export type Limit = 'maxPending' | 'maxPerPass' | 'capacity';

/** What one pass should do so that the site comes nearer its target and never above it. */
export function plan(input: PlanInput): Plan {
  const counted = input.pilots.length + input.inDoubt;
  if (counted < input.target) return toSubmit(input, input.target - counted);
  // What is in doubt or missing may not exist: it keeps new ones from coming, but nothing is ended for it.
  const there = input.pilots.filter((pilot) => pilot.state !== 'unknown').length;
  return there > input.target ? toShrink(input, there - input.target) : { kind: 'nothing', leaving: 0, remaining: 0 };
}

function toSubmit(input: PlanInput, wanted: number): Plan {
  const pending = input.pilots.filter(hasNotStarted).length;
  const rooms: [Limit, number][] = [
    ['maxPending', input.maxPending - pending - input.inDoubt],
    ['maxPerPass', input.maxPerPass],
    ['capacity', input.capacity ?? Number.POSITIVE_INFINITY],
  ];
  const [limit, room] = rooms.reduce((least, one) => (one[1] < least[1] ? one : least));
  if (room <= 0) return { kind: 'wait', limitedBy: limit };
  return room < wanted
    ? { kind: 'submit', count: room, limitedBy: limit }
    : { kind: 'submit', count: wanted, limitedBy: null };
}

/** Fewer, the soft way: those that have not started, newest first; then those that run, nearest their end first. */
function toShrink({ pilots }: PlanInput, surplus: number): Plan {
  const started = pilots.filter((pilot) => pilot.state === 'running' || pilot.state === 'suspended');
  const leaving = Math.min(surplus, started.filter((pilot) => pilot.leaves).length);
  const excess = surplus - leaving;
  const waiting = pilots.filter(hasNotStarted);
  const cancel = firstOf(waiting, excess, newestFirst);
  const staying = started.filter((pilot) => !pilot.leaves);
  const drain = firstOf(staying, excess - cancel.length, soonestEndFirst);
  const rest = { leaving, remaining: excess - cancel.length - drain.length };
  return cancel.length + drain.length === 0 ? { kind: 'nothing', ...rest } : { kind: 'shrink', cancel, drain, ...rest };
}

type Order = (one: PlannedPilot, other: PlannedPilot) => number;

/** The ids of so many that a pass may end, in this order. */
function firstOf(pilots: readonly PlannedPilot[], count: number, order: Order): string[] {
  const ours = pilots.filter((pilot) => !pilot.once);
  return ours
    .sort(order)
    .slice(0, count)
    .map((pilot) => pilot.id);
}

const newestFirst: Order = (one, other) => (other.submittedAt ?? 0) - (one.submittedAt ?? 0) || -byId(one, other);

const soonestEndFirst: Order = (one, other) => {
  const [end, otherEnd] = [one.endsAt ?? Number.MAX_SAFE_INTEGER, other.endsAt ?? Number.MAX_SAFE_INTEGER];
  return end - otherEnd || byId(one, other);
};

function byId(one: PlannedPilot, other: PlannedPilot): number {
  return one.id.localeCompare(other.id, 'en', { numeric: true });
}
