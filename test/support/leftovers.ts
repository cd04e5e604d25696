import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { belongsTo, processesOfUsers, processesRunning, stopProcesses } from './processes.ts';
import { deleteUser, testAccounts } from './test-users.ts';

const PARENT = '/tmp';
const NAME = 'glidein-test-';
const DAEMONS = ['sshd', 'munged', 'slurmctld', 'slurmctld-wlm', 'slurmd', 'slurmd-wlm', 'slurmstepd'];

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
  const users = accounts.map(({ uid }) => uid);
  const daemons = processesRunning(DAEMONS).filter((pid) => belongsTo(pid, prefix));
  await stopProcesses(daemons);
  await stopProcesses(processesOfUsers(users), 0);
  // A job's supervisor ends when its processes have; one that does not is ended here, with sessions that were just opening.
  await stopProcesses(
    processesRunning(DAEMONS).filter((pid) => belongsTo(pid, prefix)),
    1,
  );
  for (const { name } of accounts) await deleteUser(name);
  await rm(prefix, { recursive: true, force: true, maxRetries: 3 });
}
