import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Output } from '../../src/schedulers/scheduler.ts';

/** One recorded run of a scheduler's command; see `recording.ts` for what writes them. */
export interface Recorded extends Output {
  file: string;
  note: string;
  command: string;
}

const directory = fileURLToPath(new URL('../schedulers/recordings', import.meta.url));

/** All recorded commands of one system and version, such as `slurm-22.05.8`, in their order. */
export function recordings(system: string): Recorded[] {
  const files = readdirSync(join(directory, system)).sort();
  return files.flatMap((file) => parseRecording(file, readFileSync(join(directory, system, file))));
}

/** The systems and versions that were recorded. */
export function recordedSystems(): string[] {
  return readdirSync(directory).sort();
}

// The sizes are what tells a text that ends without a newline from one that ends with it, and a header from output.
function parseRecording(file: string, bytes: Buffer): Recorded[] {
  const found: Recorded[] = [];
  let at = 0;
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    const text = bytes.toString('utf8', at, end < 0 ? bytes.length : end);
    at = end < 0 ? bytes.length : end + 1;
    return text;
  };
  const stream = (header: string): string => {
    const size = Number(/\((\d+) bytes\)$/.exec(header)?.[1]);
    const text = bytes.toString('utf8', at, at + size);
    at += size;
    if (size > 0 && !text.endsWith('\n')) at += 1;
    return text;
  };
  while (at < bytes.length) {
    const notes: string[] = [];
    let text = line();
    while (!text.startsWith('$ ') && at < bytes.length) {
      if (text.startsWith('## ') && !text.startsWith('## at ')) notes.push(text.slice(3));
      text = line();
    }
    const command = text.slice(2);
    const stdout = stream(line());
    const stderr = stream(line());
    const code = Number(/^--- exit status: (\d+)/.exec(line())?.[1]);
    if (Number.isNaN(code)) throw new Error(`${file}: the recording of "${command}" is broken`);
    found.push({ file, note: notes.join(' '), command, stdout, stderr, code });
  }
  return found;
}
