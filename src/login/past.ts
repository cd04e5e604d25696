import type { RefusalClass } from '../failure.ts';
import type { Facts } from './evidence.ts';
import { type EndMark, type Intent, type Note, type PauseNote, type ReportedEnd, wallSecondsOf } from './journal.ts';

/** What became of submissions and of pilots that are over, as far as the login host remembers. Pure; times are its seconds. */

/** A submission and its answer. */
export interface Attempt {
  sequence: number;
  /** Jobs in it. */
  jobs: number;
  answer: 'accepted' | 'refused' | 'never' | 'doubt';
  /** The scheduler's words, when it refused. */
  refusal: { refusal: RefusalClass; text: string } | null;
  /** When that was known. */
  at: number;
}

/** A job that is over. */
export interface EndedJob {
  sequence: number;
  tag: string;
  /** TAG.INDEX. */
  member: string;
  id: string;
  nodes: number;
  node: string | null;
  /** null: it never ran, as far as anybody knows. */
  startedAt: number | null;
  /** Or when it was found to be over. */
  endedAt: number;
  /** null: nobody said how it ended. */
  ending: { exitCode: number | null; reason: string } | null;
  /** How long it may have run at most; null: not written down. */
  wallSeconds: number | null;
}

/** What is remembered of a site. */
export interface Past {
  attempts: readonly Attempt[];
  ended: readonly EndedJob[];
  /** How long each job of a submission may run, by its tag. */
  wallSeconds: ReadonlyMap<string, number>;
  /** Node seconds of submissions whose marks were cleared away, by tag. */
  spent: ReadonlyMap<string, number>;
  /** The pause that nobody has taken back. */
  pause: PauseNote | null;
  /** Submissions up to this sequence were before a person let them go on. */
  resumedUpTo: number;
}

/** What the notes alone say. */
export function pastIn(notes: readonly Note[]): Omit<Past, 'attempts' | 'ended'> {
  const spent = new Map<string, number>();
  let pause: PauseNote | null = null;
  let resumedUpTo = 0;
  for (const note of notes) {
    if (note.kind === 'spent') spent.set(note.tag, note.nodeSeconds);
    if (note.kind === 'paused') pause ??= note;
    if (note.kind === 'resumed') {
      pause = null;
      resumedUpTo = Math.max(resumedUpTo, note.sequence);
    }
  }
  return { spent, pause, resumedUpTo, wallSeconds: wallSecondsOf(notes) };
}

/** A pilot that is over, from its own marks, from what the batch system said of it, or at least from when it was missed: at the latest now. */
export function endedJob(
  { key, id, intent, reported }: { key: string; id: string; intent: Intent; reported: ReportedEnd | null },
  facts: Facts,
  { wallSeconds, nowSeconds }: { wallSeconds: ReadonlyMap<string, number>; nowSeconds: number },
): EndedJob {
  const [mark, started] = [facts.ends.get(key), facts.starts.get(key)];
  return {
    ...{ sequence: intent.sequence, tag: intent.tag, member: key, id, nodes: intent.nodes },
    startedAt: mark?.startedAt ?? started?.startedAt ?? reported?.startedAt ?? null,
    endedAt: mark?.endedAt ?? reported?.endedAt ?? facts.closed.get(key) ?? nowSeconds,
    node: mark?.node ?? started?.node ?? reported?.node ?? null,
    ending: endingOf(mark, reported),
    wallSeconds: wallSeconds.get(intent.tag) ?? null,
  };
}

function endingOf(mark: EndMark | undefined, reported: ReportedEnd | null): EndedJob['ending'] {
  if (mark !== undefined) return { exitCode: mark.exitCode, reason: mark.reason };
  return reported === null ? null : { exitCode: reported.exitCode, reason: reported.state };
}

/** A login host that is set to local time goes wrong by so much twice a year. */
const clockErrorSeconds = 3600;

/**
 * What a job used, in node seconds: more rather than less. Whose end nobody knows ran until it was missed, by two clocks,
 * and at most to its wall clock's end.
 */
export function nodeSecondsOf({ startedAt, endedAt, ending, wallSeconds, nodes }: EndedJob): number {
  if (startedAt === null) return 0;
  const ran = Math.max(0, endedAt - startedAt);
  return (ending === null ? Math.min(ran + clockErrorSeconds, wallSeconds ?? ran + clockErrorSeconds) : ran) * nodes;
}
