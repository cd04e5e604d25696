import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { isoTime } from '../iso-time.ts';
import type { CancelOutcome, Finished, Output, Scheduler } from '../schedulers/scheduler.ts';
import type { Transport } from '../transports/transport.ts';
import { drainMark, type Note, writeNote } from './journal.ts';
import { type Answers, type Look, listedJobs, lookFrom, type Observed, observedFrom } from './observation.ts';
import * as programs from './remote-programs.ts';
import {
  type Begun,
  graceSeconds,
  type LoginSettings,
  lockOwner,
  lookSeconds,
  Opening,
  observation,
  queriesFor,
  step,
  tellSteps,
  unusable,
} from './session-opening.ts';
import { openShellSession, type Program, type ShellSession } from './shell-session.ts';
import { type FactsWanted, factsProgram, factsSeconds, PartSpans, type SiteFacts } from './site-facts.ts';

/** A scheduler reached through a transport: what a pass does on one login host, one session at a time. */

/** What a look has found out, and what nothing needs any more. */
export interface Diary {
  notes: readonly Note[];
  forget: readonly programs.Forgotten[];
}

export type Submitted =
  | { kind: 'fenced' }
  | { kind: 'unwritable'; said: string }
  /** `count` jobs of `nodes` nodes. */
  | { kind: 'answered'; tag: string; count: number; nodes: number; output: Output };

/** What pilots are told, by their ids. */
export interface Orders {
  /** These take no new jobs, and end when theirs are done: each gets a mark that its job looks for twice a minute. */
  drain: readonly string[];
  /** These run: their jobs' shells are told to end them in order. */
  end: readonly string[];
  /** These end at once. */
  cancel: readonly string[];
  /** Of `cancel` those are left alone that have started meanwhile. */
  onlyPending: boolean;
}

/** What goes into the journal when the scheduler took the orders. */
export interface Told {
  /** Of those that end at once: from then on, not to be listed is to be over. */
  closed: readonly Note[];
  /** Of those that end in order. */
  told: readonly Note[];
}

export interface LoginHost extends AsyncDisposable {
  /** Waits up to a minute; `lock-busy` names the holder. */
  lock(): Promise<Result<void>>;
  look(): Promise<Result<Look>>;
  /** Writes the diary, then submits. Stops at the first submission that is not accepted: the answers may be fewer than the submissions. */
  submit(
    submissions: readonly programs.PlannedSubmission[],
    abandoned: readonly number[],
    diary: Diary,
  ): Promise<Result<Submitted[]>>;
  /**
   * Tells pilots to drain or to end, and writes the diary; what is noted of an order goes into it only when the scheduler
   * took it. `unrecorded` is why the diary could not be written, though the pilots were told.
   */
  tell(orders: Orders, diary: Diary & Told): Promise<Result<{ unrecorded: Failure | null }>>;
  record(diary: Diary): Promise<Result<void>>;
  /** The scheduler's words on what its queues offer. */
  discover(): Promise<Result<Output>>;
  /** Asks the accounting how jobs ended since then; it may be slow, or not be there. */
  finished(sinceSeconds: number): Promise<Finished>;
  /** The end of a pilot's log; empty where there is none, or it cannot be read. */
  lastWords(id: string): Promise<string>;
  /** What start-up files printed when the session began. */
  readonly noise: string;
  /** Tries out what pilots need there. Makes the site's directories; nothing else of it stays. */
  facts(wanted: Pick<FactsWanted, 'runtimes' | 'outside'>): Promise<SiteFacts>;
  /** Runs a program that reports in parts, and answers them. */
  parts(program: Program): Promise<Result<ReadonlyMap<string, programs.Part>>>;
}

/** How long others may hold the lock before this pass gives up. */
const lockWaitSeconds = 60;
const lockSlices = 30;

