import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { withFileLock } from '../config/file-lock.ts';
import { hasCode, systemReason, unusable } from '../config/local-file.ts';
import { replaceFile } from '../config/replaced-file.ts';
import { ok, type Result } from '../failure.ts';
import { type HistoryLine, passLine, pilotLine, readLines, timeOf } from './history-lines.ts';
import { Lives, newsIn, type PilotLife } from './pilot-lives.ts';
import type { SiteReport } from './site-report.ts';

/**
 * What happened at a site: one append-only file of lines, written under a lock. Each line is one write, so that writers
 * who got past the lock would not mix theirs; what a killed writer left unfinished gets a line end of its own.
 */

/** Older lines are thrown away, once so much more of them has gathered. */
const keptDays = 400;
const pruneAfterDays = 30;
/** A diary is not worth a long wait. The lock of a killed holder is free after 5 s. */
const patienceMilliseconds = 15_000;

const day = 24 * 3600 * 1000;

/**
 * Writes down a pass, and what it saw of pilots that nobody wrote down before. Answers why it could not, or null.
 * `now` is milliseconds since the epoch, by this machine's clock.
 */
export async function appendHistory(dataDir: string, report: SiteReport, now: number): Promise<string | null> {
  const file = historyFile(dataDir, report.site);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const done = await withFileLock(file, () => written(file, report, now), patienceMilliseconds);
    if (done.ok) return null;
    return done.failure.kind === 'file-unusable' ? `${file}: ${done.failure.reason}` : `${file}: others hold its lock`;
  } catch (error) {
    // A pass that did its work is not a failure because its diary is full: the caller warns.
    return `${file}: ${systemReason(error)}`;
  }
}

/** A site's lines since then (milliseconds since the epoch), in the order in which they were written. No file: none. */
export function readHistory(dataDir: string, site: string, since: number): Result<HistoryLine[]> {
  const file = historyFile(dataDir, site);
  try {
    return ok(readLines(readFileSync(file, 'utf8')).filter(({ at }) => at >= since));
  } catch (error) {
    return hasCode(error, 'ENOENT') ? ok([]) : unusable(file, systemReason(error));
  }
}

function historyFile(dataDir: string, site: string): string {
  return join(dataDir, 'history', `${site}.jsonl`);
}

// Reading and writing at once: handing a line to the thread pool takes longer than writing it.
async function written(file: string, report: SiteReport, now: number): Promise<Result<null>> {
  if (isOld(file, now)) prune(file, now);
  const news = newsIn(report, knownLives(file, now), now);
  append(file, [passLine(report, now), ...news.map((line) => pilotLine(report.site, line))]);
  return ok(null);
}

function append(file: string, lines: readonly string[]): void {
  const descriptor = openSync(file, 'a+', 0o600);
  try {
    if (endsInTheMiddle(descriptor)) writeLine(descriptor, '');
    for (const line of lines) writeLine(descriptor, line);
    if (fstatSync(descriptor).ino === statSync(file).ino) return;
  } finally {
    closeSync(descriptor);
  }
  // We were held up so long that our lock was taken, and the file was written anew.
  append(file, lines);
}

/** What is written in part only, as on a full disk, was not written. */
function writeLine(descriptor: number, line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  if (writeSync(descriptor, bytes) === bytes.length) return;
  throw Object.assign(new Error('ENOSPC: no room for a whole line'), { code: 'ENOSPC' });
}

function endsInTheMiddle(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  return size > 0 && textAt(descriptor, size - 1, 1) !== '\n';
}

function textAt(descriptor: number, position: number, length: number): string {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position)).toString('utf8');
}

/** Whether the first line is so old that it is time to throw some away. */
function isOld(file: string, now: number): boolean {
  const [first = ''] = reading(file, (descriptor) => textAt(descriptor, 0, 4096).split('\n')) ?? [];
  const at = timeOf(first);
  return at !== null && at < now - (keptDays + pruneAfterDays) * day;
}

/** Writes the file anew, without what is too old: killed in the middle, it leaves the old one. */
function prune(file: string, now: number): void {
  const lines = readFileSync(file, 'utf8').split('\n');
  const kept = lines.filter((line) => (timeOf(line) ?? 0) >= now - keptDays * day);
  replaceFile(file, kept.map((line) => `${line}\n`).join(''));
  rmSync(checkpointFile(file), { force: true });
}

/**
 * What is known of pilots after so many bytes of the file: nothing that the file does not say, but quicker to read. It
 * has those that live, and those that ended so lately that a pass could see them end.
 */
interface Checkpoint {
  inode: number;
  offset: number;
  lives: readonly PilotLife[];
}

/** So much is read again by each pass, at most. */
const checkpointEveryBytes = 64 * 1024;
const endsKnownForSeconds = 30 * 24 * 3600;

/** The lives that the file tells of, by id. */
function knownLives(file: string, now: number): Lives['latest'] {
  const read = reading(file, (descriptor) => {
    const { ino: inode, size } = fstatSync(descriptor);
    const before = checkpointOf(file, inode, size);
    const text = textAt(descriptor, before.offset, size - before.offset);
    // The last line may be unfinished; the next reader begins with it.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lives = new Lives(before.lives);
    for (const line of readLines(whole)) if (line.kind === 'pilot') lives.take(line);
    const offset = before.offset + Buffer.byteLength(whole);
    if (offset - before.offset > checkpointEveryBytes) keep(file, { inode, offset, lives: worthKeeping(lives, now) });
    return lives.latest;
  });
  return read ?? new Map();
}

function worthKeeping({ latest }: Lives, now: number): PilotLife[] {
  const since = now / 1000 - endsKnownForSeconds;
  return [...latest.values()].filter(({ endedAt, toldAt }) => endedAt === null || toldAt >= since);
}

function checkpointOf(file: string, inode: number, size: number): Checkpoint {
  try {
    const kept: Checkpoint = JSON.parse(readFileSync(checkpointFile(file), 'utf8'));
    if (kept.inode === inode && kept.offset <= size && Array.isArray(kept.lives)) return kept;
  } catch {
    // It is not there, or not whole: the file itself says the same.
  }
  return { inode, offset: 0, lives: [] };
}

function keep(file: string, checkpoint: Checkpoint): void {
  replaceFile(checkpointFile(file), JSON.stringify(checkpoint));
}

function checkpointFile(file: string): string {
  return `${file}.lives`;
}

/** What `read` finds in the file; null where there is none. */
function reading<T>(file: string, read: (descriptor: number) => T): T | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  try {
    return read(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
