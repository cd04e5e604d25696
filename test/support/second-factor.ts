import { readFileSync } from 'node:fs';
import { rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cluster, TestSshd, TestUser } from './cluster.ts';
import { pamServiceFile } from './leftovers.ts';
import { mustRun } from './run-program.ts';
import { startSshd, stopSshd } from './sshd.ts';
import { asUser } from './test-users.ts';

/** An sshd that wants a password and a code of its user, by real PAM. */
export interface SecondFactor {
  sshd: TestSshd;
  password: string;
  /** A code that is good now. Each works once: `ahead` is how many half minutes it is before its time (0 or 1). */
  code(ahead: 0 | 1): Promise<string>;
  remove(): Promise<void>;
}

const pamLines = [
  'auth required pam_unix.so',
  'auth required pam_google_authenticator.so no_increment_hotp',
  'account required pam_unix.so',
];

/**
 * Starts it in `directory`, which must not exist yet. The user has a password until `remove`. `methods` is what the server
 * wants (`AuthenticationMethods`).
 */
export async function startSecondFactor(
  cluster: Cluster,
  user: TestUser,
  directory: string,
  methods = 'keyboard-interactive',
): Promise<SecondFactor> {
  const password = 'correct horse';
  const hash = await mustRun('openssl', ['passwd', '-6', password]);
  await mustRun('usermod', ['-p', hash.stdout.trim(), user.name]);
  const made = await asUser(cluster, user, 'google-authenticator -t -d -f -u -w 3 -Q none -e 0 -C -q');
  if (made.code !== 0) throw new Error(`no secret was made: ${made.stderr}`);
  const secretFile = join(user.home, '.google_authenticator');
  const secret = readFileSync(secretFile, 'utf8').split('\n')[0] ?? '';
  const serviceFile = pamServiceFile(cluster.prefix);
  const service = basename(serviceFile);
  await writeFile(serviceFile, `${pamLines.join('\n')}\n`);
  // sshd takes the name of its PAM service from its own.
  const program = `${directory}-program`;
  await mustRun('mkdir', [program]);
  await symlink('/usr/sbin/sshd', join(program, service));
  const sshd = await startSshd(directory, {
    environment: { SLURM_CONF: cluster.slurmConf },
    program: join(program, service),
    extraLines: ['UsePAM yes', 'KbdInteractiveAuthentication yes', `AuthenticationMethods ${methods}`],
  });
  return {
    sshd,
    password,
    code: async (ahead) => {
      const at = Math.floor(Date.now() / 1000) + 30 * ahead;
      return (await mustRun('oathtool', ['--totp', '-b', '--now', `@${at}`, secret])).stdout.trim();
    },
    async remove() {
      await stopSshd(sshd);
      await rm(serviceFile, { force: true });
      await rm(secretFile, { force: true });
      await mustRun('usermod', ['-p', '*', user.name]);
    },
  };
}
