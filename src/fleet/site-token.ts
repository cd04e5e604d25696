import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Profile } from '../config/schema.ts';
import { failed, ok, type Result } from '../failure.ts';

/** The site's token as its file has it. The text goes to the login host's stdin and nowhere else. */
export interface SiteToken {
  file: string;
  text: string;
}

/** Reads the token. Its file must be the user's alone: group and others may not even read it. */
export async function readToken(profile: Profile): Promise<Result<SiteToken>> {
  const file = localPath(profile.pilot.token);
  const site = profile.name;
  const unfit = (problem: 'missing' | 'unreadable' | 'too-open' | 'not-a-token', detail: string) =>
    failed({ kind: 'token-unusable', site, file, problem, detail });
  const facts = await stat(file).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown error');
  if (typeof facts === 'string') return unfit(facts === 'ENOENT' ? 'missing' : 'unreadable', facts);
  if ((facts.mode & 0o077) !== 0) return unfit('too-open', `mode ${(facts.mode & 0o777).toString(8)}`);
  if (facts.size > 65_536) return unfit('not-a-token', 'it is larger than 64 kB');
  const text = await readFile(file, 'utf8').then(
    (value) => ({ value: value.trim() }),
    (error: NodeJS.ErrnoException) => error.code ?? 'unknown error',
  );
  return typeof text === 'string' ? unfit('unreadable', text) : ok({ file, text: text.value });
}

/** `~` means this machine's home directory. */
export function localPath(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
