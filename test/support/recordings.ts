import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Output } from '../../src/schedulers/scheduler.ts';

/** One recorded run of a scheduler's command; see `recording.ts` for what writes them. */
export interface Recorded extends Output {
  file: string;
  note: string;
  command: string;
  /** When it was written down, in seconds since the epoch. */
  atSeconds: number;
  elapsedSeconds: number;
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

/**
 * The blocks of one file. Throws where anything is not as a recorder writes it: the rule above each block, its time, the
 * sizes in bytes, the exit status with the seconds it took. They are what tells a recording from what somebody typed,
 * and a text that ends without a newline from one that ends with it.
 */
export function parseRecording(file: string, bytes: Buffer): Recorded[] {
  const lines = new Lines(file, bytes);
  const found: Recorded[] = [];
  while (!lines.isOver()) {
    lines.expect(/^={78}$/);
    const [, time = ''] = lines.expect(/^## at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC {2}user=\S+$/);
    const notes: string[] = [];
    let text = lines.next();
    for (; text.startsWith('## '); text = lines.next()) notes.push(text.slice(3));
    if (!text.startsWith('$ ')) lines.complain('no command');
    let command = text.slice(2);
    // A command may have several lines.
    for (text = lines.next(); !text.startsWith('--- stdout ('); text = lines.next()) command += `\n${text}`;
    const stdout = lines.stream(text, 'stdout');
    const stderr = lines.stream(lines.next(), 'stderr');
    const end = /^--- exit status: (?:(\d+)|TIMEOUT\(\d+s, killed by recorder\)) {3}elapsed: (\d+\.\d{3})s$/;
    const [, status = '124', elapsed] = lines.expect(end);
    const atSeconds = Date.parse(`${time.replace(' ', 'T')}Z`) / 1000;
    const times = { atSeconds, elapsedSeconds: Number(elapsed) };
    found.push({ file, note: notes.join(' '), command, stdout, stderr, code: Number(status), ...times });
  }
  return found;
}

class Lines {
  private readonly file: string;
  private readonly bytes: Buffer;
  private at = 0;
  private number = 0;

  constructor(file: string, bytes: Buffer) {
    this.file = file;
    this.bytes = bytes;
  }

  isOver(): boolean {
    return this.at >= this.bytes.length;
  }

  next(): string {
    if (this.isOver()) this.complain('it ends in the middle of a block');
    const end = this.bytes.indexOf(10, this.at);
    const text = this.bytes.toString('utf8', this.at, end < 0 ? this.bytes.length : end);
    this.at = end < 0 ? this.bytes.length : end + 1;
    this.number += 1;
    return text;
  }

  expect(pattern: RegExp): RegExpExecArray {
    const text = this.next();
    return pattern.exec(text) ?? this.complain(`this is not what a recorder writes: ${text}`);
  }

  /** As many bytes as the header says, and a newline where they have none of their own. */
  stream(header: string, name: string): string {
    const size = Number(new RegExp(`^--- ${name} \\((\\d+) bytes\\)$`).exec(header)?.[1] ?? Number.NaN);
    if (Number.isNaN(size) || this.at + size > this.bytes.length) this.complain(`no ${name} of its size`);
    const text = this.bytes.toString('utf8', this.at, this.at + size);
    this.at += size;
    this.number += text.split('\n').length - 1;
    if (size > 0 && !text.endsWith('\n') && this.next() !== '') this.complain(`${name} has another size`);
    return text;
  }

  complain(what: string): never {
    throw new Error(`${this.file}, line ${this.number}: ${what}`);
  }
}
