import { commandLine } from '../shell.ts';
import type { JobState } from './scheduler.ts';

/** Pieces of text that several of LSF's clients want or print alike. */

/**
 * A client that gives up: by default they repeat their question for ever. Its times are in UTC, with the year where it
 * knows the wish (IBM's; OpenLava 4 prints none).
 */
export function client(...words: readonly string[]): string {
  return commandLine(['env', 'LC_ALL=C', 'TZ=UTC0', 'LSB_NTRIES=2', 'LSB_DISPLAY_YEAR=Y', ...words]);
}

// What the clients print, on either stream, while they wait for a daemon. An answer follows, or the client's failure.
const waiting = [
  /^(?:Cannot connect to LSF|LSF is down|LSF is processing your request)\.? Please wait\s*\.*$/,
  /daemon(?: \(LIM\))? not responding \.\.\. still trying$/,
  /Pending job threshold reached\. Retrying in \d+ seconds\.*$/,
];

// Beside the answer, often by a site's own wrapper of the client and then each time. What may mean that a part of the
// answer is missing is not passed over.
const warning =
  /^warning\b(?!.*\b(?:errors?|fail|cannot|can't|could|unable|not|no|only|trunc|incomplete|partial|limit|exceed|down|unreachable|time[ds]? ?out))/i;

/** The lines that say something. */
export function answerOf(lines: readonly string[]): string[] {
  return lines
    .map((line) => [line, line.trim()] as const)
    .filter(([, said]) => said !== '' && !warning.test(said) && !waiting.some((pattern) => pattern.test(said)))
    .map(([line]) => line);
}

/** A line for a message. */
export function printable(line: string): string {
  return line.slice(0, 200);
}

/** `101` and null, `101[3]` and 3. Null: neither. */
export function pilotIn(id: string): { submissionId: string; index: number | null } | null {
  const match = /^(\d+)(?:\[(\d+)\])?$/.exec(id);
  const [, submissionId, index] = match ?? [];
  return submissionId === undefined ? null : { submissionId, index: index === undefined ? null : Number(index) };
}

export function pilotId(submissionId: string, index: number | null): string {
  return index === null ? submissionId : `${submissionId}[${index}]`;
}

export function submissionIdOf(pilotId: string): string {
  return pilotId.replace(/\[\d+\]$/, '');
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * `Nov 20 17:31`, with a year or not, and perhaps with a letter that says how a finish time is meant: seconds since the
 * epoch. Without a year it is the one that comes nearest to now. Null: `-`, or no such time.
 */
export function moment(text: string | undefined, nowSeconds: number): number | null {
  const form = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d)(?::(\d\d))?(?: (\d{4}))?(?: [A-Z])?$/;
  const [, month = '', day, hour, minute, second, year] = form.exec(text?.trim() ?? '') ?? [];
  if (!months.includes(month)) return null;
  const inYear = (one: number): number =>
    Date.UTC(one, months.indexOf(month), Number(day), Number(hour), Number(minute), Number(second ?? 0)) / 1000;
  if (year !== undefined) return inYear(Number(year));
  const thisYear = new Date(nowSeconds * 1000).getUTCFullYear();
  const distance = (seconds: number) => Math.abs(seconds - nowSeconds);
  return [thisYear - 1, thisYear, thisYear + 1]
    .map(inYear)
    .reduce((best, one) => (distance(one) < distance(best) ? one : best));
}

const states: Readonly<Record<string, JobState>> = {
  PEND: 'pending',
  FWD_PEND: 'pending',
  // Waits in a chunk behind another job.
  WAIT: 'pending',
  // Its node is being made or switched on.
  PROV: 'pending',
  PSUSP: 'held',
  RUN: 'running',
  USUSP: 'suspended',
  SSUSP: 'suspended',
  // Its node does not answer, or it was forced out of the books while it may still run: it may come back.
  UNKWN: 'unknown',
  ZOMBI: 'unknown',
  DONE: 'finished',
  EXIT: 'finished',
  POST_DONE: 'finished',
  POST_ERR: 'finished',
};

/** Null for a word that is not known. */
export function stateOf(word: string): JobState | null {
  return Object.hasOwn(states, word) ? (states[word] ?? null) : null;
}

/** bsub of OpenLava 4.0.0 (run) passes over a line that is no option, and over what follows a word's first `#`. */
export function directiveRefusal(line: string): string | null {
  if (!line.startsWith('-')) return 'bsub passes over a line that does not begin with an option';
  const bare = line.replaceAll(/"[^"]*"|'[^']*'/g, 'x');
  if (/["']/.test(bare)) return 'a quote in it is never closed';
  return /(?:^|\s)#/.test(bare) ? 'bsub drops what follows a #' : null;
}
