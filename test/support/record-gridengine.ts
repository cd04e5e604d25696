import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gridengineSituations } from './gridengine-situations.ts';
import { appendRecording } from './recording.ts';
import { type Ran, run } from './run-program.ts';

/**
 * Runs the dialect's own commands on a real Grid Engine in every situation it must read, and appends what they said to
 * the recordings below `parent`. `shell` is a program that runs `USER sh -c LINE` on its one host: `ada` is an ordinary
 * user with no jobs and a directory `logs`, `sgeadmin` its manager, and `root` may stop and start the master.
 */
export async function recordGridengine(shell: string, parent: string): Promise<string> {
  const as = (user: string, command: string): Promise<Ran> => run(shell, [user, 'sh', '-c', command]);
  const version = /\d+(?:\.\d+)+/.exec((await as('ada', 'qstat -help')).stdout)?.[0] ?? '';
  const directory = join(parent, `gridengine-${version}`);
  for (const [name, situation] of Object.entries(gridengineSituations)) {
    await rm(join(directory, `${name}.txt`), { force: true });
    await situation(async (command, note = '', user = 'ada') => {
      const ran = await as(user, command);
      await appendRecording(directory, name, { user, command, note, ran });
      return ran;
    });
  }
  return directory;
}
