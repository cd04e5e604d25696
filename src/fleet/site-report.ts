import { exitCodeOf, type Failure } from '../failure.ts';
import type { Census, Pilot } from '../login/census.ts';
import type { EndedPilot } from '../login/ended-pilots.ts';
import type { Restraint } from './restraint.ts';

/** What a pass, or a look, found and did at one site. The JSON of the commands is made from it (docs/design.md, "Commands"). */
export interface SiteReport {
  site: string;
  state: SiteState;
  target: number | null;
  counts: Counts;
  submitted: number;
  cancelled: number;
  drained: number;
  /** With `--dry-run`: what would have been done. */
  planned: {
    submit: number;
    ship: readonly PlannedShipment[];
    cancel: readonly string[];
    drain: readonly string[];
  } | null;
  /** Ids of the jobs submitted, or of those cancelled and then those told to drain. */
  ids: readonly string[];
  /** How many of `ids`, the first ones, are cancelled: a job of several nodes has one id for all its pilots. */
  idsCancelled: number;
  /** Why it is not simply at its target; null when there is nothing to say. */
  reason: string | null;
  failure: Failure | null;
  pilots: readonly Pilot[];
  /** Pilots that ended lately, the latest first; a look asks the accounting, too, a pass only what they left themselves. */
  ended: readonly EndedPilot[];
  /** Whether who is neither in `pilots` nor in `ended` has ended without a word. */
  endsKnown: boolean;
  /** Since when the connection has been up that passes go through (seconds since the epoch); null: each opens its own, or nobody asked. */
  openSince: number | null;
  /** The scheduler's reasons in people's words, where there are better words than its own; others are not in it. */
  reasonWords: ReadonlyMap<string, string>;
  /** What breaker and budget let through; null: nobody looked. */
  restraint: Restraint | null;
}

export type { EndedPilot };

/** Something on this machine that the login host would get before a submission. */
export interface PlannedShipment {
  source: string;
  /** Where it would be there. */
  path: string;
  bytes: number;
}

/**
 * `ok`: at target, or below it only by the profile's own limits. `short`: the scheduler refused, or did lately, or its
 * limits are known to allow no more. `paused`: nothing more is submitted until a person does something. `invalid`: nothing
 * was tried, because profile, token or image are not fit for it.
 */
export type SiteState = 'ok' | 'short' | 'doubt' | 'busy' | 'paused' | 'unreachable' | 'incomplete' | 'invalid';

export interface Counts {
  running: number;
  pending: number;
  held: number;
  suspended: number;
  unknown: number;
  inDoubt: number;
}

const noCounts: Counts = { running: 0, pending: 0, held: 0, suspended: 0, unknown: 0, inDoubt: 0 };

/** How many pilots these are: one a node. */
export function nodesOf(pilots: readonly Pick<Pilot, 'nodes'>[]): number {
  return pilots.reduce((sum, { nodes }) => sum + nodes, 0);
}

/** What counts against the target, by state. What is ending does not. */
function countsOf(census: Census): Counts {
  const of = (state: Pilot['state']) => nodesOf(census.pilots.filter((pilot) => pilot.state === state));
  return {
    running: of('running'),
    pending: of('pending'),
    held: of('held'),
    suspended: of('suspended'),
    unknown: of('unknown'),
    inDoubt: census.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0),
  };
}

/** A report of a site about which nothing could be found out. */
export function failureReport(site: string, target: number | null, failure: Failure): SiteReport {
  return {
    site,
    state: stateOf(failure),
    target,
    counts: noCounts,
    ...nothingDone,
    failure,
    pilots: [],
    ended: [],
    endsKnown: false,
    openSince: null,
    reasonWords: new Map(),
    restraint: null,
  };
}

/** A report of what was found at a site, before anything was done about it. */
export function foundReport(site: string, target: number, census: Census): SiteReport {
  const found = {
    pilots: census.pilots,
    ended: [],
    endsKnown: false,
    openSince: null,
    reasonWords: new Map<string, string>(),
    restraint: null,
  };
  return { site, state: 'ok', target, counts: countsOf(census), ...nothingDone, failure: null, ...found };
}

const nothingDone = {
  ...{ submitted: 0, cancelled: 0, drained: 0, planned: null, ids: [], idsCancelled: 0, reason: null },
};

/** The state that a failure leaves a site in. */
export function stateOf(failure: Failure): SiteState {
  switch (failure.kind) {
    case 'submit-refused':
    case 'cancel-refused':
    case 'queue-full':
      return 'short';
    case 'in-doubt':
      return 'doubt';
    case 'lock-busy':
    case 'fence-lost':
    case 'file-busy':
      return 'busy';
    case 'listing-incomplete':
      return 'incomplete';
    case 'interrupted':
      return 'unreachable';
    default:
      return exitCodeOf(failure) === 2 ? 'invalid' : 'unreachable';
  }
}

/** The exit code that one site's report asks for. */
export function exitCodeOfReport(report: SiteReport): number {
  if (report.failure !== null) return exitCodeOf(report.failure);
  if (report.state === 'paused') return 4;
  return report.counts.inDoubt > 0 || report.state === 'short' ? 3 : 0;
}

/** The worst of several sites' exit codes. */
export function worstExitCode(codes: readonly number[]): number {
  return [70, 130, 2, 4, 1, 3].find((code) => codes.includes(code)) ?? 0;
}
