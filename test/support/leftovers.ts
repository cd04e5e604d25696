import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { belongsTo, processesOfUsers, processesRunning, stopProcesses } from './processes.ts';
import { deleteUser, testAccounts } from './test-users.ts';

const PARENT = '/tmp';
const NAME = 'glidein-test-';
const DAEMONS = ['sshd', 'munged', 'slurmctld', 'slurmd', 'slurmstepd', 'slurmdbd', 'mariadbd', 'condor_master'];

/** What `mkdtemp` makes the directory of a run from. Outside TMPDIR, which other users often cannot reach. */
export const PREFIX_TEMPLATE = join(PARENT, NAME);

/** Directories of runs that are there. With the run lock held, all are of runs that are over. */
export function runDirectories(): string[] {
  return readdirSync(PARENT)
    .filter((name) => name.startsWith(NAME))
    .map((name) => join(PARENT, name))
    .filter((path) => statSync(path).uid === 0 && statSync(path).isDirectory());
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
  for (const { name } of accounts) await deleteUser(name);
  await rm(prefix, { recursive: true, force: true, maxRetries: 3 });
}
