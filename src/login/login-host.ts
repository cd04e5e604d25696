import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Context, Step } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { ListQuery, Output, Scheduler } from '../schedulers/scheduler.ts';
import type { Transport } from '../transports/transport.ts';
import { type Note, writeNote } from './journal.ts';
import { type Answers, type Look, listedJobs, lookFrom, type Observed, observedFrom } from './observation.ts';
import * as programs from './remote-programs.ts';
import { openShellSession, type Program, type ShellSession } from './shell-session.ts';

/** A scheduler reached through a transport: what a pass does on one login host, one session at a time. */

export interface LoginSettings {
  site: string;
  jobName: string;
  directories: programs.RemoteDirectories;
  loginShell: boolean;
  prologue: readonly string[];
  timeouts: { connectSeconds: number; listSeconds: number; submitSeconds: number };
  /** A SIF that must be there already, or null. */
  imagePath: string | null;
  arrays: boolean;
  /** Nothing is to be changed there, not even a directory made. */
  looksOnly: boolean;
}

export type Submitted =
  | { kind: 'fenced' }
  | { kind: 'unwritable'; said: string }
  | { kind: 'answered'; tag: string; count: number; output: Output };

export interface LoginHost extends AsyncDisposable {
  /** Waits up to a minute; `lock-busy` names the holder. */
  lock(): Promise<Result<void>>;
  look(): Promise<Result<Look>>;
  /** Stops at the first submission that is not accepted: the answers may be fewer than the submissions. */
  submit(
    submissions: readonly programs.PlannedSubmission[],
    abandoned: readonly number[],
  ): Promise<Result<Submitted[]>>;
  cancel(ids: readonly string[], options: { onlyPending: boolean }): Promise<Result<void>>;
  record(notes: readonly Note[], forget: readonly programs.Forgotten[]): Promise<Result<void>>;
}

/** How long others may hold the lock before this pass gives up. */
const lockWaitSeconds = 60;
const lockSlices = 6;
/** A remote program's own limits end it first; this is for a host that has stopped. */
const graceSeconds = 20;

/** Opens a session on the login host and makes it ready. */
export async function openLoginHost(
  transport: Transport,
  scheduler: Scheduler,
  settings: LoginSettings,
  context: Context,
): Promise<Result<LoginHost>> {
  step(context, settings, 'hello');
  const { site, loginShell } = settings;
  const readySeconds = settings.timeouts.connectSeconds;
  const opened = await openShellSession(transport, { site, loginShell, readySeconds }, context);
  if (!opened.ok) return opened;
  const host = new Host(opened.value, scheduler, settings, context);
  const prepared = await host.prepare();
  if (prepared.ok) return ok(host);
  await opened.value[Symbol.asyncDispose]();
  return prepared;
}

/** More than these wait for the next pass; until then they count. */
const mostAskedAtOnce = 100;

class Host implements LoginHost {
  private readonly mark = randomBytes(9).toString('hex');
  private readonly session: ShellSession;
  private readonly scheduler: Scheduler;
  private readonly settings: LoginSettings;
  private readonly context: Context;

  constructor(session: ShellSession, scheduler: Scheduler, settings: LoginSettings, context: Context) {
    this.session = session;
    this.scheduler = scheduler;
    this.settings = settings;
    this.context = context;
  }

  async prepare(): Promise<Result<void>> {
    const { prologue, directories } = this.settings;
    if (prologue.length > 0) {
      const text = programs.prologue(prologue);
      const ran = await this.session.run({
        text,
        purpose: 'running the prologue',
        timeoutSeconds: 60,
        runsIn: 'session',
      });
      if (!ran.ok) return ran;
      if (ran.value.code !== 0) this.warnOfPrologue(ran.value);
    }
    const text = programs.prepare(directories, this.scheduler.defaultsPrefixes, {
      mark: this.mark,
      looksOnly: this.settings.looksOnly,
    });
    const parts = await this.parts({ text, purpose: 'preparing the session', timeoutSeconds: 60, runsIn: 'session' });
    if (!parts.ok) return parts;
    const host = parts.value.get('host');
    if (host?.code !== 0)
      return failed(this.unusable(`the directory ${directories.site} cannot be used`, host?.stderr ?? ''));
    return ok(undefined);
  }

