import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { withFileLock } from '../config/file-lock.ts';
import { hasCode, systemReason, unusable } from '../config/local-file.ts';
import { ok, type Result } from '../failure.ts';

/**
 * The directories of builds under way: `work/NAME.build` in the store, and one of its own wherever a build unpacks, which the
 * former names before it is made. Both are under the lock of the name: what a killed build left is known by nobody holding it.
 */

/** Where one build works. */
export interface BuildSite {
  /** On the store's disk: the image is made here. */
  directory: string;
  /** What is pulled and unpacked. */
  scratch: string;
}

/** Makes the directories of a build. Only to be called under the lock of its name. */
export async function openBuildSite(storeDirectory: string, name: string, place: string): Promise<BuildSite> {
  const directory = workOf(storeDirectory, name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const scratch = join(place, `${scratchPrefix}${randomBytes(8).toString('hex')}`);
  await writeFile(join(directory, scratchNote), scratch, { mode: 0o600 });
  await mkdir(scratch, { mode: 0o700 });
  return { directory, scratch };
}

/** Removes what a build of this name made but its image. Only to be called under the lock of its name. */
export async function closeBuildSite(storeDirectory: string, name: string): Promise<void> {
  const directory = workOf(storeDirectory, name);
  const scratch = await readFile(join(directory, scratchNote), 'utf8').catch(() => '');
  if (await isScratch(scratch)) await removeTree(scratch);
  await removeTree(directory);
}

/** What builds of a name lock: it need not exist, its directory is made. */
export async function buildLock(storeDirectory: string, name: string): Promise<string> {
  await mkdir(join(storeDirectory, 'work'), { recursive: true, mode: 0o700 });
  return workOf(storeDirectory, name);
}

/** Removes what builds left that were killed; those under way are left alone. Answers how many it removed. */
export async function clearDeadBuilds(storeDirectory: string): Promise<number> {
  const names = await readdir(join(storeDirectory, 'work')).catch(() => []);
  let cleared = 0;
  for (const name of names.filter((one) => one.endsWith(workEnding))) {
    const closing = await withFileLock(
      join(storeDirectory, 'work', name),
      () => closed(storeDirectory, name),
      tryOnceMilliseconds,
    );
    if (closing.ok) cleared += 1;
  }
  return cleared;
}

async function closed(storeDirectory: string, workName: string): Promise<Result<void>> {
  try {
    return ok(await closeBuildSite(storeDirectory, workName.slice(0, -workEnding.length)));
  } catch (error) {
    return unusable(join(storeDirectory, 'work', workName), systemReason(error));
  }
}

/** Long enough to find a lock free, or to take over a dead one's. */
const tryOnceMilliseconds = 300;
const workEnding = '.build';
const scratchPrefix = 'glidein-build-';
const scratchNote = 'scratch';

function workOf(storeDirectory: string, name: string): string {
  return join(storeDirectory, 'work', `${name}${workEnding}`);
}

/** Only what was surely made here is removed outside the store. */
async function isScratch(path: string): Promise<boolean> {
  if (!path.startsWith('/') || !/^glidein-build-[0-9a-f]{16}$/.test(basename(path))) return false;
  const facts = await lstat(path).catch(() => null);
  return facts?.isDirectory() === true && facts.uid === process.getuid?.();
}

/** Removes a tree. Images hold directories that not even their owner may write to. */
async function removeTree(path: string): Promise<void> {
  const all = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 };
  try {
    await rm(path, all);
  } catch (error) {
    if (!hasCode(error, 'EACCES') && !hasCode(error, 'EPERM') && !hasCode(error, 'ENOTEMPTY')) throw error;
    await openUp(path);
    await rm(path, all);
  }
}

async function openUp(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(directory, entry.name));
  }
}
