import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './run-program.ts';
import { passwdEntry } from './test-users.ts';

/**
 * Starts a munged below `prefix` with its own key and socket, so that one the machine may already run is neither used
 * nor disturbed. Answers the socket, for Slurm's `AuthInfo`.
 */
export async function startMunge(prefix: string): Promise<{ socket: string }> {
  const { uid, gid } = passwdEntry('munge');
  const directory = join(prefix, 'munge');
  await mkdir(directory, { mode: 0o755 });
  await chown(directory, uid, gid);
  const keyFile = join(directory, 'munge.key');
  await writeFile(keyFile, randomBytes(128), { mode: 0o400 });
  await chown(keyFile, uid, gid);
  await chmod(keyFile, 0o400);
  const files = { socket: 'socket', 'pid-file': 'munged.pid', 'log-file': 'munged.log', 'seed-file': 'munge.seed' };
  const options = Object.entries(files).map(([option, name]) => `--${option}=${join(directory, name)}`);
  await mustRun('/usr/sbin/munged', [`--key-file=${keyFile}`, ...options], { uid, gid, cwd: directory });
  return { socket: join(directory, 'socket') };
}
