import { join } from 'node:path';
import { gridengineSituations } from './gridengine-situations.ts';
import { asUserBy, recordSituations } from './record-situations.ts';

/**
 * Runs the dialect's own commands on a real Grid Engine in every situation it must read, and appends what they said to
 * the recordings below `parent`. `shell` is a program that runs `USER sh -c LINE` on its one host: `ada` is an ordinary
 * user with no jobs and a directory `logs`, `sgeadmin` its manager, and `root` may stop and start the master.
 */
export async function recordGridengine(shell: string, parent: string): Promise<string> {
  const as = asUserBy(shell);
  const version = /\d+(?:\.\d+)+/.exec((await as('ada', 'qstat -help')).stdout)?.[0] ?? '';
  return recordSituations(as, join(parent, `gridengine-${version}`), gridengineSituations);
}
