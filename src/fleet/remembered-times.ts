import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlainObject } from '../config/profile-keys.ts';
import type { Context } from '../context.ts';

/** When things were done last, by a key, in milliseconds since the epoch: so that passes do not do them again and again. */
export type Times = ReadonlyMap<string, number>;

/** Whether it is that long ago, or never was. A clock that was set back must not put it off for longer. */
export function isDue(doneAt: number | undefined, everyMilliseconds: number, now: number): boolean {
  return doneAt === undefined || now < doneAt || now - doneAt >= everyMilliseconds;
}

/** What is remembered; nothing where there is no such file, or nobody can read it. */
export async function readTimes(dataDir: string, name: string): Promise<Times> {
  const text = await readFile(fileIn(dataDir, name), 'utf8').catch(() => '');
  try {
    const value: unknown = JSON.parse(text);
    const entries = isPlainObject(value) ? Object.entries(value) : [];
    return new Map(entries.flatMap(([key, at]) => (typeof at === 'number' ? [[key, at] as const] : [])));
  } catch {
    return new Map();
  }
}

/** Remembers these, but for those older than `keepMilliseconds`. Only a saving: where it cannot be kept, that is noted. */
export async function writeTimes(
  dataDir: string,
  name: string,
  { times, keepMilliseconds }: { times: Times; keepMilliseconds: number },
  context: Context,
): Promise<void> {
  const now = context.now();
  const recent = [...times].filter(([, at]) => now - at < keepMilliseconds);
  const file = fileIn(dataDir, name);
  const own = `${file}.${process.pid}.new`;
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(own, JSON.stringify(Object.fromEntries(recent)), { mode: 0o600 });
    await rename(own, file);
  } catch (error) {
    const text = `${name} cannot be remembered: ${error instanceof Error ? error.message : error}`;
    context.emit({ kind: 'note', site: null, text });
  }
}

function fileIn(dataDir: string, name: string): string {
  return join(dataDir, `${name}.json`);
}