/** Opens a session on the login host, makes it ready, and reads what is there: one round trip. */
export async function openLoginHost(
  transport: Transport,
  scheduler: Scheduler,
  settings: LoginSettings,
  context: Context,
): Promise<Result<LoginHost>> {
  step(context, settings, 'hello');
  const opening = new Opening(scheduler, settings, context);
  const { site, loginShell, timeouts } = settings;
  const { lastsSeconds } = settings;
  const lasts = lastsSeconds === undefined ? {} : { lastsSeconds };
  const options = { site, loginShell, readySeconds: timeouts.connectSeconds, ...lasts };
  const prologue = opening.prologue();
  const beforehand = prologue === null ? [opening.firstLook()] : [];
  const opened = await openShellSession(transport, options, beforehand, context);
  if (!opened.ok) return opened;
  const { session, answers, noise } = opened.value;
  const first = answers[0] === undefined ? await afterPrologue(session, prologue, opening) : ok(answers[0]);
  const begun = first.ok ? opening.begun(first.value) : first;
  if (begun.ok) return ok(new Host({ session, noise }, scheduler, settings, context, begun.value));
  await session[Symbol.asyncDispose]();
  return begun;
}

/** A prologue costs its sites two round trips. */
async function afterPrologue(
  session: ShellSession,
  prologue: Program | null,
  opening: Opening,
): Promise<Result<Output>> {
  if (prologue !== null) {
    const ran = await session.run(prologue);
    if (!ran.ok) return ran;
    opening.tellOfPrologue(ran.value);
  }
  return session.run(opening.firstLook());
}

/** How long the scheduler's client may take for one order. */
const orderSeconds = 60;

interface OrderToRead extends programs.Order {
  parse(output: Output): CancelOutcome;
}

/** More than these wait for the next pass; until then they count. */
const mostAskedAtOnce = 100;

class Host implements LoginHost {
  readonly noise: string;
  private readonly session: ShellSession;
  private readonly scheduler: Scheduler;
  private readonly settings: LoginSettings;
  private readonly context: Context;
  private readonly mark: string;
  /** What the session began with, until the first look has used it up. */
  private begun: Begun['parts'] | null;

  constructor(
    { session, noise }: { session: ShellSession; noise: string },
    scheduler: Scheduler,
    settings: LoginSettings,
    context: Context,
    begun: Begun,
  ) {
    this.session = session;
    this.noise = noise;
    this.scheduler = scheduler;
    this.settings = settings;
    this.context = context;
    this.mark = begun.mark;
    this.begun = begun.parts;
  }

  async lock(): Promise<Result<void>> {
    const first = this.begun?.get('lock');
    if (first?.code === 0) return ok(undefined);
    // What was read without the lock is of no use.
    this.begun = null;
    let holder = first === undefined ? '' : this.waitingFor('', holderIn(first.stdout));
    // In slices, so that nothing waits there for long once we are gone.
    for (let slice = 0; slice < lockSlices; slice += 1) {
      const tried = await this.tryLock(lockWaitSeconds / lockSlices);
      if (!tried.ok) return tried;
      if (tried.value === null) return ok(undefined);
      holder = this.waitingFor(holder, tried.value);
    }
    return failed({ kind: 'lock-busy', site: this.settings.site, holder, waitedSeconds: lockWaitSeconds });
  }

  private waitingFor(before: string, holder: string): string {
    const text = `waiting for the lock, held by ${holder}`;
    if (holder !== before) this.context.emit({ kind: 'note', site: this.settings.site, text });
    return holder;
  }

  /** The holder, or null when it is ours now. */
  private async tryLock(waitSeconds: number): Promise<Result<string | null>> {
    step(this.context, this.settings, 'lock');
    const ran = await this.session.run({
      text: programs.takeLock(lockOwner(), waitSeconds),
      purpose: 'taking the lock',
      timeoutSeconds: waitSeconds + graceSeconds,
      runsIn: 'session',
    });
    if (!ran.ok) return ran;
    return ok(ran.value.code === 0 ? null : holderIn(ran.value.stdout));
  }