  /** Its last line may fail for good reasons, so it is only told. */
  private warnOfPrologue({ code, stdout, stderr }: Output): void {
    const said = [stderr, stdout].map((text) => text.trim()).find((text) => text !== '');
    const text = `the prologue ended with ${code}${said === undefined ? '' : `: ${said.slice(-400)}`}`;
    this.context.emit({ kind: 'warning', site: this.settings.site, text });
  }

  async lock(): Promise<Result<void>> {
    step(this.context, this.settings, 'lock');
    const owner = `${userInfo().username} on ${hostname()} (process ${process.pid})`;
    let holder = '';
    // In slices, so that nothing waits there for long once we are gone.
    for (const seconds of [1, ...Array.from({ length: lockSlices }, () => lockWaitSeconds / lockSlices)]) {
      const tried = await this.tryLock(owner, seconds);
      if (!tried.ok) return tried;
      if (tried.value === null) return ok(undefined);
      const text = `waiting for the lock, held by ${tried.value}`;
      if (holder !== tried.value) this.context.emit({ kind: 'note', site: this.settings.site, text });
      holder = tried.value;
    }
    return failed({ kind: 'lock-busy', site: this.settings.site, holder, waitedSeconds: lockWaitSeconds });
  }

  /** The holder, or null when it is ours now. */
  private async tryLock(owner: string, waitSeconds: number): Promise<Result<string | null>> {
    const ran = await this.session.run({
      text: programs.takeLock(owner, waitSeconds),
      purpose: 'taking the lock',
      timeoutSeconds: waitSeconds + graceSeconds,
      runsIn: 'session',
    });
    if (!ran.ok) return ran;
    return ok(ran.value.code === 0 ? null : holderIn(ran.value.stdout));
  }

  async look(): Promise<Result<Look>> {
    step(this.context, this.settings, 'list');
    const first = await this.observe([false]);
    if (!first.ok) return first;
    const look = await this.askForMissing(first.value);
    if (!look.ok || !look.value.look.census.absenceDecides) return look.ok ? ok(look.value.look) : look;
    // What is to be believed gone must be missing from a listing in another form too.
    const second = await this.observe([false, true]);
    return second.ok ? ok(this.lookFrom(second.value, look.value.asked)) : second;
  }

  /** The scheduler's own word on pilots that the listing does not show. */
  private async askForMissing(observed: Observed): Promise<Result<{ look: Look; asked: Answers }>> {
    const look = this.lookFrom(observed, new Map());
    const ids = look.census.missing.slice(0, mostAskedAtOnce);
    if (ids.length === 0) return ok({ look, asked: new Map() });
    const seconds = this.settings.timeouts.listSeconds;
    const parts = await this.parts({
      text: programs.ask(this.scheduler.askCommand(ids), seconds),
      purpose: 'asking for missing pilots',
      timeoutSeconds: seconds + graceSeconds,
    });
    if (!parts.ok) return parts;
    const part = parts.value.get('ask');
    const asked = part === undefined ? new Map() : this.scheduler.parseAsk(part);
    return ok({ look: this.lookFrom(observed, asked), asked });
  }

  private lookFrom(observed: Observed, asked: Answers): Look {
    return lookFrom(observed, asked, this.scheduler, this.settings);
  }

  private async observe(looks: readonly boolean[]): Promise<Result<Observed>> {
    const { listSeconds } = this.settings.timeouts;
    const queries = looks.map(
      (secondLook): ListQuery => ({ site: this.settings.site, jobName: this.settings.jobName, secondLook }),
    );
    const listCommands = queries.map((query) => this.scheduler.listCommand(query));
    const parts = await this.parts({
      text: programs.observe({ listCommands, listSeconds, imagePath: this.settings.imagePath }),
      purpose: 'reading the queue',
      timeoutSeconds: listSeconds * looks.length + graceSeconds,
    });
    if (!parts.ok) return parts;
    const jobs = listedJobs(parts.value, queries, this.scheduler, this.settings);
    return jobs.ok ? observedFrom(parts.value, jobs.value, this.settings.site) : jobs;
  }

