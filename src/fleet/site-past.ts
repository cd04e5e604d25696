import type { HistoryLine, PassLine } from './history-lines.ts';
import { Lives, type PilotLife } from './pilot-lives.ts';

/** What a site's history comes to over a while. Pure; moments are milliseconds since the epoch, by the clock of this machine. */

export interface Period {
  since: number;
  until: number;
}

/** How many pilots there were on average over a slice of time. */
export interface Sample extends Period {
  /** Null: no pass saw the site then. */
  counts: { target: number; running: number; waiting: number; other: number } | null;
}

/** Lengths of time in seconds, of so many pilots. */
export interface Spread {
  count: number;
  median: number;
  ninetieth: number;
  longest: number;
}

/** A day, in UTC, and what happened on it. */
export interface Day extends Sample {
  submitted: number;
  started: number;
  ended: number;
  nodeHours: number;
}

/** How pilots ended: a job's own word or the scheduler's, null where nobody said; and how many. */
export interface EndCount {
  reason: string | null;
  exitCode: number | null;
  count: number;
}

export interface SitePast extends Period {
  site: string;
  passes: number;
  /** What kept passes from seeing the site, and how often. */
  failed: { reason: string; count: number }[];
  /** What the last pass saw that could look. */
  latest: Sample['counts'];
  samples: readonly Sample[];
  days: readonly Day[];
  /** How long those that started in this while had waited. */
  waits: readonly number[];
  /** How long those that ended in this while had run. */
  lifetimes: readonly number[];
  ends: readonly EndCount[];
  /** What was used in this while. */
  nodeHours: number;
  /** The site's own account at the last pass that had one. */
  account: PassLine['nodeHours'];
}

/** Reads a site's past from its lines. `slices` is how many samples there are to be. */
export function sitePast(site: string, lines: readonly HistoryLine[], period: Period, slices: number): SitePast {
  const passes = lines.filter((line) => line.kind === 'pass').filter(({ at }) => isWithin(at, period));
  const lives = livesIn(lines);
  const ended = lives.filter(({ endedAt }) => endedAt !== null && isWithin(endedAt * 1000, period));
  const days = daysOf(period).map((day) => dayOf(day, passes, lives, period));
  const accounts = passes.flatMap(({ nodeHours }) => nodeHours ?? []);
  return {
    ...{ site, ...period, passes: passes.length, failed: failures(passes) },
    latest: mean(passes.filter((pass) => !isBlind(pass)).slice(-1)),
    ...{ samples: samplesOf(period, slices, passes), days, ends: countEnds(ended) },
    waits: lives.flatMap((life) => waitOf(life, period)).sort(byNumber),
    lifetimes: ended.flatMap(lifetimeOf).sort(byNumber),
    nodeHours: days.reduce((sum, day) => sum + day.nodeHours, 0),
    account: accounts.at(-1) ?? null,
  };
}

/** Several sites as if they were one. All of one period. */
export function together(pasts: readonly SitePast[], { since, until }: Period): SitePast {
  const accounts = pasts.flatMap(({ account }) => account ?? []);
  const limits = accounts.map(({ limit }) => limit);
  const [first] = pasts;
  return {
    ...{ site: 'all sites', since, until, passes: sum(pasts.map(({ passes }) => passes)) },
    failed: grouped(
      pasts.flatMap(({ failed }) => failed),
      ({ reason }) => reason,
    ),
    latest: addedCounts(pasts.map(({ latest: counts }) => ({ since, until, counts }))),
    samples: (first?.samples ?? []).map((sample, at) => ({
      ...sample,
      counts: added(pasts, (one) => one.samples[at]),
    })),
    days: (first?.days ?? []).map((day, at) =>
      dayTogether(
        day,
        pasts.flatMap(({ days }) => days[at] ?? []),
      ),
    ),
    ends: grouped(
      pasts.flatMap(({ ends }) => ends),
      endKey,
    ),
    waits: pasts.flatMap(({ waits }) => waits).sort(byNumber),
    lifetimes: pasts.flatMap(({ lifetimes }) => lifetimes).sort(byNumber),
    nodeHours: sum(pasts.map(({ nodeHours }) => nodeHours)),
    account:
      accounts.length === 0
        ? null
        : {
            spent: sum(accounts.map(({ spent }) => spent)),
            committed: sum(accounts.map(({ committed }) => committed)),
            // One site without a limit, and all of them together have none.
            limit:
              accounts.length < pasts.length || limits.includes(null) ? null : sum(limits.map((limit) => limit ?? 0)),
          },
  };
}

/** Null for no lengths at all. They are sorted. */
export function spreadOf(sorted: readonly number[]): Spread | null {
  const longest = sorted.at(-1);
  if (longest === undefined) return null;
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? longest;
  return { count: sorted.length, median: at(0.5), ninetieth: at(0.9), longest };
}

function livesIn(lines: readonly HistoryLine[]): PilotLife[] {
  const lives = new Lives();
  for (const line of lines) if (line.kind === 'pilot') lives.take(line);
  return lives.all();
}

function isWithin(at: number, { since, until }: Period): boolean {
  return at >= since && at < until;
}

/** A pass that never saw the queue counts nobody, whoever is there. */
const blindStates = new Set(['unreachable', 'busy', 'incomplete', 'invalid']);

function isBlind({ state, running, pending, held, suspended, unknown, inDoubt }: PassLine): boolean {
  return blindStates.has(state) && running + pending + held + suspended + unknown + inDoubt === 0;
}

