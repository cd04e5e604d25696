import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Cluster, TestSshd } from './cluster.ts';
import { freePorts } from './free-ports.ts';
import { sshClientEnv } from './ssh-client.ts';
import { writeSshShim } from './ssh-shim.ts';
import { startSshd, stopSshd } from './sshd.ts';
import { testToken } from './test-token.ts';

/** Several login hosts, each an sshd of its own that leads to the same cluster, and a configuration for many sites. */
export interface ManyHosts {
  configDir: string;
  env: NodeJS.ProcessEnv;
  /** How often somebody logged in at each host, from sshd's log. */
  logFiles: readonly string[];
  /** Writes a site's profile as it is; `more` goes over what a site of this test has. */
  site(name: string, more?: object): void;
  remove(): Promise<void>;
}

/**
 * Starts `count` login hosts, named `host1` and so on; `extraHosts` are further lines of the SSH configuration, `sshdLines` of each
 * sshd's. */
export async function manyHosts(
  cluster: Cluster,
  count: number,
  { extraHosts = [], sshdLines = [] }: { extraHosts?: readonly string[]; sshdLines?: readonly string[] } = {},
): Promise<ManyHosts> {
  const directory = mkdtempSync(join(cluster.prefix, 'many-'));
  const sshds: TestSshd[] = [];
  for (let at = 1; at <= count; at += 1) {
    sshds.push(
      await startSshd(join(directory, `sshd${at}`), {
        environment: { SLURM_CONF: cluster.slurmConf },
        extraLines: sshdLines,
      }),
    );
  }
  const env = { ...sshClientEnv(cluster), PATH: `${join(directory, 'client')}:${process.env['PATH']}`, NO_COLOR: '1' };
  await writeSshShim(join(directory, 'client'), clientLines(cluster, directory, sshds, extraHosts));
  const configDir = join(directory, 'config');
  mkdirSync(join(configDir, 'sites'), { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, 'token'), `${testToken()}\n`, { mode: 0o600 });
  return {
    configDir,
    env: { ...env, GLIDEIN_CONFIG_DIR: configDir },
    logFiles: sshds.map(({ logFile }) => logFile),
    site: (name, more = {}) => {
      const profile = JSON.stringify({ ...siteProfile(name, join(directory, 'token')), ...more });
      writeFileSync(join(configDir, 'sites', `${name}.json`), profile, { mode: 0o600 });
    },
    async remove() {
      for (const sshd of sshds) await stopSshd(sshd);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function siteProfile(name: string, token: string): object {
  return {
    name,
    target: 1,
    scheduler: { kind: 'slurm', walltime: '00:30:00' },
    pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token },
    image: { remotePath: '/etc/passwd' },
  };
}

function clientLines(cluster: Cluster, directory: string, sshds: readonly TestSshd[], extra: readonly string[]) {
  const known = join(directory, 'known_hosts');
  writeFileSync(known, sshds.map(({ host, port, hostPublicKey }) => `[${host}]:${port} ${hostPublicKey}\n`).join(''));
  const hosts = sshds.flatMap(({ host, port }, at) => [`Host host${at + 1}`, `  HostName ${host}`, `  Port ${port}`]);
  return [
    ...hosts,
    ...extra,
    'Host *',
    `  User ${cluster.users.ada.name}`,
    `  IdentityFile ${cluster.users.ada.privateKeyFile}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${known}`,
    '  GlobalKnownHostsFile /dev/null',
  ];
}

/** A server that takes connections and never says a word. */
export interface SilentServer {
  port: number;
  close(): void;
}

export async function silentServer(): Promise<SilentServer> {
  const [port = 0] = await freePorts(1);
  const sockets = new Set<Socket>();
  const server = await new Promise<Server>((resolve) => {
    const made = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(port, '127.0.0.1', () =>
      resolve(made),
    );
  });
  return {
    port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