  async look(): Promise<Result<Look>> {
    const first = await this.firstLook();
    if (!first.ok) return first;
    const look = await this.askForMissing(first.value);
    if (!look.ok || !look.value.look.census.absenceDecides) return look.ok ? ok(look.value.look) : look;
    // What is to be believed gone must be missing from a listing in another form too.
    const second = await this.observe([false, true]);
    return second.ok ? ok(this.lookFrom(second.value, look.value.asked)) : second;
  }

  /** What the session began with, or a look of its own. */
  private async firstLook(): Promise<Result<Observed>> {
    const parts = this.begun;
    this.begun = null;
    return parts?.has('clock') === true ? this.observedIn(parts, [false]) : this.observe([false]);
  }

  /** The scheduler's own word on pilots that the listing does not show. */
  private async askForMissing(observed: Observed): Promise<Result<{ look: Look; asked: Answers }>> {
    const look = this.lookFrom(observed, new Map());
    const ids = look.census.missing.slice(0, mostAskedAtOnce);
    if (ids.length === 0) return ok({ look, asked: new Map() });
    const part = await this.asked('ask', this.scheduler.askCommand(ids), 'asking for missing pilots');
    if (!part.ok) return part;
    const asked = this.scheduler.parseAsk(part.value);
    return ok({ look: this.lookFrom(observed, asked), asked });
  }

  private lookFrom(observed: Observed, asked: Answers): Look {
    return lookFrom(observed, asked, this.scheduler, this.settings);
  }

  private async observe(looks: readonly boolean[]): Promise<Result<Observed>> {
    step(this.context, this.settings, 'list');
    const parts = await this.parts({
      text: programs.observe(observation(looks, this.scheduler, this.settings)),
      purpose: 'reading the queue',
      timeoutSeconds: lookSeconds(looks, this.settings),
    });
    return parts.ok ? this.observedIn(parts.value, looks) : parts;
  }

  private observedIn(parts: ReadonlyMap<string, programs.Part>, looks: readonly boolean[]): Result<Observed> {
    const jobs = listedJobs(parts, queriesFor(looks, this.settings), this.scheduler, this.settings);
    return jobs.ok ? observedFrom(parts, jobs.value, this.scheduler, this.settings.site) : jobs;
  }

  async submit(
    submissions: readonly programs.PlannedSubmission[],
    abandoned: readonly number[],
    diary: Diary,
  ): Promise<Result<Submitted[]>> {
    const { submitSeconds } = this.settings.timeouts;
    const parts = await this.parts({
      text: programs.submitAll(submissions, { submitSeconds, abandoned }, written(diary)),
      purpose: 'submitting',
      timeoutSeconds: (submitSeconds + graceSeconds) * submissions.length + graceSeconds,
      runsIn: 'locked',
      onStdout: tellSteps(this.mark, submissionSteps, this.settings, this.context),
    });
    if (!parts.ok) return parts;
    const diaryPart = parts.value.get('record');
    if (diaryPart !== undefined && diaryPart.code !== 0) return ok([unwritable(diaryPart.stderr)]);
    const answers = submissions.flatMap((one) => submittedFrom(one, parts.value));
    if (answers.length > 0) return ok(answers);
    const reason = 'the submitting program said nothing';
    return failed({ kind: 'connection-lost', site: this.settings.site, step: 'submitting', reason });
  }

