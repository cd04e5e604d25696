import { renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Writes a file anew, for its owner alone, so that it is the old one or the new one, whole: what is not all there is not
 * put in its place. Throws the system's errors.
 */
export function replaceFile(file: string, text: string): void {
  const fresh = `${file}.${process.pid}.new`;
  try {
    writeFileSync(fresh, text, { mode: 0o600, flush: true });
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
