import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** A directory that holds all programs of the system but these, as the only one for a PATH. */
export function pathWithout(names: readonly string[], directory: string): string {
  mkdirSync(directory);
  const seen = new Set(names);
  for (const place of ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin']) {
    for (const name of namesIn(place)) {
      if (seen.has(name)) continue;
      seen.add(name);
      symlinkSync(join(place, name), join(directory, name));
    }
  }
  return directory;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
