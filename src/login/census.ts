import { siteOfTag } from '../pilot/tag.ts';
import type { ListedJob } from '../schedulers/scheduler.ts';
import { type CensusInput, type Facts, factsFrom, grouped } from './evidence.ts';
import type { Intent, Note, ReportedEnd } from './journal.ts';
import { drainMark, memberKey } from './journal.ts';
import { type Attempt, endedJob, type Past, pastIn } from './past.ts';

/**
 * Who is there: what the journal, the marks and one complete listing say together. Pure; the times are the login
 * host's, in seconds.
 */

/** A pilot; or, where a job has several nodes, all of the job's: the scheduler starts and ends them together. */
export interface Pilot {
  /** The job's id, as the scheduler's commands take it. */
  id: string;
  state: 'pending' | 'running' | 'held' | 'suspended' | 'ending' | 'unknown';
  reason: string | null;
  /** How many pilots it counts for: one a node, as long as the job is there. */
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
  /** Its drain mark is there: it takes no new jobs, or will not once it runs. */
  isDraining: boolean;
  /** When it was first told to end in order; null: it was not. */
  toldAt: number | null;
}

/** Whether it waits in the queue, with no jobs of its own. */
export function hasNotStarted({ state }: Pick<Pilot, 'state'>): boolean {
  return state === 'pending' || state === 'held';
}

export interface Doubt {
  sequence: number;
  tag: string;
  /** Pilots in it. */
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
  /** The most jobs to ask for at once, after refusals for capacity; null: no such limit is known. */
  capacity: number | null;
  nextSequence: number;
  /** Sequences that were taken and have no intent: whoever took them submitted nothing yet. */
  abandoned: readonly number[];
  past: Past;
}

/** A killed client's job can appear late: seen with every scheduler. */
const settleDelaySeconds = 300;
const betweenListingsSeconds = 60;
/** How far the scheduler's clock may lie before the login host's. */
const clockSlackSeconds = 60;

/** Takes the census. */
export function census(input: CensusInput): Census {
  const facts = factsFrom(input);
  const fates = input.intents.map((intent) => fateOf(intent, facts, input));
  const known = fates.flatMap((fate) => (fate.kind === 'accepted' ? membersOf(fate, facts, input) : []));
  const claimed = new Set(known.map((member) => member.job?.id));
  const ours = new Set(fates.flatMap((fate) => (fate.kind === 'accepted' ? [fate.submissionId] : [])));
  const strangers = input.jobs.filter(
    (job) => !claimed.has(job.id) && !ours.has(job.submissionId) && mayBeOurs(job, input),
  );
  const draining = new Set(input.drains);
  const found = [
    ...known.flatMap(pilotOf),
    ...strangers.flatMap((job) => pilotOf({ job, intent: null, standing: 'listed' })),
  ];
  return {
    pilots: found.map((pilot) => ({
      ...pilot,
      isDraining: draining.has(drainMark(pilot.id)),
      toldAt: facts.told.get(pilot.member ?? '') ?? null,
    })),
    inDoubt: fates.flatMap((fate) => (fate.kind === 'doubt' ? [fate.doubt] : [])),
    notes: [...fates.flatMap((fate) => fate.notes), ...known.flatMap((member) => member.notes)],
    missing: known.flatMap((member) => (member.standing === 'missing' ? [member.id] : [])),
    absenceDecides: [...fates, ...known].some((one) => one.absenceDecides),
    over: overOf(fates, known, facts),
    capacity: capacityOf(input, facts),
    nextSequence: Math.max(0, ...input.sequences, ...input.intents.map((intent) => intent.sequence)) + 1,
    abandoned: input.sequences.filter((sequence) => !facts.sequences.has(sequence)),
    past: pastOf(fates, known, facts, input),
  };
}

function pastOf(fates: readonly Fate[], members: readonly Member[], facts: Facts, input: CensusInput): Past {
  const noted = pastIn(input.notes);
  const known = { wallSeconds: noted.wallSeconds, nowSeconds: input.nowSeconds };
  const over = members.flatMap(({ key, id, intent, job, standing }) => {
    if (standing !== 'over' || intent === null) return [];
    const reported = facts.reported.get(key) ?? (job === null ? null : reportedEnd(job));
    return [endedJob({ key, id, intent, reported }, facts, known)];
  });
  return { ...noted, attempts: fates.map((fate) => attemptOf(fate, facts)), ended: over };
}

