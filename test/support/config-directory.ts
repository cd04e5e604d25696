import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** A configuration directory of its own for every test of the file that calls this; removed after it. */
export function useConfigDirectory(): {
  readonly path: string;
  write(name: string, text: string, mode?: number): string;
} {
  let base = '';
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'glidein-config-'));
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));
  const path = () => join(base, 'config');
  return {
    /** It does not exist before something makes it. */
    get path() {
      return path();
    },
    /** Writes a file in it, `sites/campus.json`, and answers the whole path. */
    write(name, text, mode = 0o600) {
      const file = join(path(), name);
      mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
      writeFileSync(file, text, { mode });
      return file;
    },
  };
}
