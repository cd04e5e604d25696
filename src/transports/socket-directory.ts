import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import type { Endpoint } from './transport.ts';

/**
 * Where the control sockets of our own connections are. The same for a person at a terminal and for cron: nothing in it
 * depends on the environment. Short, since a socket's path may have about 100 bytes, of which `ssh` needs 17 while it
 * makes one; and on this machine's own disk, since a socket that is seen on another machine leads nowhere there.
 */
export function socketDirectory(): string {
  return `/tmp/glidein-${ownUserId()}`;
}

/** -1 where a system has no such thing. */
function ownUserId(): number {
  return process.getuid?.() ?? -1;
}

/** The control socket of the connection that `login` opens for this host, port, user and key, as the profile names them. */
export function lastingSocket({ host, port, user, identityFile }: Endpoint): string {
  const names = JSON.stringify([host.toLowerCase(), port, user, identityFile]);
  return join(socketDirectory(), createHash('sha256').update(names).digest('hex').slice(0, 20));
}

/** Makes the directory, ours alone. In a place where everybody may write, one that is somebody else's is refused. */
export async function prepareSocketDirectory(directory = socketDirectory()): Promise<Result<string>> {
  const refuse = (reason: string) => failed({ kind: 'file-unusable' as const, file: directory, reason });
  try {
    await mkdir(directory, { mode: 0o700 }).catch(unlessThere);
    const wrong = await whyUnsafe(directory);
    return wrong === null ? ok(directory) : refuse(wrong);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Whether the directory is there and ours alone. In another, whoever made it could answer at a socket as a master does, and
 * be given what is meant for the login host.
 */
export async function hasSafeSockets(directory = socketDirectory()): Promise<boolean> {
  return (await whyUnsafe(directory).catch(() => 'it is not there')) === null;
}

async function whyUnsafe(directory: string): Promise<string | null> {
  const facts = await lstat(directory);
  if (!facts.isDirectory() || facts.uid !== ownUserId()) return 'it is not a directory of yours';
  return (facts.mode & 0o077) === 0 ? null : `others may look into it; type: chmod 700 ${directory}`;
}

/** A new directory in it for one connection of one process, who removes it. Those of processes that were killed go too. */
export async function ownDirectory(): Promise<Result<string>> {
  const prepared = await prepareSocketDirectory();
  if (!prepared.ok) return prepared;
  await removeOld(prepared.value);
  return ok(await mkdtemp(join(prepared.value, prefix)));
}

const prefix = 'p-';

/** No pass is this long. */
const oldMilliseconds = 24 * 3600 * 1000;

async function removeOld(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue;
    const facts = await stat(join(directory, name)).catch(() => null);
    if (facts === null || facts.mtimeMs > Date.now() - oldMilliseconds) continue;
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => {});
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
