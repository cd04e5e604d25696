import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, TestSshd, TestUser } from './cluster.ts';

/** Writes the client's side of SSH below `prefix`, so that no test reads or changes the real user's `~/.ssh`. */
export async function writeSshClient(
  prefix: string,
  sshd: TestSshd,
  users: Cluster['users'],
): Promise<Pick<Cluster, 'sshConfigFile' | 'knownHostsFile' | 'clientPathDir'>> {
  const directory = join(prefix, 'ssh-client');
  const clientPathDir = join(directory, 'bin');
  await mkdir(clientPathDir, { recursive: true });
  const knownHostsFile = join(directory, 'known_hosts');
  await writeFile(knownHostsFile, `[${sshd.host}]:${sshd.port} ${sshd.hostPublicKey}\n`);
  const sshConfigFile = join(directory, 'config');
  const hosts = Object.entries(users).flatMap(([nick, user]) => hostLines(nick, sshd, user));
  const everyHost = [
    'Host *',
    `  UserKnownHostsFile ${knownHostsFile}`,
    '  GlobalKnownHostsFile /dev/null',
    '  IdentitiesOnly yes',
  ];
  await writeFile(sshConfigFile, `${[...hosts, ...everyHost].join('\n')}\n`);
  // OpenSSH finds ~/.ssh by the account and not by HOME, so only -F keeps it away from there.
  await writeFile(join(clientPathDir, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${sshConfigFile}' "$@"\n`, {
    mode: 0o755,
  });
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