  /** Several listings in different forms must show the same jobs. */
  async submit(
    submissions: readonly programs.PlannedSubmission[],
    abandoned: readonly number[],
  ): Promise<Result<Submitted[]>> {
    const { submitSeconds } = this.settings.timeouts;
    const parts = await this.parts({
      text: programs.submitAll(submissions, { submitSeconds, abandoned }),
      purpose: 'submitting',
      timeoutSeconds: (submitSeconds + graceSeconds) * submissions.length + graceSeconds,
      runsIn: 'locked',
      onStdout: (chunk) => this.tellSteps(chunk),
    });
    if (!parts.ok) return parts;
    const answers = submissions.flatMap((one) => submittedFrom(one, parts.value));
    if (answers.length > 0) return ok(answers);
    const reason = 'the submitting program said nothing';
    return failed({ kind: 'connection-lost', site: this.settings.site, step: 'submitting', reason });
  }

  private tellSteps(chunk: string): void {
    for (const match of chunk.matchAll(new RegExp(`@${this.mark} (fence|intent|submit|outcome)\\d`, 'g'))) {
      step(this.context, this.settings, match[1] as Step);
    }
  }

  async cancel(ids: readonly string[], options: { onlyPending: boolean }): Promise<Result<void>> {
    if (ids.length === 0) return ok(undefined);
    step(this.context, this.settings, 'cancel');
    const { site } = this.settings;
    const seconds = 60;
    const parts = await this.parts({
      text: programs.cancel(this.scheduler.cancelCommand(ids, options), seconds),
      purpose: 'cancelling',
      timeoutSeconds: seconds + graceSeconds,
    });
    if (!parts.ok) return parts;
    const part = parts.value.get('cancel');
    if (part === undefined)
      return failed({ kind: 'connection-lost', site, step: 'cancelling', reason: 'the answer is cut' });
    if (part.code === 124) return failed({ kind: 'timed-out', site, step: 'cancelling', seconds });
    const outcome = this.scheduler.parseCancel(part, ids);
    return outcome.kind === 'done' ? ok(undefined) : failed({ kind: 'cancel-refused', site, said: outcome.text });
  }

  async record(notes: readonly Note[], forget: readonly programs.Forgotten[]): Promise<Result<void>> {
    if (notes.length === 0 && forget.length === 0) return ok(undefined);
    step(this.context, this.settings, 'settle');
    const parts = await this.parts({
      text: programs.record(notes.map(writeNote), forget),
      purpose: 'writing the journal',
      timeoutSeconds: 60,
    });
    if (!parts.ok) return parts;
    const part = parts.value.get('record');
    return part?.code === 0
      ? ok(undefined)
      : failed(this.unusable('the journal cannot be written', part?.stderr ?? ''));
  }

  private async parts(program: Program): Promise<Result<Map<string, programs.Part>>> {
    const ran = await this.session.run(program);
    return ran.ok ? ok(programs.readParts(ran.value, this.mark)) : ran;
  }

  private unusable(what: string, said: string): Failure {
    return { kind: 'login-host-unusable', site: this.settings.site, what, said: said.trim().slice(0, 400) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }
}

function step(context: Context, settings: LoginSettings, name: Step): void {
  context.emit({ kind: 'step', site: settings.site, step: name });
}

/** `NAME since SECONDS`, as the lock's holder wrote it. */
function holderIn(text: string): string {
  const match = /^(.*) since (\d+)$/m.exec(text);
  const seconds = Number(match?.[2]);
  if (match === null || !(seconds < 8.64e12)) return 'somebody who left no name';
  return `${match[1]} since ${new Date(seconds * 1000).toISOString()}`;
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
    return [{ kind: 'unwritable', said: `${fence.stderr}${intent?.stderr ?? ''}`.trim().slice(0, 400) }];
  }
  const submit = part('submit');
  return [{ kind: 'answered', tag: one.tag, count: one.count, output: submit ?? unanswered }];
}
