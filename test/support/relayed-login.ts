import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { writeSshShim } from './ssh-shim.ts';
import { startRelay, type TcpRelay } from './tcp-relay.ts';

/** A way to the login host that a test can break. */
export interface RelayedLogin {
  relay: TcpRelay;
  /** To be put first on PATH: with it the host `campus` is reached through the relay, as ada. */
  pathDir: string;
  close(): Promise<void>;
}

/** Starts a relay in front of the cluster's sshd, and makes an `ssh` that knows it. */
export async function relayedLogin(cluster: Cluster): Promise<RelayedLogin> {
  const relay = await startRelay(cluster.sshd.port);
  const directory = mkdtempSync(join(cluster.prefix, 'relayed-'));
  chmodSync(directory, 0o755);
  const { ada } = cluster.users;
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `[127.0.0.1]:${relay.port} ${cluster.sshd.hostPublicKey}\n`);
  const pathDir = join(directory, 'bin');
  await writeSshShim(pathDir, [
    'Host campus',
    ...['  HostName 127.0.0.1', `  Port ${relay.port}`, `  User ${ada.name}`, `  IdentityFile ${ada.privateKeyFile}`],
    ...['  IdentitiesOnly yes', `  UserKnownHostsFile ${knownHosts}`, '  GlobalKnownHostsFile /dev/null'],
  ]);
  return {
    relay,
    pathDir,
    async close() {
      await relay.close();
      rmSync(directory, { recursive: true });
    },
  };
}
