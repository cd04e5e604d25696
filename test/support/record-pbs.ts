import { join } from 'node:path';
import { pbsSituations } from './pbs-situations.ts';
import { asUserBy, recordSituations } from './record-situations.ts';

/**
 * Runs the dialect's own commands on a real PBS in every situation it must read, and appends what they said to the
 * recordings below `parent`. `shell` is a program that runs `USER sh -c LINE` on a submit host of it: `ada` is an
 * ordinary user with nothing in the queue, `root` may stop and start the server.
 */
export async function recordPbs(shell: string, parent: string): Promise<string> {
  const as = asUserBy(shell);
  const version = (await as('ada', 'qstat --version')).stdout.trim().split(' ').at(-1) ?? '';
  return recordSituations(as, join(parent, `openpbs-${version}`), pbsSituations, () =>
    as('ada', 'for id in $(qselect -u ada -N g-campus); do qdel -W force "$id"; done'),
  );
}
