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
}

export type Plan =
  /** `limitedBy` names what keeps it from reaching the target in this pass, or is null. */
  | { kind: 'submit'; count: number; limitedBy: Limit | null }
  /** `remaining` more are too many, but run already or are not ours to end. */
  | { kind: 'cancel'; ids: readonly string[]; remaining: number }
  | { kind: 'wait'; limitedBy: Limit }
  | { kind: 'nothing'; surplus: number };

export type Limit = 'maxPending' | 'maxPerPass' | 'capacity';

/** What one pass should do so that the site comes nearer its target and never above it. */
export function plan(input: PlanInput): Plan {
  const counted = input.pilots.length + input.inDoubt;
  if (counted < input.target) return toSubmit(input, input.target - counted);
  // What is in doubt or missing may not exist: it keeps new ones from coming, but nothing is ended for it.
  const there = input.pilots.filter((pilot) => pilot.state !== 'unknown').length;
  return there > input.target ? toCancel(input, there - input.target) : { kind: 'nothing', surplus: 0 };
}

function toSubmit(input: PlanInput, wanted: number): Plan {
  const pending = input.pilots.filter((pilot) => pilot.state === 'pending' || pilot.state === 'held').length;
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

/** Those that have not started, newest first. */
function toCancel(input: PlanInput, surplus: number): Plan {
  const candidates = input.pilots
    .filter((pilot) => !pilot.once && (pilot.state === 'pending' || pilot.state === 'held'))
    .sort((a, b) => (b.submittedAt ?? 0) - (a.submittedAt ?? 0) || b.id.localeCompare(a.id, 'en', { numeric: true }));
  const ids = candidates.slice(0, surplus).map((pilot) => pilot.id);
  return ids.length === 0 ? { kind: 'nothing', surplus } : { kind: 'cancel', ids, remaining: surplus - ids.length };
}
