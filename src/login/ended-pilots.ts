import type { FinishedJob } from '../schedulers/scheduler.ts';
import { type EndMark, jobOfPilot, type Mark, memberKey, nodePilotId } from './journal.ts';

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
  /** The id of a job by what its submission was answered with; null where that is not known. */
  idOf(tag: string, index: number): string | null;
  /** From the accounting; empty where there is none. */
  finished: readonly FinishedJob[];
  /** Earlier ends are left out. */
  sinceSeconds: number;
}

/** The pilots that ended since then, the latest first. Pure. */
export function endedPilots({ marks, seen, idOf, finished, sinceSeconds }: EndsKnown): EndedPilot[] {
  const ids = new Map(seen.map(({ tag, index, jobId }) => [memberKey(tag, index), jobOfPilot(jobId)]));
  const jobOf = ({ tag, index }: EndMark) => ids.get(memberKey(tag, index)) ?? idOf(tag, index);
  const told = ofEachPilot(marks).map((mark) => fromMark(mark, jobOf(mark)));
  const known = new Set(marks.map(jobOf));
  const accounted = finished.filter(({ id }) => !known.has(id)).map(fromAccounting);
  return [...told, ...accounted]
    .filter(({ endedAt }) => endedAt === null || endedAt >= sinceSeconds)
    .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));
}

/** Where the pilots of a job speak for themselves, the job's own end says nothing more. */
function ofEachPilot(marks: readonly EndMark[]): EndMark[] {
  const several = new Set(marks.flatMap((mark) => (mark.pilotNumber === null ? [] : memberKey(mark.tag, mark.index))));
  return marks.filter((mark) => mark.pilotNumber !== null || !several.has(memberKey(mark.tag, mark.index)));
}

function fromMark(mark: EndMark, jobId: string | null): EndedPilot {
  const { tag, index, pilotNumber, exitCode, reason, node, startedAt, endedAt } = mark;
  const job = jobId ?? memberKey(tag, index);
  const id = pilotNumber === null ? job : nodePilotId(job, pilotNumber);
  return { id, node, exitCode, reason, startedAt, endedAt };
}

function fromAccounting({ id, node, exitCode, state, startedAt, endedAt }: FinishedJob): EndedPilot {
  return { id, node, exitCode, reason: state, startedAt, endedAt };
}
