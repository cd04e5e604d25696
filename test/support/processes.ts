import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { waitUntil } from './wait-until.ts';

/** Whether the process exists and is not a zombie: a zombie has ended, and here nobody may be left to say so. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Ends processes: TERM, and KILL for those still there after `graceSeconds`. Answers when all are gone. */
export async function stopProcesses(pids: readonly number[], graceSeconds = 3): Promise<void> {
  const gone = (): boolean => !pids.some(isAlive);
  // A frozen process takes TERM only when it goes on.
  for (const pid of pids) for (const signal of ['SIGTERM', 'SIGCONT'] as const) sendSignal(pid, signal);
  try {
    await waitUntil('the processes ended', graceSeconds, gone);
  } catch {
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await waitUntil(`processes ${pids.join(' ')} died`, 5, gone);
  }
}

/** As `stopProcesses`, for one that may need some time to save its state. */
export async function stopProcess(pid: number): Promise<void> {
  await stopProcesses([pid], 20);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Processes of these users. */
export function processesOfUsers(uids: readonly number[]): number[] {
  return allProcesses().filter((pid) => {
    try {
      return uids.includes(statSync(`/proc/${pid}`).uid) && isAlive(pid);
    } catch {
      return false;
    }
  });
}

/** Running programs with one of these names, by the file they run and not by what they call themselves. */
export function processesRunning(names: readonly string[]): number[] {
  return allProcesses().filter((pid) => names.includes(programOf(pid)));
}

/** Whether the process was started with a path below `directory`, or works or writes there. */
export function belongsTo(pid: number, directory: string): boolean {
  const inside = (path: string): boolean => path.startsWith(`${directory}/`);
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/`)) return true;
    if (inside(readlinkSync(`/proc/${pid}/cwd`))) return true;
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inside(readlinkSync(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false;
  }
}

function programOf(pid: number): string {
  try {
    // Debian's Slurm daemons are links to files of the same name with -wlm, and start one another by either.
    return basename(readlinkSync(`/proc/${pid}/exe`))
      .replace(/ \(deleted\)$/, '')
      .replace(/-wlm$/, '');
  } catch {
    return '';
  }
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}
