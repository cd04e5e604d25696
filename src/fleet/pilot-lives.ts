import type { Pilot } from '../login/census.ts';
import { jobOfPilot } from '../login/journal.ts';
import type { Look } from '../login/observation.ts';
import type { PilotEvent, PilotLine } from './history-lines.ts';
import type { EndedPilot, SiteReport } from './site-report.ts';

/**
 * Pilots' lives, from what passes saw of them. A pass sees all of it again and again: each thing is told once. Pure; times
 * are seconds since the epoch.
 */

/** One pilot; or a job, as long as no pilot of it has told its own end. */
export interface PilotLife {
  id: string;
  nodes: number;
  node: string | null;
  submittedAt: number | null;
  startedAt: number | null;
  /** Null: it has not ended. */
  endedAt: number | null;
  exitCode: number | null;
  /** How it ended; null where it left no word, and nobody else said. */
  reason: string | null;
  /** It was told to end at once. */
  isCancelled: boolean;
  /** When something of it was told last, by the clock of this machine. */
  toldAt: number;
}

/** The lives that lines tell of: the latest of each id, and those before it where a scheduler counts anew. */
export class Lives {
  readonly latest: Map<string, PilotLife>;
  private readonly earlier: PilotLife[] = [];

  constructor(known: readonly PilotLife[] = []) {
    this.latest = new Map(known.map((life) => [life.id, life]));
  }

  take(line: PilotLine): void {
    const before = this.latest.get(line.id);
    const isAnother = before !== undefined && begins(line, before);
    if (isAnother) this.earlier.push(before);
    this.latest.set(line.id, told(isAnother ? undefined : before, line));
  }

  /** Each pilot once: where the pilots of a job speak for themselves, the job's own life says nothing more. */
  all(): PilotLife[] {
    const lives = [...this.earlier, ...this.latest.values()];
    const spoken = new Set(lives.flatMap(({ id }) => (jobOfPilot(id) === id ? [] : jobOfPilot(id))));
    return lives.filter(({ id, endedAt }) => endedAt === null || !spoken.has(id)).map((life) => this.withJob(life));
  }

  /** When a pilot of several began to wait is known of its job. */
  private withJob(life: PilotLife): PilotLife {
    const job = this.latest.get(jobOfPilot(life.id));
    return job === undefined || life.submittedAt !== null ? life : { ...life, submittedAt: job.submittedAt };
  }
}

/** Whether this is of another pilot than the one that ended under the same id. */
function begins({ event, submittedAt, startedAt }: PilotLine, { endedAt }: PilotLife): boolean {
  if (endedAt === null) return false;
  if (event === 'submitted') return true;
  return (startedAt ?? submittedAt ?? 0) > endedAt;
}

function told(life: PilotLife | undefined, line: PilotLine): PilotLife {
  const { id, event, nodes, node, submittedAt, startedAt, endedAt, exitCode, reason, at } = line;
  return {
    ...{ id, nodes, node: node ?? life?.node ?? null },
    submittedAt: submittedAt ?? life?.submittedAt ?? null,
    startedAt: startedAt ?? life?.startedAt ?? null,
    ...(event === 'ended' ? { endedAt, exitCode, reason } : { endedAt: null, exitCode: null, reason: null }),
    isCancelled: event === 'cancelled' || (life?.isCancelled ?? false),
    toldAt: Math.floor(at / 1000),
  };
}

/** How pilots ended, as a pass can see it: by their own marks and, where they left none, by what else is known of the job. */
export function endsIn({ ended, census }: Pick<Look, 'ended' | 'census'>, sinceSeconds: number): EndedPilot[] {
  const spoken = new Set(ended.flatMap(({ id }) => [id, jobOfPilot(id)]));
  const others = census.past.ended.flatMap(({ id, node, startedAt, endedAt, ending }) => {
    if (ending === null || spoken.has(id) || (endedAt ?? 0) < sinceSeconds) return [];
    return [{ id, node, startedAt, endedAt, ...ending }];
  });
  return [...ended, ...others];
}

/** A pass may have looked so long before it writes. What another told meanwhile is not gone for not being in its listing. */
const longestPassSeconds = 600;

type Known = ReadonlyMap<string, PilotLife>;