  async tell(orders: Orders, diary: Diary & Told): Promise<Result<{ unrecorded: Failure | null }>> {
    const commands = this.commandsFor(orders, diary);
    const marks = orders.drain.map(drainMark);
    if (marks.length + commands.length === 0) return unrecordedIn(await this.record(diary));
    step(this.context, this.settings, 'cancel');
    const parts = await this.parts({
      text: programs.tell({ marks, orders: commands }, orderSeconds, written(diary)),
      purpose: 'telling pilots',
      timeoutSeconds: (orderSeconds + graceSeconds) * commands.length + graceSeconds,
    });
    if (!parts.ok) return parts;
    const drained = parts.value.get('drain');
    if (drained?.code !== 0) {
      const what = `drain marks cannot be written to ${this.settings.directories.jobs}/drain`;
      return failed(unusable(this.settings, what, drained?.stderr ?? 'the answer is cut'));
    }
    for (const { name, parse } of commands) {
      const refused = this.refusalIn(parts.value.get(name), parse);
      if (refused !== null) return failed(refused);
    }
    const taken = commands.filter(({ name }) => parts.value.get(name)?.code === 0);
    const records = taken.map(({ name }) => programs.recordOf(name));
    return unrecordedIn(this.recorded(parts.value, ['record', ...records]));
  }

  /** The scheduler's part of the orders: those that end in order are told first. */
  private commandsFor({ end, cancel, onlyPending }: Orders, { told, closed }: Told): OrderToRead[] {
    const { scheduler } = this;
    const softly = end.length === 0 ? null : scheduler.endCommand(end);
    const hard = softly === null ? [...end, ...cancel] : cancel;
    const orders: OrderToRead[] = [];
    if (softly !== null) {
      const parse = (output: Output) => scheduler.parseEnd(output);
      orders.push({ name: 'end', command: softly, lines: told.map(writeNote), parse });
    }
    if (hard.length > 0) {
      const command = scheduler.cancelCommand(hard, { onlyPending });
      const parse = (output: Output) => scheduler.parseCancel(output, hard);
      orders.push({ name: 'cancel', command, lines: closed.map(writeNote), parse });
    }
    return orders;
  }

  private refusalIn(part: programs.Part | undefined, parse: OrderToRead['parse']): Failure | null {
    const { site } = this.settings;
    if (part === undefined) return { kind: 'connection-lost', site, step: 'cancelling', reason: 'the answer is cut' };
    if (part.code === 124) return { kind: 'timed-out', site, step: 'cancelling', seconds: orderSeconds };
    const outcome = parse(part);
    return outcome.kind === 'done' ? null : { kind: 'cancel-refused', site, said: outcome.text };
  }

  async record(diary: Diary): Promise<Result<void>> {
    if (diary.notes.length === 0 && diary.forget.length === 0) return ok(undefined);
    step(this.context, this.settings, 'settle');
    const text = programs.record(written(diary));
    const parts = await this.parts({ text, purpose: 'writing the journal', timeoutSeconds: 60 });
    return parts.ok ? this.recorded(parts.value, ['record']) : parts;
  }

  private recorded(parts: ReadonlyMap<string, programs.Part>, names: readonly string[]): Result<void> {
    const wrong = names.map((name) => parts.get(name)).find((part) => part?.code !== 0);
    if (names.every((name) => parts.get(name)?.code === 0)) return ok(undefined);
    return failed(unusable(this.settings, 'the journal cannot be written', wrong?.stderr ?? ''));
  }

  discover(): Promise<Result<Output>> {
    step(this.context, this.settings, 'discover');
    return this.asked('discover', this.scheduler.discoverCommand(), 'asking for the queues');
  }

  async finished(sinceSeconds: number): Promise<Finished> {
    const { jobName, site } = this.settings;
    const seconds = programs.accountingSeconds;
    const text = programs.ask('finished', this.scheduler.finishedCommand({ jobName, sinceSeconds }), seconds);
    const parts = await this.parts({ text, purpose: 'asking the accounting', timeoutSeconds: seconds + graceSeconds });
    const part = parts.ok ? parts.value.get('finished') : undefined;
    if (part === undefined) return { kind: 'unknown', reason: 'the answer is cut' };
    return this.scheduler.parseFinished(part, { site });
  }

