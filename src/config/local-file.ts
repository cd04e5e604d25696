import { isUtf8 } from 'node:buffer';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { failed, ok, type Result } from '../failure.ts';

/** Nothing this program reads as text is larger; a device or a wrong path is. */
const largestBytes = 16 * 1024 * 1024;

/**
 * The text of a local file, null when there is none. `guarded`: what the file says decides which commands run where,
 * so it is refused while anyone but its owner may write to it.
 */
export async function readLocalText(file: string, options: { guarded: boolean }): Promise<Result<string | null>> {
  try {
    // A FIFO without a writer would otherwise hold us here for ever.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return await textOf(handle, file, options.guarded);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ok(null);
    return unusable(file, systemReason(error));
  }
}

async function textOf(handle: FileHandle, file: string, guarded: boolean): Promise<Result<string>> {
  const status = await handle.stat();
  if (!status.isFile()) return unusable(file, 'it is not a regular file');
  if (status.size > largestBytes) return unusable(file, `it is larger than ${largestBytes} bytes`);
  if (guarded && (status.mode & 0o022) !== 0) {
    return unusable(file, `others may write to it; type: chmod 600 ${file}`);
  }
  const bytes = await handle.readFile();
  if (!isUtf8(bytes)) return failed({ kind: 'file-broken', file, line: null, reason: 'it is not UTF-8 text' });
  return ok(bytes.toString('utf8'));
}

/** A failure that says why a local file cannot be used. */
export function unusable(file: string, reason: string): ReturnType<typeof failed> {
  return failed({ kind: 'file-unusable', file, reason });
}

/** Whether `error` is the operating system's error `code`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/**
 * What the operating system said, without the path: `EACCES: permission denied`. An error that is none of the
 * system's is a bug and thrown on.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) throw error;
  return error.message.split(', ')[0] ?? error.code;
}
