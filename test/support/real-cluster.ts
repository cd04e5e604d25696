import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Cluster } from './cluster.ts';
import { installMissing } from './install.ts';
import { isOfTheTests, prefixTemplate, removeRun, runDirectories } from './leftovers.ts';
import { type Line, lineNamed } from './lines.ts';
import { startMunge } from './munge-daemon.ts';
import { processesRunning } from './processes.ts';
import { oneAtATime, takeRunLock } from './run-lock.ts';
import { type SlurmSize, startSlurm } from './slurm-daemons.ts';
import { writeSshClient } from './ssh-client.ts';
import { startSshd } from './sshd.ts';
import { accountNames, makeUsers, testAccounts } from './test-users.ts';

/** Starts the real software for the tests of a line; answers how to take it all away again. */
export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const line = lineNamed(project.name);
  const say = sayerOf(line);
  const obstacle = obstacleHere();
  if (obstacle !== null) {
    if (process.env['CI'] === 'true') throw new Error(`the real tests must run when CI=true, but ${obstacle}`);
    say(`NOT TESTED: everything of this line, against real OpenSSH and Slurm, because ${obstacle}`);
    project.provide('cluster', null);
    return undefined;
  }
  const release = await takeRunLock(line, say);
  try {
    const running = await startCluster(line);
    project.provide('cluster', running);
    const remove = async () => {
      await removeRun(running.prefix);
      release();
    };
    removeWhenInterrupted(remove);
    return remove;
  } catch (error) {
    release();
    throw error;
  }
}

/** Left alone, vitest ends at once on a signal, without taking anything away (4.1, read). A second signal does that still. */
function removeWhenInterrupted(remove: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => void remove().finally(() => process.exit(128 + constants.signals[signal])));
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

/** Starts everything, after taking away what an earlier run left. The caller holds the line's run lock, and ends it with `removeRun`. */
export async function startCluster(line: Line, size: SlurmSize = {}): Promise<Cluster> {
  const say = sayerOf(line);
  for (const directory of runDirectories(line)) {
    say(`cleaning up after an earlier run: ${directory}`);
    await removeRun(directory);
  }
  refuseForeign(line);
  await installMissing(say);
  const prefix = await mkdtemp(prefixTemplate(line));
  try {
    return await oneAtATime(() => startBelow(prefix, line, size));
  } catch (error) {
    await removeRun(prefix);
    throw error;
  }
}

async function startBelow(prefix: string, line: Line, size: SlurmSize): Promise<Cluster> {
  const umask = process.umask(0o022); // The users must be able to read what root writes here.
  try {
    await chmod(prefix, 0o755);
    const users = await makeUsers(prefix, line);
    const munge = await startMunge(prefix);
    const slurm = await startSlurm(prefix, munge.socket, size);
    const sshd = await startSshd(join(prefix, 'sshd'), { environment: { SLURM_CONF: slurm.slurmConf } });
    return { prefix, users, sshd, ...slurm, ...(await writeSshClient(prefix, sshd, users)) };
  } finally {
    process.umask(umask);
  }
}

/** Stops where somebody's own Slurm, or somebody's own account with a name of this line, could be disturbed. */
function refuseForeign(line: Line): void {
  const stop = (what: string): never => {
    throw new Error(`${what}. The real tests start their own and touch nobody else's: run them on another machine.`);
  };
  if (existsSync('/etc/slurm/slurm.conf')) stop('this machine has a Slurm of its own (/etc/slurm/slurm.conf)');
  const controller = processesRunning(['slurmctld']).find((pid) => !isOfTheTests(pid));
  if (controller !== undefined) stop(`a slurmctld that is not of the tests runs here (process ${controller})`);
  const account = testAccounts().find(({ name }) => accountNames(line).includes(name));
  if (account !== undefined) stop(`there is a user ${account.name} that no test run made (home ${account.home})`);
}

function sayerOf(line: Line): (text: string) => void {
  return (text) => process.stderr.write(`${line} tests: ${text}\n`);
}
