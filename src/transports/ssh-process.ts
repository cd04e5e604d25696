import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HeldProcess, holdProcess } from './process-streams.ts';
import { commandState } from './ssh-client-log.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** One `ssh` that is to run one command. */
export interface SshStart {
  /** Its options, the destination and the command. */
  words: readonly string[];
  /** A file for what it tells of itself; removed when it has ended. */
  logFile: string;
  /** It makes the connection itself; else it goes over a master. */
  connects: boolean;
  signal: AbortSignal;
  /** Is shown the log as it grows, until the command has begun. */
  watch(log: string): void;
}

/** What became of it, as far as its command is concerned. */
export type SshStarted =
  /** The command has begun, or may have. */
  | { kind: 'begun'; held: HeldProcess }
  /** It surely has not, and will not. `said` is what else was heard, as of a jump host's `ssh`. */
  | { kind: 'never' | 'full'; log: string; said: string }
  | { kind: 'no ssh'; reason: string };

/** How often the log is read while a command begins. */
const lookMilliseconds = 10;

/** Answers when it is known whether the command has begun. */
export async function startSsh(start: SshStart): Promise<SshStarted> {
  const child = await started(start);
  if (child instanceof Error) return { kind: 'no ssh', reason: child.message };
  const run = watchProcess(child, start);
  for (;;) {
    const log = run.finalLog() ?? (await readLog(start.logFile));
    start.watch(log);
    const ended = run.finalLog() !== null;
    // Nothing but the command prints there. One that has ended with a code of its own has begun.
    if (run.held.process.stdout.readableLength > 0 || (ended && !run.isInDoubt()))
      return { kind: 'begun', held: run.held };
    const state = commandState(log, { connects: start.connects, ended });
    if (state === 'never' || state === 'full') return { kind: state, log, said: wordsLeft(run.held) };
    if (state === 'begun' || ended) return { kind: 'begun', held: run.held };
    await Promise.race([sleep(lookMilliseconds), run.news()]);
  }
}

/** The program, running; in a session of its own, where neither a ctrl-C nor a terminal to ask on reaches it. */
function started({ words, logFile }: SshStart): Promise<Child | Error> {
  return new Promise((resolve) => {
    try {
      const child = spawn('ssh', ['-E', logFile, ...words], {
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
        env: silentEnvironment(),
      });
      child.once('spawn', () => resolve(child));
      child.once('error', resolve);
    } catch (error) {
      // A command with a NUL in it is refused by an exception.
      resolve(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** The environment of an `ssh` that must never ask anybody, by whatever window. */
export function silentEnvironment(): NodeJS.ProcessEnv {
  const { SSH_ASKPASS: _window, ...rest } = process.env;
  return { ...rest, SSH_ASKPASS_REQUIRE: 'never' };
}

interface Run {
  held: HeldProcess;
  /** The whole log once the program has ended; null before. */
  finalLog(): string | null;
  /** It has ended in a way that says nothing of the command's own end. */
  isInDoubt(): boolean;
  /** Something was printed, or it has ended. */
  news(): Promise<void>;
}

function watchProcess(child: Child, { logFile, signal }: SshStart): Run {
  const inner = holdProcess(child);
  let log: string | null = null;
  let doubt = true;
  let wake = () => {};
  const held: HeldProcess = {
    ...inner,
    cut(reason) {
      signal.removeEventListener('abort', abort);
      inner.cut(reason);
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      // What it had begun over there goes on.
      child.kill();
      child.unref();
    },
  };
  const abort = () => {
    held.cut('the wait for it was given up');
    wake();
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  child.stdout.once('data', () => wake());
  child.once('exit', async (code) => {
    log = await readLog(logFile);
    doubt = code === null || code === lostCode;
    await rm(logFile, { force: true }).catch(() => {});
    inner.settle(doubt ? { kind: 'lost', reason: lostReason(code, log) } : { kind: 'exited', code: code ?? lostCode });
    wake();
    endStderr(child);
  });
  child.once('close', () => signal.removeEventListener('abort', abort));
  return {
    held,
    finalLog: () => log,
    isInDoubt: () => doubt,
    news: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
}

/** What `ssh` ends with when something of its own fails, but also when the command does. */
const lostCode = 255;

function lostReason(code: number | null, log: string): string {
  const last = log.split('\n').filter((line) => line.trim() !== '' && !/^(debug\d|OpenSSH_|Authenticated )/.test(line));
  const said = last.length === 0 ? '' : `: ${last.slice(-2).join('; ').slice(0, 300)}`;
  return code === null ? 'ssh was killed' : `ssh ended with ${code}${said}`;
}

/** How long after its end the program's stderr is left to whoever reads it. */
const stderrMilliseconds = 1000;

/** A master that an `ssh` before 8.5 leaves behind keeps its stderr (read); who waits for its end would wait for the master's. */
function endStderr(child: Child): void {
  const timer = setInterval(() => {
    if (child.stderr.isPaused() && !child.stderr.destroyed) return;
    clearInterval(timer);
    child.stderr.destroy();
  }, stderrMilliseconds);
  timer.unref();
  child.stderr.once('close', () => clearInterval(timer));
}

/** What the program left on stderr, as far as it is here. */
function wordsLeft({ process }: HeldProcess): string {
  const chunk: unknown = process.stderr.read();
  return chunk instanceof Buffer ? chunk.toString().trim().slice(-400) : '';
}

function readLog(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