function attemptOf(fate: Fate, facts: Facts): Attempt {
  const { sequence, count: jobs, startedAt } = fate.intent;
  const { outcome, answer } = facts.answers.get(sequence) ?? {};
  const at = outcome?.endedAt ?? startedAt;
  if (fate.kind === 'accepted') return { sequence, jobs, answer: 'accepted', refusal: null, at };
  if (fate.kind === 'doubt') return { sequence, jobs, answer: 'doubt', refusal: null, at };
  if (answer?.kind === 'refused') return { sequence, jobs, answer: 'refused', refusal: answer, at: fate.at };
  return { sequence, jobs, answer: 'never', refusal: null, at: fate.at };
}

/** A job of this name without a tag may be ours, its tag erased; one with another site's tag is that site's. */
function mayBeOurs(job: ListedJob, input: CensusInput): boolean {
  return job.tag === null || siteOfTag(job.tag) === input.site;
}

type Fate =
  | { kind: 'accepted'; intent: Intent; submissionId: string; notes: Note[]; absenceDecides: false }
  | { kind: 'nothing'; intent: Intent; notes: Note[]; absenceDecides: boolean; at: number }
  | { kind: 'doubt'; intent: Intent; doubt: Doubt; notes: Note[]; absenceDecides: false };

/** What became of one submission. */
function fateOf(intent: Intent, facts: Facts, input: CensusInput): Fate {
  const { outcome, answer } = facts.answers.get(intent.sequence) ?? { outcome: undefined, answer: undefined };
  const settled = facts.settled.get(intent.tag);
  if (answer?.kind === 'accepted') return accepted(intent, answer.id, []);
  if (settled?.kind === 'accepted') return accepted(intent, settled.submissionId, []);
  const shown = shownId(intent, facts, input);
  if (shown !== null) {
    return accepted(intent, shown, [{ kind: 'accepted', tag: intent.tag, submissionId: shown, at: input.nowSeconds }]);
  }
  if (answer?.kind === 'refused') return nothing(intent, outcome?.endedAt ?? intent.startedAt);
  if (settled?.kind === 'never') return nothing(intent, settled.at);
  const said = answer?.kind === 'inDoubt' ? answer.text : 'the connection was lost before the scheduler answered';
  return settleByAbsence(intent, said, facts, input);
}

function accepted(intent: Intent, submissionId: string, notes: Note[]): Fate {
  return { kind: 'accepted', intent, submissionId, notes, absenceDecides: false };
}

function nothing(intent: Intent, at: number): Fate {
  return { kind: 'nothing', intent, notes: [], absenceDecides: false, at };
}

/** The submission's id, when a listing or a job's own mark shows its tag; one pilot of an array shows the whole array. */
function shownId(intent: Intent, facts: Facts, input: CensusInput): string | null {
  const [listed] = facts.byTag.get(intent.tag) ?? [];
  if (listed !== undefined) return listed.submissionId;
  const mark = facts.seen.get(intent.tag);
  if (mark !== undefined) return input.submissionIdOf(mark.jobId);
  return untaggedId(intent, facts, input);
}

/**
 * A site may erase the tag. Then the submit time decides, but only where nothing else can be meant: one submission in
 * doubt at that time, and one job of its size that no submission is known to have made.
 */
function untaggedId(intent: Intent, facts: Facts, input: CensusInput): string | null {
  if (input.jobs.every(({ tag }) => tag !== null)) return null;
  const ids = new Set(
    [...facts.answers.values()].flatMap(({ answer }) => (answer.kind === 'accepted' ? [answer.id] : [])),
  );
  for (const note of facts.settled.values()) if (note.kind === 'accepted') ids.add(note.submissionId);
  const open = input.intents.filter((one) => isOpen(one, facts));
  const within = (one: Intent, at: number | null) =>
    at !== null &&
    at >= one.startedAt - clockSlackSeconds &&
    at <= endOfAttempt(one, facts, input) + settleDelaySeconds;
  const candidates = [...facts.bySubmission].filter(([id, jobs]) => {
    const at = jobs[0]?.submittedAt ?? null;
    return !ids.has(id) && jobs.every((job) => job.tag === null) && within(intent, at);
  });
  const [only, ...others] = candidates;
  if (only === undefined || others.length > 0) return null;
  const rivals = open.filter((one) => one !== intent && within(one, only[1][0]?.submittedAt ?? null));
  const fits =
    only[1].length <= intent.count && only[1].every((job) => (job.index ?? 0) - input.firstIndex < intent.count);
  return rivals.length === 0 && fits ? only[0] : null;
}

