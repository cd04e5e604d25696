import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Cluster } from './cluster.ts';
import { installMissing } from './install.ts';
import { PREFIX_TEMPLATE, removeRun, runDirectories } from './leftovers.ts';
import { startMunge } from './munge-daemon.ts';
import { processesRunning } from './processes.ts';
import { takeRunLock } from './run-lock.ts';
import { type SlurmSize, startSlurm } from './slurm-daemons.ts';
import { writeSshClient } from './ssh-client.ts';
import { startSshd } from './sshd.ts';
import { makeUsers, testAccounts } from './test-users.ts';

/** Starts the real software for the tests of project `real`; answers how to take it all away again. */
export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const obstacle = obstacleHere();
  if (obstacle !== null) {
    if (process.env['CI'] === 'true') throw new Error(`the real tests must run when CI=true, but ${obstacle}`);
    say(`NOT TESTED: everything against real OpenSSH and Slurm, because ${obstacle}`);
    project.provide('cluster', null);
    return undefined;
  }
  const release = await takeRunLock(say);
  try {
    const running = await startCluster();
    project.provide('cluster', running);
    return async () => {
      await removeRun(running.prefix);
      release();
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Why the real software cannot be had on this machine, or null. */
export function obstacleHere(): string | null {
  if (process.platform !== 'linux' || !isDebian()) return 'this is not Debian';
  if (process.getuid?.() !== 0) return 'this is not root';
  return null;
}

function isDebian(): boolean {
  return existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** Starts everything, after taking away what an earlier run left. The caller holds the run lock, and ends it with `removeRun`. */
export async function startCluster(size: SlurmSize = {}): Promise<Cluster> {
  for (const directory of runDirectories()) {
    say(`cleaning up after an earlier run: ${directory}`);
    await removeRun(directory);
  }
  refuseForeign();
  await installMissing(say);
  const prefix = await mkdtemp(PREFIX_TEMPLATE);
  const umask = process.umask(0o022); // The users must be able to read what root writes here.
  try {
    return await startBelow(prefix, size);
  } catch (error) {
    await removeRun(prefix);
    throw error;
  } finally {
    process.umask(umask);
  }
}

async function startBelow(prefix: string, size: SlurmSize): Promise<Cluster> {
  await chmod(prefix, 0o755);
  const users = await makeUsers(prefix);
  const munge = await startMunge(prefix);
  const slurm = await startSlurm(prefix, munge.socket, size);
  const sshd = await startSshd(join(prefix, 'sshd'), { environment: { SLURM_CONF: slurm.slurmConf } });
  return { prefix, users, sshd, ...slurm, ...(await writeSshClient(prefix, sshd, users)) };
}

/** Stops where somebody's own Slurm, or somebody's own account with a test's name, could be disturbed. */
function refuseForeign(): void {
  const stop = (what: string): never => {
    throw new Error(`${what}. The real tests start their own and touch nobody else's: run them on another machine.`);
  };
  if (existsSync('/etc/slurm/slurm.conf')) stop('this machine has a Slurm of its own (/etc/slurm/slurm.conf)');
  const [controller] = processesRunning(['slurmctld']);
  if (controller !== undefined) stop(`a slurmctld that is not of the tests runs here (process ${controller})`);
  const [account] = testAccounts();
  if (account !== undefined) stop(`there is a user ${account.name} that no test run made (home ${account.home})`);
}

function say(line: string): void {
  process.stderr.write(`real tests: ${line}\n`);
}
