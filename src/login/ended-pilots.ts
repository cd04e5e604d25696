import type { FinishedJob } from '../schedulers/scheduler.ts';
import { type EndMark, type Mark, memberKey } from './journal.ts';

/** How one pilot ended: from its own mark, or from the accounting where it left none. */
export interface EndedPilot {
  id: string;
  node: string | null;
  /** null where it is not known: a pilot that was killed leaves no exit code. */
  exitCode: number | null;
  /** The job's own word (`drained`, `walltime`, `signalled`, `exited`…) or the scheduler's (`TIMEOUT`, `NODE_FAIL`…). */
  reason: string;
  /** Seconds since the epoch; null where it never ran, or nobody says. */
  startedAt: number | null;
  endedAt: number | null;
}

/** What is known of ends. */
export interface EndsKnown {
  /** By the job's own word. Says how it ended, but a node that fails leaves none. */
  marks: readonly EndMark[];
  /** Where a mark's id is from: a job that got as far as to say that it started. */
  seen: readonly Mark[];
  /** The id of a pilot by what its submission was answered with; null where that is not known. */
  idOf(tag: string, index: number): string | null;
  /** From the accounting; empty where there is none. */
  finished: readonly FinishedJob[];
  /** Earlier ends are left out. */
  sinceSeconds: number;
}

/** The pilots that ended since then, the latest first. Pure. */
export function endedPilots({ marks, seen, idOf, finished, sinceSeconds }: EndsKnown): EndedPilot[] {
  const ids = new Map(seen.map(({ tag, index, jobId }) => [memberKey(tag, index), jobId]));
  const told = marks.map((mark) =>
    fromMark(mark, ids.get(memberKey(mark.tag, mark.index)) ?? idOf(mark.tag, mark.index)),
  );
  const known = new Set(told.map(({ id }) => id));
  const accounted = finished.filter(({ id }) => !known.has(id)).map(fromAccounting);
  return [...told, ...accounted]
    .filter(({ endedAt }) => endedAt === null || endedAt >= sinceSeconds)
    .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));
}

function fromMark({ tag, index, exitCode, reason, node, startedAt, endedAt }: EndMark, id: string | null): EndedPilot {
  return { id: id ?? memberKey(tag, index), node, exitCode, reason, startedAt, endedAt };
}

function fromAccounting({ id, node, exitCode, state, startedAt, endedAt }: FinishedJob): EndedPilot {
  return { id, node, exitCode, reason: state, startedAt, endedAt };
}
