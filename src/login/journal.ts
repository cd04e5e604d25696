import { Buffer } from 'node:buffer';
import type { Output } from '../schedulers/scheduler.ts';

/**
 * What the login host remembers of a site, as text. Every record is one line of words that ends in a lone dot: a line
 * that was cut is not a record, and is passed over. That is safe, because a lost record only ever leaves a pilot counted
 * or a submission in doubt for longer.
 */

export interface Intent {
  sequence: number;
  tag: string;
  /** Jobs in it. */
  count: number;
  /** Nodes of each job, and so pilots. */
  nodes: number;
  mode: 'keep' | 'once';
  /** Seconds since the epoch, by the login host's clock, as are all times here. */
  startedAt: number;
}

export interface Outcome {
  sequence: number;
  endedAt: number;
  output: Output;
}

/** What a later pass found out. */
export type Note =
  /** A listing showed the tag of a submission in doubt. */
  | { kind: 'accepted'; tag: string; submissionId: string; at: number }
  /** A complete listing did not show a submission in doubt. */
  | { kind: 'absent'; tag: string; at: number }
  /** Settled: the scheduler never took it. */
  | { kind: 'never'; tag: string; at: number }
  /** A complete listing did not show a pilot that should be there. `member` is TAG.INDEX. */
  | { kind: 'missed'; member: string; at: number }
  /** A pilot that was missed, or taken to be over, is there. */
  | { kind: 'found'; member: string; at: number }
  /** The pilot is over, or was told to end at once. */
  | { kind: 'closed'; member: string; at: number }
  /** The pilot was told to end in order; it is there until a listing shows that it is not. */
  | { kind: 'told'; member: string; at: number }
  /** How long each job of a submission may run. */
  | { kind: 'walltime'; tag: string; seconds: number; at: number }
  /** The batch system's own word on the end of a pilot that left none. */
  | { kind: 'ended'; member: string; end: ReportedEnd; at: number }
  /** What a submission used, in node seconds, when its marks were cleared away. */
  | { kind: 'spent'; tag: string; nodeSeconds: number; at: number }
  | PauseNote
  /** A person lets submissions go on: what is about submissions up to this sequence is past. */
  | { kind: 'resumed'; sequence: number; at: number };

/** Nothing is submitted any more until a person says so. */
export interface PauseNote {
  kind: 'paused';
  /** `refused`: too often in a row; `forbidden`: in words that asking again does not change; `died`: pilots did, early; `guard`: one was not limited to its owners. */
  cause: PauseCause;
  /** The pilot that died last; null: no pilot. */
  id: string | null;
  /** What the scheduler, or the pilot's log at its end, said. */
  said: string;
  at: number;
}

export type PauseCause = 'refused' | 'forbidden' | 'died' | 'guard';

/** How a pilot ended, by the listing or the accounting. */
export interface ReportedEnd {
  /** null: none is known. */
  exitCode: number | null;
  /** The scheduler's own word: `FAILED`, `TIMEOUT`. */
  state: string;
  node: string | null;
  startedAt: number | null;
  endedAt: number | null;
}

/** A job's own word that it started (`seen/`). */
export interface Mark {
  tag: string;
  index: number;
  /** Which of a job's several pilots says it; null: the job as a whole. */
  pilotNumber: number | null;
  /** The pilot's id: the job's, or, of one of several, what `nodePilotId` makes of it. */
  jobId: string;
  node: string;
  startedAt: number;
}

/** The same of its end (`ends/`). */
export interface EndMark {
  tag: string;
  index: number;
  /** As in a `Mark`: that one pilot of several ended does not mean that the job did. */
  pilotNumber: number | null;
  exitCode: number;
  reason: string;
  node: string;
  startedAt: number;
  endedAt: number;
}

const tagPattern = '[a-z0-9-]+';

/** Every intent in the text, by rising sequence. */
export function readIntents(text: string): Intent[] {
  const pattern = new RegExp(`^intent (\\d+) (${tagPattern}) (\\d+)(?:x(\\d+))? (keep|once) (\\d+) \\.$`);
  return records(text, pattern, ([sequence, tag, count, nodes, mode, at]) => ({
    sequence: Number(sequence),
    tag: String(tag),
    count: Number(count),
    nodes: Number(nodes ?? 1),
    mode: mode === 'once' ? ('once' as const) : ('keep' as const),
    startedAt: Number(at),
  })).sort((a, b) => a.sequence - b.sequence);
}

