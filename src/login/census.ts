import { siteOfTag } from '../pilot/tag.ts';
import type { ListedJob, SubmitOutcome } from '../schedulers/scheduler.ts';
import type { EndMark, Intent, Mark, Note, Outcome } from './journal.ts';
import { memberKey } from './journal.ts';

/**
 * Who is there: what the journal, the marks and one complete listing say together. Pure; the times are the login
 * host's, in seconds.
 */

export interface Pilot {
  /** As the scheduler's commands take it. */
  id: string;
  state: 'pending' | 'running' | 'held' | 'suspended' | 'ending' | 'unknown';
  reason: string | null;
  nodes: number;
  node: string | null;
  tag: string | null;
  submittedAt: number | null;
  startedAt: number | null;
  endsAt: number | null;
  /** A person asked for it, or it is not known to the journal: a pass never ends it of its own accord. */
  once: boolean;
  /** TAG.INDEX, or null where the tag is not known. */
  member: string | null;
}

export interface Doubt {
  sequence: number;
  tag: string;
  count: number;
  said: string;
  /** When it can be settled at the earliest, if no listing shows it. */
  settlesAt: number;
}

export interface Census {
  pilots: readonly Pilot[];
  inDoubt: readonly Doubt[];
  /** What this look has found out, for the journal. */
  notes: readonly Note[];
  /** Ids of pilots that should be there and are not listed: the scheduler is to be asked for them. */
  missing: readonly string[];
  /** Something is taken to be gone only because listings do not show it: one in another form must confirm that. */
  absenceDecides: boolean;
  /** Submissions all of whose pilots are over. */
  over: readonly { intent: Intent; pilotIds: readonly string[]; lastEventAt: number }[];
  /** The most pilots to ask for at once, after refusals for capacity; null: no such limit is known. */
  capacity: number | null;
  nextSequence: number;
  /** Sequences that were taken and have no intent: whoever took them submitted nothing yet. */
  abandoned: readonly number[];
}

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
  /** Complete; the jobs of this user and job name. */
  jobs: readonly ListedJob[];
  /** What the scheduler said when it was asked for pilots by their ids. */
  asked: ReadonlyMap<string, 'exists' | 'gone'>;
  parseOutcome(outcome: Outcome): SubmitOutcome;
  firstIndex: number;
  pilotId(submissionId: string, index: number): string;
  submissionIdOf(pilotId: string): string;
}

/** A killed client's job can appear late: seen with every scheduler. */
const settleDelaySeconds = 300;
const betweenListingsSeconds = 60;
/** How far the scheduler's clock may lie before the login host's. */
const clockSlackSeconds = 60;

/** Takes the census. */
export function census(input: CensusInput): Census {
  const jobs = input.jobs.filter((job) => job.tag === null || siteOfTag(job.tag) === input.site);
  const fates = input.intents.map((intent) => fateOf(intent, jobs, input));
  const known = fates.flatMap((fate) => (fate.kind === 'accepted' ? membersOf(fate, jobs, input) : []));
  const claimed = new Set(known.map((member) => member.job?.id));
  const strangers = jobs.filter((job) => !claimed.has(job.id));
  return {
    pilots: [
      ...known.flatMap(pilotOf),
      ...strangers.flatMap((job) => pilotOf({ job, intent: null, standing: 'listed' })),
    ],
    inDoubt: fates.flatMap((fate) => (fate.kind === 'doubt' ? [fate.doubt] : [])),
    notes: [...fates.flatMap((fate) => fate.notes), ...known.flatMap((member) => member.notes)],
    missing: known.flatMap((member) => (member.standing === 'missing' ? [member.id] : [])),
    absenceDecides: [...fates, ...known].some((one) => one.absenceDecides),
    over: fates.flatMap((fate) => overOf(fate, known, input)),
    capacity: capacityOf(input),
    nextSequence: Math.max(0, ...input.sequences, ...input.intents.map((intent) => intent.sequence)) + 1,
    abandoned: input.sequences.filter((sequence) => !input.intents.some((intent) => intent.sequence === sequence)),
  };
}

type Fate =
  | { kind: 'accepted'; intent: Intent; submissionId: string; notes: Note[]; absenceDecides: false }
  | { kind: 'nothing'; intent: Intent; notes: Note[]; absenceDecides: boolean; at: number }
  | { kind: 'doubt'; intent: Intent; doubt: Doubt; notes: Note[]; absenceDecides: false };

