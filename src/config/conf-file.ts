import { basename, dirname } from 'node:path';
import Conf from 'conf';
import type { Result } from '../failure.ts';
import { writeWhole } from './whole-write.ts';

/**
 * Writes a JSON file of ours, which then is the new one or the old one, whole. Only to be called under the file's lock.
 *
 * conf writes a new file beside the old one and renames, so that a killed writer leaves the old one. A `Conf` is made
 * for this one write, under the lock, so that it can have nothing stale.
 */
export function writeConfFile(file: string, value: Record<string, unknown>): Promise<Result<null>> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  return writeWhole(file, text, (real) => {
    const conf = new Conf<Record<string, unknown>>({
      cwd: dirname(real),
      configName: basename(real),
      fileExtension: '',
      configFileMode: 0o600,
      accessPropertiesByDotNotation: false,
      serialize: () => text,
      // What is there is replaced, and was read by those who asked for this; here it need not even be JSON.
      clearInvalidConfig: true,
    });
    writeByRename(() => {
      conf.store = value;
    });
  });
}

/**
 * conf 15 writes in place, not by rename, where it believes to be inside a snap package, and so it believes in every
 * terminal that a snap-packaged editor opened.
 */
function writeByRename(action: () => void): void {
  const snap = process.env['SNAP'];
  delete process.env['SNAP'];
  try {
    action();
  } finally {
    if (snap !== undefined) process.env['SNAP'] = snap;
  }
}
