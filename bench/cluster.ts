import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, TestSshd } from '../test/support/cluster.ts';
import { removeRun } from '../test/support/leftovers.ts';
import { LINES } from '../test/support/lines.ts';
import { obstacleHere, startCluster } from '../test/support/real-cluster.ts';
import { takeRunLock } from '../test/support/run-lock.ts';
import type { SlurmSize } from '../test/support/slurm-daemons.ts';
import { writeSshShim } from '../test/support/ssh-shim.ts';
import { startSshd } from '../test/support/sshd.ts';

/** A way to a login host: a name for `ssh` and for a profile, and the server behind it. */
export interface Route {
  name: string;
  /** Where to connect to; the server's own port, or that of a relay in front of it. */
  port: number;
  server: TestSshd;
}

/** Why benchmarks on real software cannot run on this machine, or null. */
export const obstacle = obstacleHere;

/**
 * Starts OpenSSH and Slurm on loopback, does the work and takes all of it away again, also when interrupted. Waits for
 * every other run of the real software, be it of tests or of benchmarks.
 */
export async function onCluster(size: SlurmSize, work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const releases: (() => void)[] = [];
  try {
    for (const line of LINES)
      releases.push(await takeRunLock(line, (text) => process.stderr.write(`bench: ${text}\n`)));
    const cluster = await startCluster('real', size);
    const stop = (): void => {
      void removeRun(cluster.prefix).finally(() => process.exit(130));
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);
    try {
      await work(cluster);
    } finally {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      await removeRun(cluster.prefix);
    }
  } finally {
    for (const release of releases) release();
  }
}

/** One more sshd for the same users. */
export function anotherSshd(cluster: Cluster, name: string): Promise<TestSshd> {
  return startSshd(join(cluster.prefix, name), { environment: { SLURM_CONF: cluster.slurmConf } });
}

/**
 * Writes an `ssh` that knows these routes, all of user ada, and nothing of the real user's. Answers the environment for
 * `glidein` and its peer alike: both find the same `ssh` and the same configuration.
 */
export async function sshEnvironment(cluster: Cluster, routes: readonly Route[]): Promise<NodeJS.ProcessEnv> {
  const { name: user, privateKeyFile } = cluster.users.ada;
  const directory = join(cluster.prefix, 'bench-ssh');
  const knownHosts = join(cluster.prefix, 'bench-known-hosts');
  const lines = routes.map(({ port, server }) => `[${server.host}]:${port} ${server.hostPublicKey}`);
  await writeFile(knownHosts, `${lines.join('\n')}\n`);
  await writeSshShim(directory, [
    ...routes.flatMap(({ name, port, server }) => [`Host ${name}`, `  HostName ${server.host}`, `  Port ${port}`]),
    'Host *',
    `  User ${user}`,
    `  IdentityFile ${privateKeyFile}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${knownHosts}`,
    '  GlobalKnownHostsFile /dev/null',
  ]);
  const { SSH_AUTH_SOCK: _agent, ...rest } = process.env;
  return { ...rest, PATH: `${directory}:${process.env['PATH']}`, NO_COLOR: '1' };
}
