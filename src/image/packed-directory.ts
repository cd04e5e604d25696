import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';

/**
 * A directory as one tar file whose bytes depend on nothing but names, contents, links and modes: not on owners, times,
 * or the order in which a file system lists its files.
 */

/** What is packed, each name relative to the directory and with `./` in front, parents before children. */
export type PackingList = readonly string[];

/**
 * What a directory holds, `leaveOut` at its top excepted. Fails for what cannot be packed (a socket, a device), and for what
 * cannot be read.
 */
export async function packingList(directory: string, leaveOut: readonly string[]): Promise<Result<PackingList>> {
  const names: string[] = [];
  const visit = async (below: string): Promise<string | null> => {
    const entries = await readdir(join(directory, below));
    const kept = below === '.' ? entries.filter((name) => !leaveOut.includes(name)) : entries;
    for (const entry of kept.sort(byCodeUnits)) {
      const name = `${below}/${entry}`;
      const facts = await lstat(join(directory, name));
      if (!facts.isDirectory() && !facts.isFile() && !facts.isSymbolicLink()) return name;
      names.push(name);
      const odd = facts.isDirectory() ? await visit(name) : null;
      if (odd !== null) return odd;
    }
    return null;
  };
  try {
    const odd = await visit('.');
    if (odd === null) return ok(names);
    return failed({
      kind: 'file-unusable',
      file: join(directory, odd),
      reason: 'it is no file, directory or link, so it cannot be sent',
    });
  } catch (error) {
    return failed(unreadable(directory, error));
  }
}

function byCodeUnits(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** A local file that a system call refused: its own words. */
export function unreadable(file: string, error: unknown): { kind: 'file-unusable'; file: string; reason: string } {
  return { kind: 'file-unusable', file, reason: error instanceof Error ? error.message : String(error) };
}

const pieceBytes = 256 * 1024;

/**
 * The tar file, as it is read; rejects when something in the directory changes or cannot be read meanwhile. Group and
 * others lose the right to write, and the owner has it: the same tree checked out under another umask is the same.
 */
export async function* packed(directory: string, list: PackingList): AsyncGenerator<Uint8Array> {
  const { Pack } = await import('tar');
  // A file with two names is packed twice: which of them is the link is an accident of copying.
  const linkCache = new Map();
  linkCache.get = () => undefined;
  const pack = new Pack({
    cwd: directory,
    portable: true,
    mtime: new Date(0),
    noDirRecurse: true,
    strict: true,
    linkCache,
    // One file at a time, in small pieces: what is sent slowly must not lie in memory meanwhile.
    jobs: 1,
    maxReadSize: pieceBytes,
  });
  // It may tell of an error when nobody waits for the next piece; the one who waits then is told again.
  pack.on('error', () => {});
  for (const name of list) pack.add(name);
  pack.end();
  yield* pack;
}
