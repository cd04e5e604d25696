import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { appendRecording } from './recording.ts';
import { type Ran, run } from './run-program.ts';

/** Runs a line as ada (or another), records it, and answers what it said. */
export type Record = (command: string, note?: string, user?: string) => Promise<Ran>;

/** What is recorded of a batch system that is somebody's, by the name of its file. */
export type Situations = { readonly [file: string]: (record: Record) => Promise<void> };

/** Runs a line there as a user. */
export type AsUser = (user: string, command: string) => Promise<Ran>;

/** `shell` is a program that runs `USER sh -c LINE` on a submit host. */
export function asUserBy(shell: string): AsUser {
  return (user, command) => run(shell, [user, 'sh', '-c', command]);
}

/** Goes through every situation, and replaces what was recorded of it in `directory`. `before` clears the ground for each. */
export async function recordSituations(
  as: AsUser,
  directory: string,
  situations: Situations,
  before: () => Promise<unknown> = async () => {},
): Promise<string> {
  for (const [name, situation] of Object.entries(situations)) {
    await rm(join(directory, `${name}.txt`), { force: true });
    await before();
    await situation(async (command, note = '', user = 'ada') => {
      const ran = await as(user, command);
      await appendRecording(directory, name, { user, command, note, ran });
      return ran;
    });
  }
  return directory;
}
