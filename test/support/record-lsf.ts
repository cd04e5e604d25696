import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lsfSituations } from './lsf-situations.ts';
import { appendRecording } from './recording.ts';
import { type Ran, run } from './run-program.ts';

/**
 * Runs the dialect's own commands on a real LSF or OpenLava in every situation it must read, and appends what they said
 * to the recordings below `parent`. `shell` is a program that runs `USER sh -c LINE` on a submit host of it: `ada` is an
 * ordinary user with no jobs, `root` may stop and start the daemons.
 */
export async function recordLsf(shell: string, parent: string): Promise<string> {
  const as = (user: string, command: string): Promise<Ran> => run(shell, [user, 'sh', '-c', command]);
  const [, system = '', version = ''] = /^(\S+).* (\d+(?:\.\d+)+)/m.exec((await as('ada', 'lsid')).stdout) ?? [];
  const directory = join(parent, `${system.toLowerCase()}-${version}`);
  for (const [name, situation] of Object.entries(lsfSituations)) {
    await rm(join(directory, `${name}.txt`), { force: true });
    await situation(async (command, note = '', user = 'ada') => {
      const ran = await as(user, command);
      await appendRecording(directory, name, { user, command, note, ran });
      return ran;
    });
  }
  return directory;
}