/** What became of one submission. */
function fateOf(intent: Intent, jobs: readonly ListedJob[], input: CensusInput): Fate {
  const outcome = input.outcomes.find((one) => one.sequence === intent.sequence);
  const answer = outcome === undefined ? null : input.parseOutcome(outcome);
  const settled = input.notes.find(
    (note) => (note.kind === 'accepted' || note.kind === 'never') && note.sequence === intent.sequence,
  );
  if (answer?.kind === 'accepted') return accepted(intent, answer.id, []);
  if (settled?.kind === 'accepted') return accepted(intent, settled.submissionId, []);
  const shown = shownId(intent, outcome, jobs, input);
  if (shown !== null) {
    return accepted(intent, shown, [
      { kind: 'accepted', sequence: intent.sequence, submissionId: shown, at: input.nowSeconds },
    ]);
  }
  if (answer?.kind === 'refused') return nothing(intent, outcome?.endedAt ?? intent.startedAt);
  if (settled?.kind === 'never') return nothing(intent, settled.at);
  const said = answer?.kind === 'inDoubt' ? answer.text : 'the connection was lost before the scheduler answered';
  return settleByAbsence(intent, outcome, said, input);
}

function accepted(intent: Intent, submissionId: string, notes: Note[]): Fate {
  return { kind: 'accepted', intent, submissionId, notes, absenceDecides: false };
}

function nothing(intent: Intent, at: number): Fate {
  return { kind: 'nothing', intent, notes: [], absenceDecides: false, at };
}

/** The submission's id, when a listing or a job's own mark shows its tag; one pilot of an array shows the whole array. */
function shownId(
  intent: Intent,
  outcome: Outcome | undefined,
  jobs: readonly ListedJob[],
  input: CensusInput,
): string | null {
  const listed = jobs.find((job) => job.tag === intent.tag);
  if (listed !== undefined) return listed.submissionId;
  const mark = input.seen.find((one) => one.tag === intent.tag);
  if (mark !== undefined) return input.submissionIdOf(mark.jobId);
  return untaggedId(intent, outcome, jobs, input);
}

/** A site may erase the tag: then the submit time decides, among the jobs that no submission is known to have made. */
function untaggedId(
  intent: Intent,
  outcome: Outcome | undefined,
  jobs: readonly ListedJob[],
  input: CensusInput,
): string | null {
  const ids = new Set(
    input.outcomes.map(input.parseOutcome).flatMap((answer) => (answer.kind === 'accepted' ? [answer.id] : [])),
  );
  for (const note of input.notes) if (note.kind === 'accepted') ids.add(note.submissionId);
  const from = intent.startedAt - clockSlackSeconds;
  const until = endOfAttempt(intent, outcome, input) + settleDelaySeconds;
  const found = jobs.find(
    (job) =>
      job.tag === null &&
      !ids.has(job.submissionId) &&
      job.submittedAt !== null &&
      job.submittedAt >= from &&
      job.submittedAt <= until,
  );
  return found?.submissionId ?? null;
}

function endOfAttempt(intent: Intent, outcome: Outcome | undefined, input: CensusInput): number {
  return outcome?.endedAt ?? intent.startedAt + input.attemptSeconds;
}

/** Never accepted only after two complete listings without it, both well after the attempt and a while apart. */
function settleByAbsence(intent: Intent, outcome: Outcome | undefined, said: string, input: CensusInput): Fate {
  const { sequence, tag, count } = intent;
  const countsFrom = endOfAttempt(intent, outcome, input) + settleDelaySeconds;
  const absences = input.notes.flatMap((note) =>
    note.kind === 'absent' && note.sequence === sequence && note.at >= countsFrom ? [note.at] : [],
  );
  const first = absences.length === 0 ? null : Math.min(...absences);
  const settlesAt = first === null ? countsFrom + betweenListingsSeconds : first + betweenListingsSeconds;
  if (first !== null && input.nowSeconds >= settlesAt) {
    const note: Note = { kind: 'never', sequence, at: input.nowSeconds };
    return { kind: 'nothing', intent, notes: [note], absenceDecides: true, at: input.nowSeconds };
  }
  const notes: Note[] =
    first === null && input.nowSeconds >= countsFrom ? [{ kind: 'absent', sequence, at: input.nowSeconds }] : [];
  return { kind: 'doubt', intent, doubt: { sequence, tag, count, said, settlesAt }, notes, absenceDecides: false };
}

interface Member {
  key: string;
  intent: Intent | null;
  job: ListedJob | null;
  id: string;
  standing: 'listed' | 'missing' | 'over';
  notes: Note[];
  absenceDecides: boolean;
}

/** The pilots of one accepted submission, each as the listing, its marks and the journal have it. */
function membersOf(fate: Fate & { kind: 'accepted' }, jobs: readonly ListedJob[], input: CensusInput): Member[] {
  const { intent, submissionId } = fate;
  const own = jobs.filter((job) => job.submissionId === submissionId || job.tag === intent.tag);
  return Array.from({ length: intent.count }, (_, position) => {
    const index = position + input.firstIndex;
    // Pilots of an array that ended before they started may be one record, without an index.
    const job = own.find((one) => one.index === index) ?? own.find((one) => one.index === null) ?? null;
    const key = memberKey(intent.tag, intent.count === 1 && job?.index === null ? null : index);
    return memberOf({ key, intent, job, id: job?.id ?? input.pilotId(submissionId, index) }, input);
  });
}

