import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFileLock } from '../config/file-lock.ts';
import { systemReason, unusable } from '../config/local-file.ts';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, ok, type Result } from '../failure.ts';
import { isoTime } from '../iso-time.ts';
import type { LoginBrake, LoginEnd } from '../transports/login-brake.ts';
import { loginHostOf } from './login-host-of.ts';

/**
 * What failed logins leave behind on this side, for all processes and both transports: servers, and those who watch them,
 * lock out who tries again and again. One small file for each host, port and user, as profiles name them; none where all
 * is well.
 */

/** Whether somebody is there to log in. Without, what was refused once is not tried again. */
export interface Tries {
  byPerson: boolean;
}

/** How long nobody tries after a first drop; each further one doubles it. */
const firstQuietMilliseconds = 10_000;
const longestQuietMilliseconds = 600_000;

interface Memory {
  /** Drops since the last good login. */
  drops: number;
  /** Nobody tries before (milliseconds since the epoch), and why. */
  quietUntil: number;
  dropReason: string;
  /** By what `loginHostOf` says of the profile: one that is changed is tried anew. */
  refusals: Record<string, Refusal>;
}

/** A login that was refused; or one that a person made, which without one would be. */
interface Refusal {
  at: number;
  reason: string;
  /** What to type so that passes can log in, where that is more than to log in. */
  remedy?: string;
  /** Who can be asked may try. */
  takesPerson?: boolean;
}

const nothing: Memory = { drops: 0, quietUntil: 0, dropReason: '', refusals: {} };

/** The brake of this profile's login host. */
export function loginBrake(profile: Profile, dataDir: string, { byPerson }: Tries, context: Context): LoginBrake {
  const file = memoryFile(dataDir, profile);
  let isThere = false;
  return {
    async holds() {
      const memory = await readMemory(file);
      isThere = memory !== null;
      const tries = { byPerson, canAsk: context.ask !== null };
      return memory === null ? null : heldBy(memory, profile, tries, context.now());
    },
    async learn(end) {
      if (end.kind === 'logged in' && end.person === null && !isThere) return;
      const written = await change(file, (before) => after(before, end, profile, context.now()));
      if (written.ok) return;
      const text = `how the login went cannot be remembered in ${file}`;
      context.emit({ kind: 'warning', site: profile.name, text });
    },
  };
}

/** The file in which a login in the making is known to other processes by its lock. */
export async function loginLockFile(dataDir: string, profile: Profile): Promise<Result<string>> {
  const made = await prepareDirectory(dataDir);
  return made.ok ? ok(memoryFile(dataDir, profile).replace(/\.json$/, '.login')) : made;
}

async function prepareDirectory(dataDir: string): Promise<Result<void>> {
  const directory = join(dataDir, 'logins');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return ok(undefined);
  } catch (error) {
    return unusable(directory, systemReason(error));
  }
}

function memoryFile(dataDir: string, { connection }: Profile): string {
  const names = JSON.stringify([connection.host.toLowerCase(), connection.port, connection.user]);
  return join(dataDir, 'logins', `${createHash('sha256').update(names).digest('hex').slice(0, 20)}.json`);
}

function heldBy(
  memory: Memory,
  profile: Profile,
  { byPerson, canAsk }: Tries & { canAsk: boolean },
  now: number,
): Failure | null {
  const { name: site, connection } = profile;
  const target = connection.user === null ? connection.host : `${connection.user}@${connection.host}`;
  const left = memory.quietUntil - now;
  // A clock that was set back must not keep anybody out for longer.
  if (left > 0 && left <= longestQuietMilliseconds) {
    const seconds = Math.ceil(left / 1000);
    const reason = `the last try failed (${memory.dropReason}); so that nobody is locked out, the next one may be made in ${seconds} s`;
    const hint = `wait ${seconds} s, then: glidein status ${site} --verbose`;
    return { kind: 'unreachable', site, target, stage: 'handshake', reason, hint };
  }
  const refusal = memory.refusals[loginHostOf(profile)];
  if (refusal === undefined || byPerson || (refusal.takesPerson === true && canAsk)) return null;
  const hint = refusal.remedy === undefined ? {} : { hint: refusal.remedy };
  return { kind: 'login-needed', site, target, why: whyHeld(refusal), ...hint };
}

function whyHeld({ at, reason, takesPerson }: Refusal): string {
  const when = isoTime(Math.floor(at / 1000)) ?? 'before';
  if (takesPerson === true) {
    return `a person logged in before (${when}: ${reason}); so that nobody is locked out, it is not tried where nobody can be asked`;
  }
  return `the login was refused (${when}: ${reason}); so that nobody is locked out, it is not tried again before you log in`;
}

function after(before: Memory, end: LoginEnd, profile: Profile, now: number): Memory {
  const { [loginHostOf(profile)]: _this, ...others } = before.refusals;
  const remembering = (refusal: Refusal) => ({ ...nothing, refusals: { ...others, [loginHostOf(profile)]: refusal } });
  switch (end.kind) {
    case 'logged in': {
      const { person } = end;
      if (person === null) return { ...nothing, refusals: others };
      return remembering({ at: now, reason: `it took ${person.what}`, remedy: person.remedy, takesPerson: true });
    }
    case 'refused': {
      // An answer of the server: the way to it is good.
      const remedy = end.person === null ? {} : { remedy: end.person.remedy };
      return remembering({ at: now, reason: end.reason, ...remedy });
    }
    case 'dropped': {
      const quiet = Math.min(firstQuietMilliseconds * 2 ** before.drops, longestQuietMilliseconds);
      return { ...before, drops: before.drops + 1, quietUntil: now + quiet, dropReason: end.reason };
    }
  }
}

async function change(file: string, next: (before: Memory) => Memory): Promise<Result<void>> {
  const made = await prepareDirectory(join(file, '..', '..'));
  if (!made.ok) return made;
  return withFileLock(file, async () => {
    try {
      const memory = next((await readMemory(file)) ?? nothing);
      if (memory.drops === 0 && Object.keys(memory.refusals).length === 0) await rm(file, { force: true });
      else await writeWhole(file, JSON.stringify(memory));
      return ok(undefined);
    } catch (error) {
      return unusable(file, systemReason(error));
    }
  });
}

/** Under the file's lock. Who reads meanwhile sees the old file or the new one. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** null: there is none, or nothing that was kept here. */
async function readMemory(file: string): Promise<Memory | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const { drops, quietUntil, dropReason, refusals } = JSON.parse(text) as Memory;
    const isWhole = typeof drops === 'number' && typeof quietUntil === 'number' && typeof dropReason === 'string';
    return isWhole && typeof refusals === 'object' && refusals !== null
      ? { drops, quietUntil, dropReason, refusals }
      : null;
  } catch {
    return null;
  }
}
