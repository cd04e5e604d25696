import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, TestSshd, TestUser } from './cluster.ts';
import { writeSshShim } from './ssh-shim.ts';

/** Writes the client's side of SSH below `prefix`, so that no test reads or changes the real user's `~/.ssh`. */
export async function writeSshClient(
  prefix: string,
  sshd: TestSshd,
  users: Cluster['users'],
): Promise<Pick<Cluster, 'sshConfigFile' | 'knownHostsFile' | 'clientPathDir'>> {
  const clientPathDir = join(prefix, 'ssh-client');
  const knownHostsFile = join(prefix, 'known_hosts');
  await writeFile(knownHostsFile, `[${sshd.host}]:${sshd.port} ${sshd.hostPublicKey}\n`);
  const hosts = Object.entries(users).flatMap(([nick, user]) => hostLines(nick, sshd, user));
  const sshConfigFile = await writeSshShim(clientPathDir, [
    ...hosts,
    'Host *',
    `  UserKnownHostsFile ${knownHostsFile}`,
    '  GlobalKnownHostsFile /dev/null',
    '  IdentitiesOnly yes',
  ]);
  return { sshConfigFile, knownHostsFile, clientPathDir };
}

function hostLines(nick: string, sshd: TestSshd, user: TestUser): string[] {
  return [
    `Host ${nick === 'ada' ? 'campus' : `campus-${nick}`}`,
    `  HostName ${sshd.host}`,
    `  Port ${sshd.port}`,
    `  User ${user.name}`,
    `  IdentityFile ${user.privateKeyFile}`,
  ];
}

/** This process's environment, but `ssh` is the one of the tests, and no agent of the real user is asked. */
export function sshClientEnv(cluster: Pick<Cluster, 'clientPathDir'>): NodeJS.ProcessEnv {
  const { SSH_AUTH_SOCK: _agent, ...rest } = process.env;
  return { ...rest, PATH: `${cluster.clientPathDir}:${process.env['PATH']}` };
}
