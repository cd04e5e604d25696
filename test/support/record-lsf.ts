import { join } from 'node:path';
import { lsfSituations } from './lsf-situations.ts';
import { asUserBy, recordSituations } from './record-situations.ts';

/**
 * Runs the dialect's own commands on a real LSF or OpenLava in every situation it must read, and appends what they said
 * to the recordings below `parent`. `shell` is a program that runs `USER sh -c LINE` on a submit host of it: `ada` is an
 * ordinary user with no jobs, `root` may stop and start the daemons.
 */
export async function recordLsf(shell: string, parent: string): Promise<string> {
  const as = asUserBy(shell);
  const [, system = '', version = ''] = /^(\S+).* (\d+(?:\.\d+)+)/m.exec((await as('ada', 'lsid')).stdout) ?? [];
  return recordSituations(as, join(parent, `${system.toLowerCase()}-${version}`), lsfSituations);
}
