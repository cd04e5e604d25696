import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** What a finished program left. `code` 124: it was killed at its time limit; 128 + n: signal n ended it. */
export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
  seconds: number;
}

export interface RunOptions {
  /** The time limit; the program and what it started are killed there. 30 when absent. */
  seconds?: number;
  /** The whole environment; this process's own when absent. */
  env?: NodeJS.ProcessEnv;
  /** What it reads on stdin; nothing when absent. */
  input?: string;
  cwd?: string;
  uid?: number;
  gid?: number;
}

/** Runs a program to its end, or to its time limit. A program that cannot be started gives code 127. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const started = performance.now();
  const { seconds = 30, input = '', ...rest } = options;
  return new Promise((resolve) => {
    // A process group of its own, so that the time limit reaches the program's children too.
    const child = spawn(file, args, { ...rest, detached: true, stdio: 'pipe' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, seconds * 1000);
    const finish = (code: number): void => {
      clearTimeout(timer);
      resolve({
        code: timedOut ? 124 : code,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
        seconds: (performance.now() - started) / 1000,
      });
    };
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {}); // It may end without reading its input.
    child.stdin.end(input);
    child.on('error', (error) => {
      err.push(Buffer.from(`${error.message}\n`));
      finish(127);
    });
    child.on('close', (code, signal) => finish(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** As `run`, but anything except exit 0 is an error that carries what the program said. */
export async function mustRun(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await run(file, args, options);
  if (ran.code !== 0) {
    throw new Error(`${[file, ...args].join(' ')} ended with ${ran.code}:\n${ran.stderr}${ran.stdout}`);
  }
  return ran;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself just now.
  }
}