/** What a pass has to tell of pilots that is not known yet. */
export function newsIn(report: SiteReport, known: Known, nowMilliseconds: number): PilotLine[] {
  const now = Math.floor(nowMilliseconds / 1000);
  const lines = [
    ...submitted(report, known, now),
    ...report.pilots.flatMap((pilot) => newsOf(pilot, known.get(pilot.id), now)),
    ...cancelled(report, known),
    ...report.ended.flatMap((end) => newsOfEnd(end, known.get(end.id))),
    ...vanished(report, known, now),
  ];
  return lines.map((line) => ({ kind: 'pilot', at: nowMilliseconds, ...line }));
}

type News = Omit<PilotLine, 'kind' | 'at'>;

function news(event: PilotEvent, id: string, more: Partial<News>): News {
  const nothing = { nodes: 1, node: null, submittedAt: null, startedAt: null, endedAt: null };
  return { event, id, ...nothing, exitCode: null, reason: null, ...more };
}

function submitted({ submitted: count, ids }: SiteReport, known: Known, now: number): News[] {
  if (count === 0) return [];
  const nodes = Math.max(1, Math.round(count / ids.length));
  const unknown = ids.filter((id) => known.get(id)?.endedAt !== null || !known.has(id));
  return unknown.map((id) => news('submitted', id, { nodes, submittedAt: now }));
}

function newsOf(pilot: Pilot, life: PilotLife | undefined, now: number): News[] {
  const { id, state, nodes, node, submittedAt } = pilot;
  if (state === 'unknown') return [];
  const startedAt = pilot.startedAt ?? (state === 'running' ? now : null);
  if (
    life !== undefined &&
    isOver(life) &&
    (state === 'ending' || (startedAt ?? submittedAt ?? 0) <= (life.endedAt ?? 0))
  ) {
    return [];
  }
  const living = life === undefined || isOver(life) ? null : life;
  const runs = state !== 'pending' && state !== 'held' && startedAt !== null;
  // One that was taken to be gone, and is there after all, is told again.
  const isTold = living !== null && living.startedAt !== null && living.endedAt === null;
  const lines: News[] = [];
  if (living === null) lines.push(news('submitted', id, { nodes, submittedAt }));
  if (runs && !isTold) lines.push(news('started', id, { nodes, node, submittedAt, startedAt }));
  return lines;
}

/**
 * The queue shows a pilot for a while after it has told its end; under its id another one may begin later. Of one that
 * is only missed nobody knows.
 */
function isOver({ endedAt, reason }: PilotLife): boolean {
  return endedAt !== null && reason !== null;
}

function cancelled({ pilots, cancelled: count, ids, idsCancelled }: SiteReport, known: Known): News[] {
  if (count === 0) return [];
  return ids.slice(0, idsCancelled).flatMap((id) => {
    const life = known.get(id);
    if (life !== undefined && (life.isCancelled || life.endedAt !== null)) return [];
    return [news('cancelled', id, { nodes: pilots.find((pilot) => pilot.id === id)?.nodes ?? life?.nodes ?? 1 })];
  });
}

/** An end is told once; again only where it was guessed before, or another pilot has run under the id since. */
function newsOfEnd(end: EndedPilot, life: PilotLife | undefined): News[] {
  const { id, node, exitCode, reason, startedAt, endedAt } = end;
  if (endedAt === null) return [];
  const line = news('ended', id, { nodes: life?.nodes ?? 1, node, startedAt, endedAt, exitCode, reason });
  if (life === undefined) return [line];
  if (life.endedAt === null)
    return endedAt < (life.startedAt ?? life.submittedAt ?? 0) - clockSlackSeconds ? [] : [line];
  if (startedAt !== null && startedAt > life.endedAt) return [line];
  return life.reason === null ? [line] : [];
}

/** How far the clocks of this machine, the login host and the nodes may differ. */
const clockSlackSeconds = 300;

/** Who is known, and neither there any more nor among those who said how they ended. */
function vanished({ pilots, ended, endsKnown }: SiteReport, known: Known, now: number): News[] {
  if (!endsKnown) return [];
  const there = new Set([...pilots.map(({ id }) => id), ...ended.map(({ id }) => id)]);
  const gone = [...known.values()].filter(
    ({ id, endedAt, toldAt }) => endedAt === null && !there.has(id) && toldAt < now - longestPassSeconds,
  );
  return gone.map(({ id, nodes, isCancelled }) => {
    return news('ended', id, { nodes, endedAt: now, reason: isCancelled ? 'CANCELLED' : null });
  });
}