/** The sequences that were ever taken and not cleared away, from the names of their directories. */
export function readSequences(text: string): number[] {
  return records(text, /^.*\/(\d+)$/, ([sequence]) => Number(sequence));
}

export function readOutcomes(text: string): Outcome[] {
  return records(text, /^outcome (\d+) (\d+) (\d+) x([A-Za-z0-9+/=]*) x([A-Za-z0-9+/=]*) \.$/, (words) => {
    const [sequence, at, code, stdout, stderr] = words;
    return {
      sequence: Number(sequence),
      endedAt: Number(at),
      output: { stdout: fromBase64(stdout), stderr: fromBase64(stderr), code: Number(code) },
    };
  });
}

export function readNotes(text: string): Note[] {
  const settling = new RegExp(`^(accepted|absent|never) (${tagPattern}) (\\S+) (\\d+) \\.$`);
  const settled = records(text, settling, ([kind, tag, id, at]): Note => {
    const known = { tag: String(tag), at: Number(at) };
    if (kind === 'accepted') return { kind, ...known, submissionId: String(id) };
    return { kind: kind === 'never' ? 'never' : 'absent', ...known };
  });
  const pilots = records(text, /^(missed|found|closed|told) (\S+) - (\d+) \.$/, ([kind, member, at]): Note => {
    const known = { member: String(member), at: Number(at) };
    return kind === 'missed' || kind === 'found' || kind === 'told' ? { kind, ...known } : { kind: 'closed', ...known };
  });
  return [...settled, ...pilots, ...readSpending(text), ...readBrakeNotes(text)];
}

function readSpending(text: string): Note[] {
  const amounts = new RegExp(`^(walltime|spent) (${tagPattern}) (\\d+) (\\d+) \\.$`);
  const told = records(text, amounts, ([kind, tag, seconds, at]): Note => {
    const known = { tag: String(tag), at: Number(at) };
    return kind === 'walltime'
      ? { kind, ...known, seconds: Number(seconds) }
      : { kind: 'spent', ...known, nodeSeconds: Number(seconds) };
  });
  const number = '(\\d+|-)';
  const ends = new RegExp(`^ended (\\S+) ${number} (\\S+) (\\S+) ${number} ${number} (\\d+) \\.$`);
  const reported = records(text, ends, ([member, code, state, node, startedAt, endedAt, at]): Note => {
    const times = { startedAt: numberOrNull(startedAt), endedAt: numberOrNull(endedAt) };
    const end = { exitCode: numberOrNull(code), state: String(state), node: wordOrNull(node), ...times };
    return { kind: 'ended', member: String(member), end, at: Number(at) };
  });
  return [...told, ...reported];
}

/** In the order in which they were written: the last one counts, whatever clocks did. */
function readBrakeNotes(text: string): Note[] {
  const pattern = /^(?:paused (refused|forbidden|died|guard) (\S+) x([A-Za-z0-9+/=]*) (\d+)|resumed (\d+) - (\d+)) \.$/;
  return records(text, pattern, ([cause, id, said, pausedAt, sequence, resumedAt]): Note => {
    if (sequence !== undefined) return { kind: 'resumed', sequence: Number(sequence), at: Number(resumedAt) };
    const known = { id: wordOrNull(id), said: fromBase64(said), at: Number(pausedAt) };
    return { kind: 'paused', cause: pauseCauses.find((one) => one === cause) ?? 'died', ...known };
  });
}

const pauseCauses: readonly PauseCause[] = ['refused', 'forbidden', 'died', 'guard'];

function numberOrNull(word: string | undefined): number | null {
  return word === undefined || word === '-' ? null : Number(word);
}

function wordOrNull(word: string | undefined): string | null {
  return word === undefined || word === '-' ? null : word;
}

/** As one word of a record; what cannot be one is left out. */
function asWord(text: string | number | null): string {
  return String(text ?? '-').replaceAll(/[^\][A-Za-z0-9_.:+-]/g, '_') || '-';
}

