import { readFileSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, TestUser } from './cluster.ts';
import type { Line } from './lines.ts';
import { mustRun, type Ran, type RunOptions, run } from './run-program.ts';

/** Names of test users begin so. */
const NAME_PREFIX = 'glt-';

const SHELLS = { ada: '/bin/bash', dash: '/bin/dash', tcsh: '/usr/bin/tcsh', fish: '/usr/bin/fish' } as const;

/** The names of a line's users. Those of `real` are in the recordings. */
export function accountNames(line: Line): string[] {
  return Object.keys(SHELLS).map((nick) => accountName(line, nick));
}

function accountName(line: Line, nick: string): string {
  return line === 'real' ? `${NAME_PREFIX}${nick}` : `${NAME_PREFIX}${line}-${nick}`;
}

/** Makes a line's users, each with a home below `prefix`, a key pair, and leave to log in with it. */
export async function makeUsers(prefix: string, line: Line): Promise<Cluster['users']> {
  await mkdir(join(prefix, 'home'), { mode: 0o755 });
  await mkdir(join(prefix, 'keys'), { mode: 0o700 });
  return {
    ada: await makeUser(prefix, line, 'ada'),
    dash: await makeUser(prefix, line, 'dash'),
    tcsh: await makeUser(prefix, line, 'tcsh'),
    fish: await makeUser(prefix, line, 'fish'),
  };
}

async function makeUser(prefix: string, line: Line, nick: keyof typeof SHELLS): Promise<TestUser> {
  const name = accountName(line, nick);
  const home = join(prefix, 'home', nick);
  const shell = SHELLS[nick];
  // `*` instead of useradd's `!`: sshd without PAM refuses a locked account even with the right key.
  await mustRun('useradd', ['--no-create-home', '--user-group', '-p', '*', '-d', home, '-s', shell, name]);
  const { uid, gid } = passwdEntry(name);
  const privateKeyFile = join(prefix, 'keys', nick);
  await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', privateKeyFile]);
  await mkdir(join(home, '.ssh'), { recursive: true });
  const authorizedKeys = join(home, '.ssh', 'authorized_keys');
  await copyFile(`${privateKeyFile}.pub`, authorizedKeys);
  for (const path of [home, join(home, '.ssh'), authorizedKeys]) {
    await chmod(path, path === home ? 0o755 : path === authorizedKeys ? 0o600 : 0o700);
    await chown(path, uid, gid);
  }
  return { name, uid, gid, home, shell, privateKeyFile };
}

/** Runs `command` (a POSIX `sh` line) as the user, in their home, with a fresh environment that finds the test's Slurm. */
export function asUser(cluster: Cluster, user: TestUser, command: string, options: RunOptions = {}): Promise<Ran> {
  const env = {
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: user.shell,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    SLURM_CONF: cluster.slurmConf,
    ...options.env,
  };
  return run('/bin/sh', ['-c', command], { cwd: user.home, ...options, env, uid: user.uid, gid: user.gid });
}

/** Ids of an account; an error when there is none. */
export function passwdEntry(name: string): { uid: number; gid: number; home: string } {
  const entry = passwd().find((account) => account.name === name);
  if (entry === undefined) throw new Error(`no user ${name} in /etc/passwd`);
  return entry;
}

/** The accounts whose name says that a test run made them, with their homes: a foreign home means that one did not. */
export function testAccounts(): { name: string; uid: number; home: string }[] {
  return passwd().filter(({ name }) => name.startsWith(NAME_PREFIX));
}

/** Deletes the account; its files go with the prefix. Its processes must be gone. */
export async function deleteUser(name: string): Promise<void> {
  await mustRun('userdel', ['--force', name]);
}

function passwd(): { name: string; uid: number; gid: number; home: string }[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid, , home = '']) => ({ name, uid: Number(uid), gid: Number(gid), home }));
}