function memberOf(who: Pick<Member, 'key' | 'intent' | 'job' | 'id'>, input: CensusInput): Member {
  const closedBefore = input.notes.some((note) => note.kind === 'closed' && note.member === who.key);
  const closing: Note[] = closedBefore ? [] : [{ kind: 'closed', member: who.key, at: input.nowSeconds }];
  const over = (notes: Note[]): Member => ({ ...who, standing: 'over', notes, absenceDecides: false });
  if (who.job?.state === 'finished') return over(closing);
  const first = missedSince(who.key, input.notes);
  if (who.job !== null) {
    const notes: Note[] = first === null ? [] : [{ kind: 'found', member: who.key, at: input.nowSeconds }];
    return { ...who, standing: 'listed', notes, absenceDecides: false };
  }
  if (closedBefore || input.ends.some((end) => memberKey(end.tag, end.index) === who.key)) return over([]);
  return missingMember(who, first, closing, input);
}

/** Not listed. What the scheduler says of its id decides; without an answer it counts until it is missed twice. */
function missingMember(
  who: Pick<Member, 'key' | 'intent' | 'job' | 'id'>,
  missedBefore: number | null,
  closing: Note[],
  input: CensusInput,
): Member {
  const answer = input.asked.get(who.id);
  if (answer === 'gone') return { ...who, standing: 'over', notes: closing, absenceDecides: false };
  if (answer === 'exists') return { ...who, standing: 'missing', notes: [], absenceDecides: false };
  if (missedBefore !== null && input.nowSeconds >= missedBefore + betweenListingsSeconds) {
    return { ...who, standing: 'over', notes: closing, absenceDecides: true };
  }
  const notes: Note[] = missedBefore === null ? [{ kind: 'missed', member: who.key, at: input.nowSeconds }] : [];
  return { ...who, standing: 'missing', notes, absenceDecides: false };
}

/** When the pilot was first missed since it was last seen; null when it was not. */
function missedSince(member: string, notes: readonly Note[]): number | null {
  let since: number | null = null;
  for (const note of notes) {
    if (note.kind === 'missed' && note.member === member) since ??= note.at;
    if (note.kind === 'found' && note.member === member) since = null;
  }
  return since;
}

/** The pilot as a person sees it; none when it is over. */
function pilotOf(member: Pick<Member, 'job' | 'intent' | 'standing'> & Partial<Pick<Member, 'id' | 'key'>>): Pilot[] {
  const { job, intent } = member;
  const once = intent === null || intent.mode === 'once';
  if (member.standing === 'missing') return [missingPilot(member.id ?? '', intent, member.key ?? null, once)];
  if (member.standing === 'over' || job === null || job.state === 'finished') return [];
  const { id, state, reason, nodes, node, submittedAt, startedAt, endsAt } = job;
  const tag = job.tag ?? intent?.tag ?? null;
  return [{ id, state, reason, nodes, node, tag, submittedAt, startedAt, endsAt, once, member: member.key ?? null }];
}

function missingPilot(id: string, intent: Intent | null, member: string | null, once: boolean): Pilot {
  return {
    id,
    state: 'unknown',
    reason: 'the last listing does not show it',
    nodes: 1,
    node: null,
    tag: intent?.tag ?? null,
    submittedAt: intent?.startedAt ?? null,
    startedAt: null,
    endsAt: null,
    once,
    member,
  };
}

function overOf(fate: Fate, known: readonly Member[], input: CensusInput): Census['over'] {
  const { intent } = fate;
  if (fate.kind === 'doubt') return [];
  if (fate.kind === 'nothing') return [{ intent, pilotIds: [], lastEventAt: fate.at }];
  const members = known.filter((member) => member.intent === intent);
  if (members.some((member) => member.standing !== 'over')) return [];
  const keys = new Set(members.map((member) => member.key));
  const events = [
    intent.startedAt,
    ...input.ends.filter((end) => keys.has(memberKey(end.tag, end.index))).map((end) => end.endedAt),
    ...input.notes.flatMap((note) => (note.kind === 'closed' && keys.has(note.member) ? [note.at] : [])),
  ];
  return [{ intent, pilotIds: members.map((member) => member.id), lastEventAt: Math.max(...events) }];
}

/** Halved by every refusal for capacity, doubled by every acceptance that reached it. */
function capacityOf(input: CensusInput): number | null {
  let capacity: number | null = null;
  for (const intent of input.intents) {
    const outcome = input.outcomes.find((one) => one.sequence === intent.sequence);
    const answer = outcome === undefined ? null : input.parseOutcome(outcome);
    if (answer?.kind === 'refused' && answer.refusal === 'capacity')
      capacity = Math.max(1, Math.floor(intent.count / 2));
    if (answer?.kind === 'accepted' && capacity !== null && intent.count >= capacity) capacity = capacity * 2;
  }
  return capacity;
}