  async lastWords(id: string): Promise<string> {
    const text = programs.lastWords(drainMark(id));
    const parts = await this.parts({ text, purpose: 'reading a log', timeoutSeconds: graceSeconds });
    return parts.ok ? (parts.value.get('said')?.stdout.trim() ?? '') : '';
  }

  async facts(wanted: Pick<FactsWanted, 'runtimes' | 'outside'>): Promise<SiteFacts> {
    const { scheduler, settings, context } = this;
    step(context, settings, 'list');
    const [query] = queriesFor([false], settings);
    const listCommand = query === undefined ? 'false' : scheduler.listCommand(query);
    const spans = new PartSpans(this.mark, () => context.now());
    const parts = await this.parts({
      text: factsProgram({ scheduler, listCommand, owner: lockOwner(), ...wanted, ...settings }),
      purpose: 'checking the site',
      timeoutSeconds: factsSeconds(settings.timeouts.listSeconds) + graceSeconds,
      onStdout: (chunk) => spans.saw(chunk),
    });
    if (!parts.ok) return { parts: new Map(), spans: spans.spans, listing: parts, broken: parts.failure };
    const listing = listedJobs(parts.value, queriesFor([false], settings), scheduler, settings);
    return { parts: parts.value, spans: spans.spans, listing, broken: null };
  }

  /** Runs one command of the scheduler that only reads. */
  private async asked(name: string, command: string, purpose: string): Promise<Result<Output>> {
    const seconds = this.settings.timeouts.listSeconds;
    const text = programs.ask(name, command, seconds);
    const parts = await this.parts({ text, purpose, timeoutSeconds: seconds + graceSeconds });
    if (!parts.ok) return parts;
    return ok(parts.value.get(name) ?? { stdout: '', stderr: 'the answer is cut', code: 137 });
  }

  async parts(program: Program): Promise<Result<Map<string, programs.Part>>> {
    // Whatever runs now may change what was read.
    this.begun = null;
    const ran = await this.session.run(program);
    return ran.ok ? ok(programs.readParts(ran.value, this.mark)) : ran;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }
}

function written({ notes, forget }: Diary): programs.Diary {
  return { lines: notes.map(writeNote), forget };
}

const submissionSteps = { fence: 'fence', intent: 'intent', submit: 'submit', outcome: 'outcome' } as const;

/** `NAME since SECONDS`, as the lock's holder wrote it. */
function holderIn(text: string): string {
  const match = /^(.*) since (\d+)$/m.exec(text);
  const since = match === null ? null : isoTime(Number(match[2]));
  return since === null ? 'somebody who left no name' : `${match?.[1]} since ${since}`;
}

/** That only the diary failed is no reason to say that nothing was done. */
function unrecordedIn(recorded: Result<void>): Result<{ unrecorded: Failure | null }> {
  return ok({ unrecorded: recorded.ok ? null : recorded.failure });
}

function unwritable(said: string): Submitted {
  return { kind: 'unwritable', said: said.trim().slice(0, 400) };
}

function submittedFrom(one: programs.PlannedSubmission, parts: ReadonlyMap<string, programs.Part>): Submitted[] {
  const part = (name: string) => parts.get(`${name}${one.sequence}`);
  const fence = part('fence');
  if (fence === undefined) return [];
  // It began, and nobody saw the end: as if the answer had been lost.
  const unanswered: Output = { stdout: '', stderr: 'the submitting shell ended before the answer', code: 137 };
  const intent = part('intent');
  if (fence.code === 1 || intent?.code === 3) return [{ kind: 'fenced' }];
  if (fence.code !== 0 || intent?.code !== 0) {
    return [unwritable(`${fence.stderr}${intent?.stderr ?? ''}`)];
  }
  const submit = part('submit');
  return [{ kind: 'answered', tag: one.tag, count: one.count, nodes: one.nodes, output: submit ?? unanswered }];
}