/** One line of the journal; `readNotes` reads it back. */
export function writeNote(note: Note): string {
  switch (note.kind) {
    case 'accepted':
      return `accepted ${note.tag} ${note.submissionId} ${note.at} .`;
    case 'absent':
    case 'never':
      return `${note.kind} ${note.tag} - ${note.at} .`;
    case 'missed':
    case 'found':
    case 'closed':
    case 'told':
      return `${note.kind} ${note.member} - ${note.at} .`;
    case 'walltime':
      return `walltime ${note.tag} ${note.seconds} ${note.at} .`;
    case 'spent':
      return `spent ${note.tag} ${note.nodeSeconds} ${note.at} .`;
    case 'ended': {
      const { exitCode, state, node, startedAt, endedAt } = note.end;
      return `ended ${note.member} ${[exitCode, state, node, startedAt, endedAt].map(asWord).join(' ')} ${note.at} .`;
    }
    case 'paused':
      return `paused ${note.cause} ${asWord(note.id)} x${Buffer.from(note.said).toString('base64')} ${note.at} .`;
    case 'resumed':
      return `resumed ${note.sequence} - ${note.at} .`;
  }
}

/** How long each job of a submission may run, by its tag. */
export function wallSecondsOf(notes: readonly Note[]): Map<string, number> {
  return new Map(notes.flatMap((note) => (note.kind === 'walltime' ? [[note.tag, note.seconds] as const] : [])));
}

/** The ids of the pilots that were asked to drain, from the names of their marks. */
export function readDrains(text: string): string[] {
  return records(text, /^.*\/([^/]+)$/, ([id]) => String(id));
}

export function readSeen(text: string): Mark[] {
  const pattern = new RegExp(`^seen (${tagPattern}) (\\d+)(?:\\.(\\d+))? (\\S+) (\\S+) (\\d+) \\.$`);
  return records(text, pattern, ([tag, index, number, jobId, node, startedAt]) => ({
    tag: String(tag),
    index: Number(index),
    pilotNumber: number === undefined ? null : Number(number),
    jobId: String(jobId),
    node: String(node),
    startedAt: Number(startedAt),
  }));
}

export function readEnds(text: string): EndMark[] {
  const pattern = new RegExp(`^end (${tagPattern}) (\\d+)(?:\\.(\\d+))? (\\d+) (\\S+) (\\S+) (\\d+) (\\d+) \\.$`);
  return records(text, pattern, ([tag, index, number, code, reason, node, startedAt, endedAt]) => ({
    tag: String(tag),
    index: Number(index),
    pilotNumber: number === undefined ? null : Number(number),
    exitCode: Number(code),
    reason: String(reason),
    node: String(node),
    startedAt: Number(startedAt),
    endedAt: Number(endedAt),
  }));
}

/** The name of a pilot's drain mark: its id as the job itself has it, which keeps nothing that a path could mind. */
export function drainMark(id: string): string {
  return id.replaceAll(/[^\][A-Za-z0-9_.-]/g, '_');
}

/** What an intent says of its jobs: how many, and, where each has several nodes, of how many. */
export function writeSize({ count, nodes }: Pick<Intent, 'count' | 'nodes'>): string {
  return nodes === 1 ? String(count) : `${count}x${nodes}`;
}

/** The id of one of a job's several pilots: in the names of its marks and its log, and in what it advertises. */
export function nodePilotId(jobId: string, pilotNumber: number): string {
  return `${jobId}_n${pilotNumber}`;
}

/** The job's id, as the scheduler's commands take it, from the id of one of its pilots. */
export function jobOfPilot(pilotId: string): string {
  return pilotId.replace(/_n\d+$/, '');
}

/** The key of one job of a submission in marks and notes. One that is no array has index 0. */
export function memberKey(tag: string, index: number | null): string {
  return `${tag}.${index ?? 0}`;
}

function records<T>(text: string, pattern: RegExp, build: (words: readonly (string | undefined)[]) => T): T[] {
  return text.split('\n').flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [build(match.slice(1))];
  });
}

function fromBase64(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString('utf8');
}
