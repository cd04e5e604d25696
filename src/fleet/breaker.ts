import type { PauseNote } from '../login/journal.ts';
import type { Attempt, EndedJob } from '../login/past.ts';

/**
 * When to stop submitting: the scheduler refuses again and again, or pilots die as soon as they start. Two rows that know
 * nothing of each other; both are read anew from what the login host remembers, so every machine that tops up the site
 * comes to the same answer. Pure: seconds, by the login host's clock where nothing else is said.
 */

export interface BreakerInput {
  nowSeconds: number;
  attempts: readonly Attempt[];
  ended: readonly EndedJob[];
  /** Pilots that run now: on which node, since when. */
  running: readonly { node: string | null; startedAt: number | null }[];
  /** The pause that nobody has taken back. */
  pause: PauseNote | null;
  /** Submissions up to this sequence, and their pilots, are past. */
  resumedUpTo: number;
  /** A pilot without work ends by itself after so long. */
  idleSeconds: number;
  /** Whether the batch system can keep jobs off nodes. */
  canAvoid: boolean;
  /** Whether these words refuse what the account may use: no other try changes that. */
  isForbidden(said: string): boolean;
}

/** What a brake does to submissions. Draining, cancelling and settling go on whatever it does. */
export type Brake =
  /** `atMostJobs`: so many are tried, to see whether it works again; null: as many as are wanted. */
  | { kind: 'free'; atMostJobs: number | null; row: Row | null }
  | { kind: 'waits'; until: number; row: Row }
  /** Until a person resumes it. `isNew`: the journal is to be told. */
  | { kind: 'paused'; pause: PauseNote; isNew: boolean; row: Row | null };

/** What went wrong so many times in a row. */
export interface Row {
  what: 'refused' | 'died';
  count: number;
  /** The scheduler's words, or null. */
  said: string | null;
  /** The pilot that died last. */
  last: EndedJob | null;
}

export interface Judgement {
  brake: Brake;
  /** Nodes on which pilots die while they live elsewhere. */
  avoided: readonly string[];
}

/** Minutes to wait after so many in a row; the last for all that follow. */
const waitMinutes = [0, 1, 15, 30, 60];
/** A scheduler that said "later" is asked again at least so often: an hour after a maintenance nothing is won by waiting. */
const laterMinutes = 15;
const mostRefusals = 10;
const mostEarlyDeaths = 3;
/** A pilot that ran so long worked when it started, however it ended. */
export const earlySeconds = 600;
/** A node is tried again so long after the last pilot died there. */
const avoidSeconds = 24 * 3600;
/** More nodes than that are not one node's fault. */
const mostAvoided = 20;
/** Where pilots of so many submissions died on the one node that is avoided, avoiding it does not work. */
const mostSubmissionsOnAvoided = 5;

/** What the past of a site says about the next submission. */
export function judge(input: BreakerInput): Judgement {
  const lives = livesOf(input);
  const avoided = avoidedNodes(lives, input);
  return { brake: brakeOf(lives, avoided, input), avoided };
}

function brakeOf(lives: readonly Life[], avoided: readonly string[], input: BreakerInput): Brake {
  const died = rowOfDeaths(lives, avoided, input);
  const refused = rowOfRefusals(input);
  if (input.pause !== null) {
    const row = input.pause.cause === 'died' || input.pause.cause === 'guard' ? died : (refused?.row ?? null);
    return { kind: 'paused', pause: input.pause, isNew: false, row };
  }
  const cause = causeOfPause(died, refused, input);
  if (cause !== null) return paused(cause, cause.of, input.nowSeconds);
  return later(brakeOfDeaths(died, input), brakeOfRefusals(refused, input));
}

interface Cause {
  cause: PauseNote['cause'];
  of: Row;
}

function causeOfPause(died: Row | null, refused: Refusals | null, input: BreakerInput): Cause | null {
  const unguarded = input.ended.filter((job) => isCounted(job, input) && wasStoppedByGuard(job)).at(-1);
  if (unguarded !== undefined) return { cause: 'guard', of: { what: 'died', count: 1, said: null, last: unguarded } };
  if (refused?.lastClass === 'permanent') {
    if (input.isForbidden(refused.row.said ?? '')) return { cause: 'forbidden', of: refused.row };
    if (refused.row.count >= mostRefusals) return { cause: 'refused', of: refused.row };
  }
  return died !== null && died.count >= mostEarlyDeaths ? { cause: 'died', of: died } : null;
}

