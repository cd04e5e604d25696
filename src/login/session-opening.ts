import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Context, Step } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { ListQuery, Output, Scheduler } from '../schedulers/scheduler.ts';
import * as programs from './remote-programs.ts';
import type { Program } from './shell-session.ts';

/** How a session with a login host begins: everything up to the first look, in the round trip that starts it. */

export interface LoginSettings {
  site: string;
  jobName: string;
  directories: programs.RemoteDirectories;
  loginShell: boolean;
  prologue: readonly string[];
  timeouts: { connectSeconds: number; listSeconds: number; submitSeconds: number };
  /** A SIF that must be there already, or null. */
  imagePath: string | null;
  /** Where images are that were shipped; null: none is wanted from there. */
  imagesDirectory: string | null;
  /** Where a CVMFS distribution may be; null: the site wants none. */
  distributionPath: string | null;
  arrays: boolean;
  /** Nothing is to be changed there, not even a directory made. */
  looksOnly: boolean;
  /** Whether the directories can be used is told later, and ends nothing. */
  judgesDirectories: boolean;
  /** What the session begins with, in the round trip that starts it. */
  beginsWith: 'lock and look' | 'look' | 'nothing';
  /** How pilots ended since then is told too, in seconds since the epoch; null: not. */
  endedSince: number | null;
  /** The accounting is asked how they ended, where they left no word of their own. */
  asksAccounting: boolean;
  /** When the session ends at the latest; the usual time when left out. */
  lastsSeconds?: number;
}

/** Directories that a file server takes its time to show, and a first try for the lock. */
const preparationSeconds = 60;

/** A remote program's own limits end it first; this is for a host that has stopped. */
export const graceSeconds = 20;

/** What the session's first program came to. */
export interface Begun {
  mark: string;
  parts: ReadonlyMap<string, programs.Part>;
}

/** The programs that a session begins with. */
export class Opening {
  private readonly mark = randomBytes(9).toString('hex');
  private readonly scheduler: Scheduler;
  private readonly settings: LoginSettings;
  private readonly context: Context;

  constructor(scheduler: Scheduler, settings: LoginSettings, context: Context) {
    this.scheduler = scheduler;
    this.settings = settings;
    this.context = context;
  }

  /** The account's own lines; null where there are none. They go over stdin: anybody there can read a command line. */
  prologue(): Program | null {
    const { prologue } = this.settings;
    if (prologue.length === 0) return null;
    const text = programs.prologue(prologue);
    return { text, purpose: 'running the prologue', timeoutSeconds: 60, runsIn: 'session' };
  }

  firstLook(): Program {
    const { directories, looksOnly, judgesDirectories, beginsWith } = this.settings;
    const options = { mark: this.mark, looksOnly, judgesDirectories };
    const prepare = programs.prepare(directories, this.scheduler.defaultsPrefixes, options);
    const lock = beginsWith === 'lock and look' ? programs.takeLock(lockOwner(), 1) : null;
    const observe =
      beginsWith === 'nothing' ? null : programs.observe(observation([false], this.scheduler, this.settings));
    return {
      text: programs.open({ prepare, lock }),
      purpose: observe === null ? 'preparing the session' : 'reading the queue',
      runsIn: 'session',
      ...(observe === null ? {} : { followedBy: observe }),
      timeoutSeconds: preparationSeconds + lookSeconds([false], this.settings),
      onStdout: tellSteps(this.mark, { lock: 'lock', clock: 'list' }, this.settings, this.context),
    };
  }

  begun(first: Output): Result<Begun> {
    const parts = programs.readParts(first, this.mark);
    const host = parts.get('host');
    if (host?.code === 0) return ok({ mark: this.mark, parts });
    const what = `the directory ${this.settings.directories.site} cannot be used`;
    return failed(unusable(this.settings, what, host?.stderr ?? ''));
  }

  /** Its last line may fail for good reasons, so it is only told. */
  tellOfPrologue({ code, stdout, stderr }: Output): void {
    if (code === 0) return;
    const said = [stderr, stdout].map((text) => text.trim()).find((text) => text !== '');
    const text = `the prologue ended with ${code}${said === undefined ? '' : `: ${said.slice(-400)}`}`;
    this.context.emit({ kind: 'warning', site: this.settings.site, text });
  }
}

export function lockOwner(): string {
  return `${userInfo().username} on ${hostname()} (process ${process.pid})`;
}

export function queriesFor(looks: readonly boolean[], { site, jobName }: LoginSettings): ListQuery[] {
  return looks.map((secondLook) => ({ site, jobName, secondLook }));
}

/** How long so many listings, and what is asked with them, may take. */
export function lookSeconds(looks: readonly boolean[], { timeouts, asksAccounting }: LoginSettings): number {
  const accounting = asksAccounting ? programs.accountingSeconds + graceSeconds : 0;
  return timeouts.listSeconds * looks.length + accounting + graceSeconds;
}

export function observation(
  looks: readonly boolean[],
  scheduler: Scheduler,
  settings: LoginSettings,
): programs.Observation {
  const listCommands = queriesFor(looks, settings).map((query) => scheduler.listCommand(query));
  const { imagePath, imagesDirectory, distributionPath, jobName, endedSince, asksAccounting, timeouts } = settings;
  const finishedCommand =
    endedSince === null || !asksAccounting ? null : scheduler.finishedCommand({ jobName, sinceSeconds: endedSince });
  return {
    listCommands,
    listSeconds: timeouts.listSeconds,
    imagePath,
    imagesDirectory,
    distributionPath,
    finishedCommand,
  };
}

/** Tells of a step when the part that it is known by begins. */
export function tellSteps(
  mark: string,
  steps: Readonly<Record<string, Step>>,
  settings: LoginSettings,
  context: Context,
): (chunk: string) => void {
  const begins = new RegExp(`@${mark} ([a-z]+)\\d*\\n`, 'g');
  return (chunk) => {
    for (const [, part = ''] of chunk.matchAll(begins)) {
      const name = steps[part];
      if (name !== undefined) step(context, settings, name);
    }
  };
}

export function unusable({ site }: LoginSettings, what: string, said: string): Failure {
  return { kind: 'login-host-unusable', site, what, said: said.trim().slice(0, 400) };
}

export function step(context: Context, settings: LoginSettings, name: Step): void {
  context.emit({ kind: 'step', site: settings.site, step: name });
}