function failures(passes: readonly PassLine[]): SitePast['failed'] {
  const blind = passes.filter(isBlind).map(({ reason, state }) => ({ reason: reason ?? state, count: 1 }));
  return grouped(blind, ({ reason }) => reason);
}

/** What a pass saw is taken to be so until the next one, but not for long. */
const goodForMilliseconds = 3600 * 1000;

function samplesOf(period: Period, slices: number, passes: readonly PassLine[]): Sample[] {
  const width = (period.until - period.since) / slices;
  const seen = passes.filter((pass) => !isBlind(pass));
  let next = 0;
  let last: PassLine | null = null;
  return Array.from({ length: slices }, (_, at) => {
    const slice = { since: period.since + at * width, until: period.since + (at + 1) * width };
    const own: PassLine[] = [];
    for (let pass = seen[next]; pass !== undefined && pass.at < slice.until; pass = seen[next]) {
      own.push(pass);
      last = pass;
      next += 1;
    }
    const held = last !== null && last.at >= slice.since - goodForMilliseconds ? [last] : [];
    return { ...slice, counts: mean(own.length > 0 ? own : held) };
  });
}

function mean(passes: readonly PassLine[]): Sample['counts'] {
  if (passes.length === 0) return null;
  const of = (count: (pass: PassLine) => number) => sum(passes.map(count)) / passes.length;
  return {
    target: of(({ target }) => target ?? 0),
    running: of(({ running }) => running),
    waiting: of(({ pending, held }) => pending + held),
    other: of(({ suspended, unknown, inDoubt }) => suspended + unknown + inDoubt),
  };
}

const dayMilliseconds = 24 * 3600 * 1000;

function daysOf({ since, until }: Period): Period[] {
  const first = Math.floor(since / dayMilliseconds);
  const count = Math.ceil(until / dayMilliseconds) - first;
  return Array.from({ length: count }, (_, at) => ({
    since: (first + at) * dayMilliseconds,
    until: (first + at + 1) * dayMilliseconds,
  }));
}

function dayOf(day: Period, passes: readonly PassLine[], lives: readonly PilotLife[], period: Period): Day {
  const seen = passes.filter((pass) => isWithin(pass.at, day) && !isBlind(pass));
  const part = { since: Math.max(day.since, period.since), until: Math.min(day.until, period.until) };
  const count = (time: (life: PilotLife) => number | null) =>
    sum(lives.map((life) => (isWithin((time(life) ?? Number.NaN) * 1000, part) ? life.nodes : 0)));
  return {
    ...day,
    counts: mean(seen),
    submitted: count(({ submittedAt }) => submittedAt),
    started: count(({ startedAt }) => startedAt),
    ended: count(({ endedAt }) => endedAt),
    nodeHours: sum(lives.map((life) => millisecondsWithin(life, part) * life.nodes)) / 3_600_000,
  };
}

/** How long a pilot ran within a period. One that has not ended runs. */
function millisecondsWithin({ startedAt, endedAt }: PilotLife, { since, until }: Period): number {
  if (startedAt === null) return 0;
  const end = endedAt === null ? until : endedAt * 1000;
  return Math.max(0, Math.min(until, end) - Math.max(since, startedAt * 1000));
}

function waitOf({ submittedAt, startedAt }: PilotLife, period: Period): number[] {
  if (submittedAt === null || startedAt === null || !isWithin(startedAt * 1000, period)) return [];
  return [Math.max(0, startedAt - submittedAt)];
}

function lifetimeOf({ startedAt, endedAt }: PilotLife): number[] {
  return startedAt === null || endedAt === null ? [] : [Math.max(0, endedAt - startedAt)];
}

function countEnds(ended: readonly PilotLife[]): EndCount[] {
  return grouped(
    ended.map(({ reason, exitCode }) => ({ reason, exitCode, count: 1 })),
    endKey,
  );
}

function endKey({ reason, exitCode }: EndCount): string {
  return `${reason} ${exitCode}`;
}

/** Items of one key as one, their counts together; the most frequent first. */
function grouped<T extends { count: number }>(items: readonly T[], key: (item: T) => string): T[] {
  const groups = new Map<string, T>();
  for (const item of items) {
    const before = groups.get(key(item));
    groups.set(key(item), { ...item, count: item.count + (before?.count ?? 0) });
  }
  return [...groups.values()].sort((one, other) => other.count - one.count);
}

function dayTogether(day: Day, days: readonly Day[]): Day {
  const of = (count: (one: Day) => number) => sum(days.map(count));
  return {
    ...{ since: day.since, until: day.until, counts: addedCounts(days) },
    ...{ submitted: of(({ submitted }) => submitted), started: of(({ started }) => started) },
    ...{ ended: of(({ ended }) => ended), nodeHours: of(({ nodeHours }) => nodeHours) },
  };
}

function added(pasts: readonly SitePast[], sample: (past: SitePast) => Sample | undefined): Sample['counts'] {
  return addedCounts(pasts.flatMap((past) => sample(past) ?? []));
}

function addedCounts(samples: readonly Sample[]): Sample['counts'] {
  const seen = samples.flatMap(({ counts }) => counts ?? []);
  if (seen.length === 0) return null;
  return {
    target: sum(seen.map(({ target }) => target)),
    running: sum(seen.map(({ running }) => running)),
    waiting: sum(seen.map(({ waiting }) => waiting)),
    other: sum(seen.map(({ other }) => other)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function byNumber(one: number, other: number): number {
  return one - other;
}
