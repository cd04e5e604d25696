import { spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';

/** A long program on this machine that does not outlive us, however we end, and neither does what it started. */

export interface GuardedRun {
  program: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Ends it: politely, and after a few seconds for good. */
  signal: AbortSignal;
  /** Each line it says on either stream, without colours. A line that it draws anew counts each time. */
  onLine(line: string): void;
}

/**
 * While this process lives, stdin stays open. When it ends, also by SIGKILL, the watcher reads its end and kills the group.
 */
const guard = `
exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
{ cat <&3; kill -9 0; } >/dev/null 2>&1 &
exec 3<&-
wait "$program"
`;

const graceMilliseconds = 5_000;

/** Runs it to its end. Its exit code; null where it was ended by a signal or could not be started. */
export function runGuarded({ program, args, env, signal, onLine }: GuardedRun): Promise<number | null> {
  return new Promise((resolve) => {
    // A group of its own: what is typed at the terminal reaches us alone, and all of it can be ended at once.
    const child = spawn('/bin/sh', ['-c', guard, 'sh', program, ...args], { env, detached: true, stdio: 'pipe' });
    const end = (how: NodeJS.Signals) => killGroup(child.pid, how);
    const stop = () => {
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), graceMilliseconds).unref();
    };
    for (const stream of [child.stdout, child.stderr]) readLines(stream, onLine);
    child.stdin.on('error', () => {});
    // What the program left running holds our pipes: the guard ends it.
    child.on('exit', () => child.stdin.destroy());
    child.on('error', () => resolve(null));
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      resolve(code);
    });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}

function killGroup(pid: number | undefined, how: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, how);
  } catch {
    // It ended by itself.
  }
}

const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string) => {
    const lines = (rest + text).split(/[\r\n]/);
    // Nothing says that a line must end.
    rest = (lines.pop() ?? '').slice(-4_096);
    for (const line of lines.map((one) => one.replace(colours, '').trim()).filter((one) => one !== '')) onLine(line);
  };
  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
  stream.on('end', () => take('\n'));
}
