import { copyFile, link, readdir, readFile, realpath, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ok, type Result } from '../failure.ts';
import { hasCode, systemReason, unusable } from './local-file.ts';

/**
 * Has `write` replace a file by `text` and sees to it that the file then is the new or the old one, whole. `write` gets
 * the file to replace, which is elsewhere where `file` is a link. Only to be called under the file's lock.
 */
export async function writeWhole(file: string, text: string, write: (file: string) => void): Promise<Result<null>> {
  try {
    const real = await followed(file);
    await removeLeftovers(real);
    return await orAsBefore(real, text, () => write(real));
  } catch (error) {
    return unusable(file, systemReason(error));
  }
}

/**
 * Runs `write` and looks whether all of `text` arrived. On a disk that fills up in the middle, conf 15 takes a write
 * that was cut short for a whole one and puts it in place (run); then the old file is put back.
 */
async function orAsBefore(file: string, text: string, write: () => void): Promise<Result<null>> {
  const kept = `${file}.tmp-kept`;
  const existed = await keep(file, kept);
  try {
    write();
    if ((await readFile(file, 'utf8')) === text) return ok(null);
    await (existed ? rename(kept, file) : unlink(file));
    return unusable(file, 'only a part of it could be written, as on a full disk; it is as it was before');
  } finally {
    await rm(kept, { force: true });
  }
}

/** Gives the file a second name, which takes no space; a copy where the file system has no links. False: no file. */
async function keep(file: string, kept: string): Promise<boolean> {
  try {
    await link(file, kept).catch(() => copyFile(file, kept));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Where a link leads: the file that will be replaced. */
async function followed(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return file;
    throw error;
  }
}

/** A killed writer leaves its new file under a name of its own; nobody else would ever remove it. */
async function removeLeftovers(file: string): Promise<void> {
  const names = await readdir(dirname(file));
  const leftovers = names.filter((name) => name.startsWith(`${basename(file)}.tmp-`));
  for (const name of leftovers) await unlink(join(dirname(file), name));
}
