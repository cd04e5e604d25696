import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { failed, ok, type Result } from '../failure.ts';

/** The program of this machine that builds images. */
export interface Builder {
  program: string;
  /** With its version, as it says it: `apptainer 1.4.5`. */
  version: string;
}

const runtimes = ['apptainer', 'singularity'];

/** The one that a person named, else the first on the PATH that can say its version. */
export async function findBuilder(named: string | null): Promise<Result<Builder>> {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const onPath = runtimes.flatMap((name) => directories.map((directory) => join(directory, name)));
  for (const program of named === null ? onPath : [named]) {
    const version = await versionOf(program);
    if (version !== null) return ok({ program, version });
  }
  return failed({ kind: 'builder-missing', looked: named ?? 'on the PATH' });
}

/** null: there is no such program, or it is none. */
async function versionOf(program: string): Promise<string | null> {
  try {
    await access(program, constants.X_OK);
    const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 20_000, encoding: 'utf8' });
    const [first = ''] = stdout.trim().split('\n');
    return first === '' ? null : first.replace(' version ', ' ').slice(0, 80);
  } catch {
    return null;
  }
}