function paused({ cause }: Cause, row: Row, at: number): Brake {
  const pause: PauseNote = { kind: 'paused', cause, id: row.last?.id ?? null, said: row.said ?? '', at };
  return { kind: 'paused', pause, isNew: true, row };
}

/** Of two brakes the one that holds longer. */
function later(one: Brake, other: Brake): Brake {
  if (one.kind === 'waits' && other.kind === 'waits') return one.until >= other.until ? one : other;
  if (one.kind === 'waits') return one;
  return other.kind === 'waits' || (other.kind === 'free' && other.atMostJobs !== null) ? other : one;
}

/** How far clocks of one site differ. */
const clockSlackSeconds = 300;

/** A time that has not come yet is a clock that was set back: nobody waits for it. */
function waitsUntil(since: number, minutes: number, { nowSeconds }: BreakerInput): number | null {
  const until = since + minutes * 60;
  return since <= nowSeconds + clockSlackSeconds && nowSeconds < until ? until : null;
}

function minutesAfter(count: number): number {
  return waitMinutes[Math.min(count, waitMinutes.length) - 1] ?? 0;
}

// ---- Refusals ----

interface Refusals {
  row: Row;
  at: number;
  lastClass: 'permanent' | 'later';
}

/** Those since the last submission that was taken. What nobody knows the outcome of says nothing. */
function rowOfRefusals({ attempts, resumedUpTo }: BreakerInput): Refusals | null {
  const known = attempts.filter((one) => one.sequence > resumedUpTo && one.answer !== 'doubt' && !asksForLess(one));
  const taken = known.findLastIndex(({ answer }) => answer === 'accepted');
  const row = known.slice(taken + 1);
  const last = row.at(-1);
  if (last === undefined) return null;
  const said = last.refusal?.text ?? 'no answer; it was never taken';
  const lastClass = last.refusal?.refusal === 'permanent' ? 'permanent' : 'later';
  return { row: { what: 'refused', count: row.length, said, last: null }, at: last.at, lastClass };
}

/** Refused for want of room, and the next try asks for fewer: that is a brake of its own. */
function asksForLess({ refusal, jobs }: Attempt): boolean {
  return refusal?.refusal === 'capacity' && jobs > 1;
}

/** What will get better by itself is tried with one job, as often as `laterMinutes` allow, for ever. */
function brakeOfRefusals(refused: Refusals | null, input: BreakerInput): Brake {
  if (refused === null) return { kind: 'free', atMostJobs: null, row: null };
  const { row, at, lastClass } = refused;
  const minutes = minutesAfter(row.count);
  const until = waitsUntil(at, lastClass === 'later' ? Math.min(minutes, laterMinutes) : minutes, input);
  if (until !== null) return { kind: 'waits', until, row };
  return { kind: 'free', atMostJobs: row.count >= mostRefusals ? 1 : null, row };
}

/** Whether it has been refused so often that a person should know, though it is still tried. */
export function isTriedOnly(brake: Brake): boolean {
  return brake.kind !== 'paused' && brake.row?.what === 'refused' && brake.row.count >= mostRefusals;
}

// ---- Lives ----

/** A life that says something: it went well, or it was over as soon as it began. */
interface Life {
  isGood: boolean;
  node: string | null;
  startedAt: number;
  /** null: it goes on. */
  job: EndedJob | null;
}

/**
 * In the order in which they began: what an old pilot does at its end says nothing of those that begin now. What went well
 * is never past.
 */
function livesOf(input: BreakerInput): Life[] {
  const over = input.ended
    .flatMap((job) => lifeOf(job, input))
    .filter(({ isGood, job }) => isGood || (job !== null && isCounted(job, input)));
  const going = input.running.flatMap(({ node, startedAt }): Life[] =>
    startedAt !== null && input.nowSeconds - startedAt >= earlySeconds
      ? [{ isGood: true, node, startedAt, job: null }]
      : [],
  );
  return [...over, ...going].sort((one, other) => one.startedAt - other.startedAt);
}

function isCounted({ sequence }: EndedJob, { resumedUpTo }: BreakerInput): boolean {
  return sequence > resumedUpTo;
}

