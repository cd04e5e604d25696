import type { ListedJob, SubmitOutcome } from '../schedulers/scheduler.ts';
import {
  type EndMark,
  type Intent,
  type Mark,
  memberKey,
  type Note,
  type Outcome,
  type ReportedEnd,
} from './journal.ts';

/** Everything a census is taken from, and the same by what it is asked for. Pure. */

/** What one pass has read; times in seconds by the login host's clock. */
export interface CensusInput {
  site: string;
  nowSeconds: number;
  /** The longest an attempt can have lasted, the scheduler's client killed and all. */
  attemptSeconds: number;
  /** Every sequence that was taken. */
  sequences: readonly number[];
  intents: readonly Intent[];
  outcomes: readonly Outcome[];
  notes: readonly Note[];
  seen: readonly Mark[];
  ends: readonly EndMark[];
  /** Ids of pilots that were asked to drain. */
  drains: readonly string[];
  /** Complete; the jobs of this user and job name. */
  jobs: readonly ListedJob[];
  /** What the scheduler said when it was asked for pilots by their ids. */
  asked: ReadonlyMap<string, 'exists' | 'gone'>;
  parseOutcome(outcome: Outcome): SubmitOutcome;
  firstIndex: number;
  pilotId(submissionId: string, index: number): string;
  submissionIdOf(pilotId: string): string;
}

/** What the journal and the marks say, by what it is asked for. */
export interface Facts {
  sequences: ReadonlySet<number>;
  answers: ReadonlyMap<number, { outcome: Outcome; answer: SubmitOutcome }>;
  settled: ReadonlyMap<string, Note & { kind: 'accepted' | 'never' }>;
  absences: ReadonlyMap<string, readonly number[]>;
  seen: ReadonlyMap<string, Mark>;
  /** By TAG.INDEX, as are those below. */
  starts: ReadonlyMap<string, Mark>;
  ends: ReadonlyMap<string, EndMark>;
  /** What the batch system said of ends. */
  reported: ReadonlyMap<string, ReportedEnd>;
  /** The pilots taken to be over, and since when others were missed; a later `found` takes back either. */
  closed: ReadonlyMap<string, number>;
  missed: ReadonlyMap<string, number>;
  /** When a pilot was first told to end in order. */
  told: ReadonlyMap<string, number>;
  bySubmission: ReadonlyMap<string, readonly ListedJob[]>;
  byTag: ReadonlyMap<string, readonly ListedJob[]>;
}

/** Sorts what was read, once: a site can have thousands of pilots and notes. */
export function factsFrom(input: CensusInput): Facts {
  const closed = new Map<string, number>();
  const missed = new Map<string, number>();
  const told = new Map<string, number>();
  for (const note of input.notes) {
    if (note.kind === 'closed') closed.set(note.member, note.at);
    if (note.kind === 'missed' && !missed.has(note.member)) missed.set(note.member, note.at);
    if (note.kind === 'told' && !told.has(note.member)) told.set(note.member, note.at);
    if (note.kind === 'found') for (const map of [closed, missed]) map.delete(note.member);
  }
  const settling = input.notes.filter((note) => note.kind === 'accepted' || note.kind === 'never');
  const absent = input.notes.filter((note) => note.kind === 'absent');
  return {
    sequences: new Set(input.intents.map((intent) => intent.sequence)),
    answers: new Map(
      input.outcomes.map((outcome) => [outcome.sequence, { outcome, answer: input.parseOutcome(outcome) }]),
    ),
    settled: new Map(settling.map((note) => [note.tag, note])),
    absences: new Map(
      [...grouped(absent, (note) => note.tag)].map(([tag, notes]) => [tag, notes.map((note) => note.at)]),
    ),
    seen: new Map(input.seen.filter(ofWholeJob).map((mark) => [mark.tag, mark])),
    starts: new Map(input.seen.filter(ofWholeJob).map((mark) => [memberKey(mark.tag, mark.index), mark])),
    reported: new Map(input.notes.flatMap((note) => (note.kind === 'ended' ? [[note.member, note.end] as const] : []))),
    ends: new Map(input.ends.filter(ofWholeJob).map((end) => [memberKey(end.tag, end.index), end])),
    closed,
    missed,
    told,
    bySubmission: grouped(input.jobs, (job) => job.submissionId),
    byTag: grouped(input.jobs, (job) => job.tag ?? ''),
  };
}

/** A job of several nodes is there as long as one of its pilots is. */
function ofWholeJob({ pilotNumber }: Pick<Mark | EndMark, 'pilotNumber'>): boolean {
  return pilotNumber === null;
}

/** Items by their key, in their order. */
export function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
