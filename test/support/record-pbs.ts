import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pbsSituations } from './pbs-situations.ts';
import { appendRecording } from './recording.ts';
import { type Ran, run } from './run-program.ts';

/**
 * Runs the dialect's own commands on a real PBS in every situation it must read, and appends what they said to the
 * recordings below `parent`. `shell` is a program that runs `USER sh -c LINE` on a submit host of it: `ada` is an
 * ordinary user with nothing in the queue, `root` may stop and start the server.
 */
export async function recordPbs(shell: string, parent: string): Promise<string> {
  const as = (user: string, command: string): Promise<Ran> => run(shell, [user, 'sh', '-c', command]);
  const version = (await as('ada', 'qstat --version')).stdout.trim().split(' ').at(-1) ?? '';
  const directory = join(parent, `openpbs-${version}`);
  for (const [name, situation] of Object.entries(pbsSituations)) {
    await rm(join(directory, `${name}.txt`), { force: true });
    await as('ada', 'for id in $(qselect -u ada -N g-campus); do qdel -W force "$id"; done');
    await situation(async (command, note = '', user = 'ada') => {
      const ran = await as(user, command);
      await appendRecording(directory, name, { user, command, note, ran });
      return ran;
    });
  }
  return directory;
}