function lifeOf(job: EndedJob, { idleSeconds }: BreakerInput): Life[] {
  const began = job.startedAt ?? job.endedAt;
  if (job.ending === null) return [];
  const ran = job.endedAt - began;
  const known = { node: job.node, startedAt: began, job };
  if (ran >= earlySeconds) return [{ ...known, isGood: true }];
  if (!endedByItself(job.ending)) return [];
  // Without work it ends in order; one that ends sooner never was a pilot.
  const isInOrder = job.ending.exitCode === 0 || job.ending.reason === 'COMPLETED';
  if (isInOrder && ran >= Math.min(idleSeconds, earlySeconds)) return [];
  return [{ ...known, isGood: false }];
}

/** Ends that somebody ordered, or that come to every pilot: by the job's own word, or by the batch system's. */
const ordered: ReadonlySet<string> = new Set([
  ...['drained', 'walltime', 'signalled'],
  ...['TIMEOUT', 'DEADLINE', 'PREEMPTED', 'CANCELLED', 'REVOKED', 'EXIT', 'POST_ERR'],
]);

function endedByItself({ exitCode, reason }: NonNullable<EndedJob['ending']>): boolean {
  if (ordered.has(reason)) return false;
  // A word of a batch system that nobody here knows says nothing without an exit code.
  return exitCode !== null || ownWords.has(reason) || failures.has(reason);
}

const ownWords: ReadonlySet<string> = new Set(['exited', 'failed', 'guard']);
const failures: ReadonlySet<string> = new Set([
  ...['COMPLETED', 'FAILED', 'NODE_FAIL', 'BOOT_FAIL', 'LAUNCH_FAILED', 'OUT_OF_MEMORY', 'RECONFIG_FAIL'],
]);

function wasStoppedByGuard({ ending }: EndedJob): boolean {
  return ending !== null && (ending.reason === 'guard' || ending.exitCode === 78);
}

// ---- Deaths ----

/** The early deaths since a pilot last began that lived. */
function sinceGood(lives: readonly Life[]): Life[] {
  return lives.slice(lives.findLastIndex(({ isGood }) => isGood) + 1);
}

/** Null: none, or all of them on one node that is avoided, which is that node's row and not the site's. */
function rowOfDeaths(lives: readonly Life[], avoided: readonly string[], input: BreakerInput): Row | null {
  const deaths = sinceGood(lives);
  const last = deaths.at(-1)?.job ?? null;
  if (last === null) return null;
  const [node, ...others] = new Set(deaths.map((life) => life.node));
  const isOneNodes = others.length === 0 && typeof node === 'string' && avoided.includes(node);
  const submissions = new Set(deaths.map(({ job }) => job?.sequence)).size;
  if (isOneNodes && input.canAvoid && submissions < mostSubmissionsOnAvoided) return null;
  return { what: 'died', count: deaths.length, said: null, last };
}

function brakeOfDeaths(died: Row | null, input: BreakerInput): Brake {
  if (died === null) return { kind: 'free', atMostJobs: null, row: null };
  const since = died.last?.endedAt ?? 0;
  const until = waitsUntil(since, minutesAfter(died.count), input);
  return until === null ? { kind: 'free', atMostJobs: null, row: died } : { kind: 'waits', until, row: died };
}

/** Nodes whose last pilots died, two or more, while pilots lived on others. */
function avoidedNodes(lives: readonly Life[], input: BreakerInput): string[] {
  const since = sinceGood(lives);
  const nodes = new Set(lives.flatMap(({ node, isGood }) => (node === null || isGood ? [] : [node])));
  const avoided = [...nodes].flatMap((node) => {
    const deaths = sinceGood(lives.filter((life) => life.node === node));
    const [first, last] = [deaths[0], deaths.at(-1)];
    if (first === undefined || last === undefined || deaths.length < 2) return [];
    if (input.nowSeconds - last.startedAt >= avoidSeconds) return [];
    const elsewhere = lives.filter((life) => life.isGood && life.node !== node);
    // Pilots that began later live; or nobody began later, and it is this node alone that they die on.
    const isItsOwn = since.every((life) => life.node === node);
    const isTheNode = isItsOwn ? elsewhere.length > 0 : elsewhere.some(({ startedAt }) => startedAt >= first.startedAt);
    return isTheNode ? [{ node, at: last.startedAt }] : [];
  });
  return avoided
    .sort((one, other) => other.at - one.at)
    .slice(0, mostAvoided)
    .map(({ node }) => node);
}
