import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A program to be measured, as a whole process. */
export interface Command {
  file: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** What it reads on stdin; nothing when absent. */
  input?: string;
  /** Killed after this long. */
  seconds: number;
}

/** What one run of a command took and said. */
export interface Timed {
  /** From just before the process was made until its end was known and its output read. */
  milliseconds: number;
  stdout: string;
  stderr: string;
  /** The lines of stderr with the time of their arrival after the start. */
  lines: { text: string; at: number }[];
}

/** Runs a command once. One that fails is no measurement: an error with its words. */
export function timed(command: Command): Promise<Timed> {
  return started(command, () => {});
}

/**
 * Runs a command and watches its memory: the most that was resident at a time, of that process alone, in MB. Not for
 * timing, since the watching costs time too.
 */
export async function peakMegabytes(command: Command): Promise<number> {
  let kilobytes = 0;
  let watch: NodeJS.Timeout | undefined;
  await started(command, (pid) => {
    // The kernel keeps the peak itself, so only what is added in the last moments can be missed.
    watch = setInterval(() => {
      kilobytes = Math.max(kilobytes, peakKilobytes(pid));
    }, 5);
  }).finally(() => clearInterval(watch));
  return kilobytes / 1024;
}

function peakKilobytes(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // It has ended.
  }
}

function started(command: Command, onStart: (pid: number) => void): Promise<Timed> {
  const { file, args, env, input = '', seconds } = command;
  return new Promise((resolve, reject) => {
    const before = performance.now();
    const child = spawn(file, args, { env, stdio: 'pipe', timeout: seconds * 1000, killSignal: 'SIGKILL' });
    if (child.pid !== undefined) onStart(child.pid);
    const out: Buffer[] = [];
    const arrived: { chunk: string; at: number }[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => arrived.push({ chunk: `${chunk}`, at: performance.now() - before }));
    child.stdin.on('error', () => {}); // It may end without reading its input.
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const milliseconds = performance.now() - before;
      const stdout = Buffer.concat(out).toString();
      const stderr = arrived.map(({ chunk }) => chunk).join('');
      if (code === 0) resolve({ milliseconds, stdout, stderr, lines: linesOf(arrived) });
      else reject(new Error(`${[file, ...args].join(' ')} ended with ${code ?? signal}:\n${stderr}${stdout}`));
    });
  });
}

function linesOf(arrived: readonly { chunk: string; at: number }[]): Timed['lines'] {
  return arrived.flatMap(({ chunk, at }) =>
    chunk
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => ({ text, at })),
  );
}
