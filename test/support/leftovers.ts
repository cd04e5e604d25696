import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LINES, type Line } from './lines.ts';
import { belongsTo, processesOfUsers, processesRunning, stopProcesses } from './processes.ts';
import { oneAtATime } from './run-lock.ts';
import { deleteUser, testAccounts } from './test-users.ts';

// Outside TMPDIR, which other users often cannot reach.
const PARENT = '/tmp';
const DAEMONS = ['sshd', 'munged', 'slurmctld', 'slurmd', 'slurmstepd', 'slurmdbd', 'mariadbd', 'condor_master'];

/** What PAM is asked by of an sshd that wants a second factor, in a run of this directory; PAM looks in one place only, in small letters. */
export function pamServiceFile(prefix: string): string {
  return join('/etc/pam.d', basename(prefix).toLowerCase());
}

/** How the directory of every run begins, whichever line's. */
export const ALL_PREFIXES = join(PARENT, 'glidein-test-');

/** What `mkdtemp` makes the directory of a line's run from. */
export function prefixTemplate(line: Line): string {
  return `${ALL_PREFIXES}${line}-`;
}

/** Directories of a line's runs that are there. With the line's run lock held, all are of runs that are over. */
export function runDirectories(line: Line): string[] {
  return readdirSync(PARENT)
    .map((name) => join(PARENT, name))
    .filter((path) => path.startsWith(prefixTemplate(line)))
    .filter((path) => {
      const facts = statSync(path, { throwIfNoEntry: false }); // That of another line may go at any time.
      return facts?.uid === 0 && facts.isDirectory();
    });
}

/** Whether a run of any line started the process. */
export function isOfTheTests(pid: number): boolean {
  return LINES.flatMap(runDirectories).some((directory) => belongsTo(pid, directory));
}

/**
 * Takes away all of one run: the processes of its users, its daemons, its users, its files. Touches only accounts with a
 * home below `prefix` and daemons that were started from it.
 */
export async function removeRun(prefix: string): Promise<void> {
  const accounts = testAccounts().filter(({ home }) => home.startsWith(`${prefix}/`));
  const uids = accounts.map(({ uid }) => uid);
  const processes = (): number[] => [
    ...processesRunning(DAEMONS).filter((pid) => belongsTo(pid, prefix)),
    ...processesOfUsers(uids),
  ];
  // Again and again, because what just ends may just have started something. Nothing here is worth a soft end.
  for (let round = 0; round < 10 && processes().length > 0; round += 1) await stopProcesses(processes(), 0);
  await oneAtATime(async () => {
    for (const { name } of accounts) await deleteUser(name);
  });
  await rm(pamServiceFile(prefix), { force: true });
  await rm(prefix, { recursive: true, force: true, maxRetries: 3 });
}
