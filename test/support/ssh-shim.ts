import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes `directory` hold an `ssh` that reads `configLines` and nothing of the real user's. To be put first on PATH.
 * Answers the path of the configuration.
 */
export async function writeSshShim(directory: string, configLines: readonly string[]): Promise<string> {
  await mkdir(directory, { recursive: true });
  const config = join(directory, 'config');
  await writeFile(config, `${configLines.join('\n')}\n`);
  await writeFile(join(directory, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${config}' "$@"\n`, { mode: 0o755 });
  return config;
}