/** Nobody knows yet what became of it, but for what a listing may show now. */
function isOpen(intent: Intent, facts: Facts): boolean {
  const answer = facts.answers.get(intent.sequence)?.answer;
  return (answer === undefined || answer.kind === 'inDoubt') && !facts.settled.has(intent.tag);
}

function endOfAttempt(intent: Intent, facts: Facts, input: CensusInput): number {
  return facts.answers.get(intent.sequence)?.outcome.endedAt ?? intent.startedAt + input.attemptSeconds;
}

/** Never accepted only after two complete listings without it, both well after the attempt and a while apart. */
function settleByAbsence(intent: Intent, said: string, facts: Facts, input: CensusInput): Fate {
  const { sequence, tag } = intent;
  const count = intent.count * intent.nodes;
  const countsFrom = endOfAttempt(intent, facts, input) + settleDelaySeconds;
  const absences = (facts.absences.get(tag) ?? []).filter((at) => at >= countsFrom);
  const first = absences.length === 0 ? null : Math.min(...absences);
  const settlesAt = (first ?? countsFrom) + betweenListingsSeconds;
  if (first !== null && input.nowSeconds >= settlesAt) {
    const note: Note = { kind: 'never', tag, at: input.nowSeconds };
    return { kind: 'nothing', intent, notes: [note], absenceDecides: true, at: input.nowSeconds };
  }
  const notes: Note[] =
    first === null && input.nowSeconds >= countsFrom ? [{ kind: 'absent', tag, at: input.nowSeconds }] : [];
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

type Who = Pick<Member, 'key' | 'intent' | 'job' | 'id'>;

/** The jobs of one accepted submission, each as the listing, its marks and the journal have it. */
function membersOf(fate: Fate & { kind: 'accepted' }, facts: Facts, input: CensusInput): Member[] {
  const { intent, submissionId } = fate;
  const own = [...(facts.bySubmission.get(submissionId) ?? []), ...(facts.byTag.get(intent.tag) ?? [])];
  const byIndex = new Map(own.map((job) => [job.index, job]));
  return Array.from({ length: intent.count }, (_, position) => {
    const index = position + input.firstIndex;
    const alone = intent.count === 1 ? byIndex.get(null) : undefined;
    const job = byIndex.get(index) ?? alone ?? null;
    const key = memberKey(intent.tag, alone === undefined ? index : null);
    return memberOf({ key, intent, job, id: job?.id ?? input.pilotId(submissionId, index) }, facts, input);
  });
}

function memberOf(who: Who, facts: Facts, input: CensusInput): Member {
  const closedBefore = facts.closed.has(who.key);
  const closing: Note[] = closedBefore ? [] : [{ kind: 'closed', member: who.key, at: input.nowSeconds }];
  if (who.job?.state === 'finished') {
    const notes = [...closing, ...reportedNote(who.key, who.job, facts, input)];
    return { ...who, standing: 'over', notes, absenceDecides: false };
  }
  if (who.job !== null) {
    // What is on its way out was perhaps told to; anything else that lives was not over at all.
    const wrong = facts.missed.has(who.key) || (closedBefore && who.job.state === 'running');
    const notes: Note[] = wrong ? [{ kind: 'found', member: who.key, at: input.nowSeconds }] : [];
    return { ...who, standing: 'listed', notes, absenceDecides: false };
  }
  if (closedBefore || facts.ends.has(who.key)) return { ...who, standing: 'over', notes: [], absenceDecides: false };
  return missingMember(who, facts.missed.get(who.key) ?? null, closing, input);
}

/** How the listing says that a pilot ended; null: it does not say. What was cancelled while it waited has a start in some versions, and never a node. */
function reportedEnd({ ended, node, startedAt, endsAt }: ListedJob): ReportedEnd | null {
  if (ended === undefined) return null;
  return { exitCode: null, state: ended, node, startedAt: node === null ? null : startedAt, endedAt: endsAt };
}

/** For a pilot that left no word of its own. */
function reportedNote(member: string, job: ListedJob, facts: Facts, { nowSeconds: at }: CensusInput): Note[] {
  const end = facts.ends.has(member) || facts.reported.has(member) ? null : reportedEnd(job);
  return end === null ? [] : [{ kind: 'ended', member, end, at }];
}

/** Not listed. What the scheduler says of its id decides; without an answer it counts until it is missed twice. */
function missingMember(who: Who, missedBefore: number | null, closing: Note[], input: CensusInput): Member {
  const answer = input.asked.get(who.id);
  if (answer === 'gone') return { ...who, standing: 'over', notes: closing, absenceDecides: false };
  if (answer === 'exists') return { ...who, standing: 'missing', notes: [], absenceDecides: false };
  if (missedBefore !== null && input.nowSeconds >= missedBefore + betweenListingsSeconds) {
    return { ...who, standing: 'over', notes: closing, absenceDecides: true };
  }
  const notes: Note[] = missedBefore === null ? [{ kind: 'missed', member: who.key, at: input.nowSeconds }] : [];
  return { ...who, standing: 'missing', notes, absenceDecides: false };
}

/** A pilot without what it was told. */
type PilotThere = Omit<Pilot, 'isDraining' | 'toldAt'>;

/** The pilot as a person sees it; none when it is over. */
function pilotOf(
  member: Pick<Member, 'job' | 'intent' | 'standing'> & Partial<Pick<Member, 'id' | 'key'>>,
): PilotThere[] {
  const { job, intent } = member;
  const once = intent === null || intent.mode === 'once';
  if (member.standing === 'missing') return [missingPilot(member.id ?? '', intent, member.key ?? null, once)];
  if (member.standing === 'over' || job === null || job.state === 'finished') return [];
  const { id, state, reason, nodes, node, submittedAt, startedAt, endsAt } = job;
  const tag = job.tag ?? intent?.tag ?? null;
  return [{ id, state, reason, nodes, node, tag, submittedAt, startedAt, endsAt, once, member: member.key ?? null }];
}

function missingPilot(id: string, intent: Intent | null, member: string | null, once: boolean): PilotThere {
  return {
    id,
    state: 'unknown',
    reason: 'the last listing does not show it',
    nodes: intent?.nodes ?? 1,
    node: null,
    tag: intent?.tag ?? null,
    submittedAt: intent?.startedAt ?? null,
    startedAt: null,
    endsAt: null,
    once,
    member,
  };
}

function overOf(fates: readonly Fate[], known: readonly Member[], facts: Facts): Census['over'] {
  const members = grouped(known, (member) => member.intent?.tag ?? '');
  return fates.flatMap((fate) => {
    const { intent } = fate;
    if (fate.kind === 'doubt') return [];
    if (fate.kind === 'nothing') return [{ intent, pilotIds: [], lastEventAt: fate.at }];
    const own = members.get(intent.tag) ?? [];
    if (own.some((member) => member.standing !== 'over')) return [];
    const events = own.flatMap(({ key }) => [facts.ends.get(key)?.endedAt ?? 0, facts.closed.get(key) ?? 0]);
    return [{ intent, pilotIds: own.map((member) => member.id), lastEventAt: Math.max(intent.startedAt, ...events) }];
  });
}

/** Halved by every refusal for capacity; doubled when as many as it allows were taken since. */
function capacityOf(input: CensusInput, facts: Facts): number | null {
  let capacity: number | null = null;
  let taken = 0;
  for (const intent of input.intents) {
    const answer = facts.answers.get(intent.sequence)?.answer;
    if (answer?.kind === 'refused' && answer.refusal === 'capacity') {
      capacity = Math.max(1, Math.floor(intent.count / 2));
      taken = 0;
    }
    if (answer?.kind !== 'accepted' || capacity === null) continue;
    taken += intent.count;
    if (taken < capacity) continue;
    capacity *= 2;
    taken = 0;
  }
  return capacity;
}
