import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ran } from './run-program.ts';

/** One command as it was run, with what came of it. */
export interface RecordedCommand {
  user: string;
  command: string;
  /** The situation it was run in; empty when the command says enough. */
  note: string;
  ran: Ran;
}

/** Appends the command to `directory/name.txt`, in the block format that all recordings of schedulers have. */
export async function appendRecording(directory: string, name: string, recorded: RecordedCommand): Promise<void> {
  await mkdir(directory, { recursive: true });
  await appendFile(join(directory, `${name}.txt`), block(recorded, new Date()));
}

function block({ user, command, note, ran }: RecordedCommand, at: Date): string {
  const time = at.toISOString().replace('T', ' ').slice(0, 19);
  return [
    '='.repeat(78),
    `## at ${time} UTC  user=${user}`,
    ...(note === '' ? [] : [`## ${note}`]),
    `$ ${command}`,
    ...stream('stdout', ran.stdout),
    ...stream('stderr', ran.stderr),
    `--- exit status: ${ran.code}   elapsed: ${ran.seconds.toFixed(3)}s\n`,
  ].join('\n');
}

// The size tells a text that ends without a newline from one that has it.
function stream(name: string, text: string): string[] {
  const head = `--- ${name} (${Buffer.byteLength(text)} bytes)`;
  return text === '' ? [head] : [head, text.replace(/\n$/, '')];
}
