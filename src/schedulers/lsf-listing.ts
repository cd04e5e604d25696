import { askPiece, cutReason, type Piece, piecesIn, piecesProgram } from './asked-pieces.ts';
import { answerOf, client, moment, pilotId, pilotIn, printable, stateOf } from './lsf-text.ts';
import type { ListedJob, Listing, ListQuery, Output } from './scheduler.ts';
import { tagAmongWords } from './tag-among-words.ts';

/**
 * The jobs of a user as bjobs shows them. Its exit status says little (255 is everything): what it printed decides. The
 * fields are those that IBM's LSF and OpenLava both have; an array's index stands in the name. OpenLava 4.0.0 dies of
 * `nexec_host` (run).
 */

const separator = '^';

/** A wish for these fields; the header that follows shows that they are meant as we mean them. */
function wish(fields: readonly string[]): string {
  return `${fields.join(' ')} delimiter='${separator}'`;
}

export type Row = Readonly<Record<string, string>>;

/** Asks for all jobs of this name that are still known, finished ones too, in these fields. The last may hold anything. */
export function rowsPiece(jobName: string, fields: readonly string[]): string {
  return askPiece('jobs', `${client('bjobs', '-a', '-J', jobName, '-o', wish(fields))} 2>&1`);
}

/** What time it is for the login host, in seconds since the epoch. */
export const clockPiece = askPiece('now', 'date +%s');

/** Rows by their fields, or why there are none. */
export function rowsIn(piece: Piece, fields: readonly string[]): { rows: Row[] } | { reason: string } {
  const lines = linesBelow(piece, fields.join(separator).toUpperCase());
  if ('reason' in lines) return lines;
  const rows: Row[] = [];
  for (const line of lines.below) {
    const values = line.split(separator);
    if (values.length < fields.length) return notUnderstood(line);
    const last = values.splice(fields.length - 1).join(separator);
    rows.push(Object.fromEntries([...values, last].map((value, at) => [fields[at] ?? '', value.trim()])));
  }
  return { rows };
}

function notUnderstood(line: string): { reason: string } {
  return { reason: `bjobs printed a line that is not understood: ${printable(line)}` };
}

/** The only ways to say that there are no such jobs; a client that failed says something else, or nothing. */
const noJobs = /^(?:No (?:unfinished |matching )?job found|Job <[^<>[\]]+> is not found)$/;

/** What stands below the header. A list that broke off has a last line that is no row, or fails. */
function linesBelow({ lines, code }: Piece, header: string): { below: string[] } | { reason: string } {
  const [first, ...below] = answerOf(lines);
  if (first === undefined) return { reason: `bjobs printed nothing, and ended with ${code}` };
  if (noJobs.test(first.trim()) && below.length === 0) return { below: [] };
  if (first.trim().replaceAll(/ +/g, ' ') !== header) return { reason: printable(first) };
  const strange = below.find((line) => noJobs.test(line.trim()));
  if (strange !== undefined || code === 0) return { below };
  return { reason: `bjobs ended with ${code} after: ${printable(below.at(-1) ?? first)}` };
}

// ---- The listing ----

const listed = [
  'jobid',
  'stat',
  'first_host',
  'submit_time',
  'start_time',
  'finish_time',
  'job_name',
  'job_description',
];

const wideHeader = 'JOBID USER STAT QUEUE FROM_HOST EXEC_HOST JOB_NAME SUBMIT_TIME';

// The second look asks in the columns that every version has as well. They have no place for the tag, so the fields are
// asked for once more, and both must show the same jobs.
export function listCommand({ jobName, secondLook }: ListQuery): string {
  const wide = askPiece('wide', `${client('bjobs', '-a', '-w', '-J', jobName)} 2>&1`);
  return piecesProgram([clockPiece, ...(secondLook ? [wide] : []), rowsPiece(jobName, listed)]);
}

export function parseList(output: Output, query: ListQuery): Listing {
  const pieces = piecesIn(output.stdout);
  if (pieces === null || output.code !== 0) return incomplete(cutReason(output));
  const [clock, ...asked] = pieces;
  const jobs = asked.at(-1);
  const nowSeconds = secondsOf(clock);
  if (nowSeconds === null || jobs === undefined) return incomplete('`date +%s` gave no time');
  const listing = listingOf(jobs, query, nowSeconds);
  const wide = asked.find(({ name }) => name === 'wide');
  if (listing.kind === 'incomplete' || wide === undefined) return listing;
  const shown = wideIds(wide, query.jobName);
  if ('reason' in shown) return incomplete(shown.reason);
  const ids = new Set(shown.ids);
  const same = ids.size === listing.jobs.length && listing.jobs.every(({ id }) => ids.has(id));
  return same ? listing : incomplete('bjobs -w and bjobs -o do not show the same jobs');
}

/** The seconds since the epoch that `clockPiece` answered. */
export function secondsOf(clock: Piece | undefined): number | null {
  const [text = '', ...more] = clock?.lines ?? [];
  return clock?.name === 'now' && more.length === 0 && /^[1-9]\d*$/.test(text) ? Number(text) : null;
}

function incomplete(reason: string): Listing {
  return { kind: 'incomplete', reason };
}

function listingOf(piece: Piece, query: ListQuery, nowSeconds: number): Listing {
  const found = rowsIn(piece, listed);
  if ('reason' in found) return incomplete(found.reason);
  const jobs: ListedJob[] = [];
  for (const row of found.rows) {
    const job = jobOf(row, query, nowSeconds);
    if (job === null) return incomplete(notUnderstood(Object.values(row).join(separator)).reason);
    jobs.push(job);
  }
  return { kind: 'complete', jobs };
}

/** A job that is no array has the index of an array's first: so its own marks have it, too. */
export const firstIndex = 1;

/** Whose row it is: IBM's `jobid` and OpenLava's are the array's; the name has the index. Null: not understood. */
export function pilotOf(row: Row, jobName: string): { id: string; submissionId: string; index: number } | null {
  const name = row['job_name'] ?? '';
  const base = pilotIn(row['jobid'] ?? '');
  const inName = /^(?:\[(\d+)\])?$/.exec(name.startsWith(jobName) ? name.slice(jobName.length) : '?');
  if (base === null || inName === null) return null;
  const index = inName[1] === undefined ? base.index : Number(inName[1]);
  const { submissionId } = base;
  return { id: pilotId(submissionId, index), submissionId, index: index ?? firstIndex };
}

function jobOf(row: Row, { jobName, site }: ListQuery, nowSeconds: number): ListedJob | null {
  const word = row['stat'] ?? '';
  const [pilot, state] = [pilotOf(row, jobName), stateOf(word)];
  if (pilot === null || state === null) return null;
  const waits = state === 'pending' || state === 'held';
  const host = row['first_host'] ?? '';
  return {
    ...pilot,
    state,
    reason: /^(?:PEND|RUN|DONE|EXIT)$/.test(word) ? null : word,
    tag: tagAmongWords(row['job_description'] ?? '', site),
    nodes: 1,
    node: host === '' || host === '-' ? null : host,
    submittedAt: moment(row['submit_time'], nowSeconds),
    // While it waits these are what the scheduler expects.
    startedAt: waits ? null : moment(row['start_time'], nowSeconds),
    endsAt: waits ? null : moment(row['finish_time'], nowSeconds),
  };
}

/** `101  ada  RUN  normal  login  h3:h3  g-campus[2] Nov 20 17:31`; the columns between may be empty. */
const wideRow = /^(\d+(?:\[\d+\])?)\s+\S+\s+(\S+)\s.*?\s(\S+)\s+([A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d(?: \d{4})?)$/;

function wideIds(piece: Piece, jobName: string): { ids: string[] } | { reason: string } {
  const lines = linesBelow(piece, wideHeader);
  if ('reason' in lines) return lines;
  const ids: string[] = [];
  for (const line of lines.below) {
    const [, id = '', word = '', name = '', time] = wideRow.exec(line.trim()) ?? [];
    const pilot = pilotOf({ jobid: id, job_name: name }, jobName);
    if (pilot === null || stateOf(word) === null || moment(time, 0) === null) return notUnderstood(line);
    ids.push(pilot.id);
  }
  return { ids };
}

// ---- By ids ----

const asked = ['jobid', 'stat', 'job_name'];

/** One bjobs an id, so that each answer is known to be its own. */
export function askCommand(ids: readonly string[]): string {
  return piecesProgram([`for id; do ask "$id" ${client('bjobs', '-o', wish(asked))} "$id" 2>&1; done`], ids);
}

export function parseAsk(output: Output): ReadonlyMap<string, 'exists' | 'gone'> {
  const answers = new Map<string, 'exists' | 'gone'>();
  for (const piece of piecesIn(output.stdout) ?? []) {
    const lines = answerOf(piece.lines).map((line) => line.trim());
    if (lines.length === 1 && lines[0] === `Job <${piece.name}> is not found`) answers.set(piece.name, 'gone');
    const found = rowsIn(piece, asked);
    if ('reason' in found || found.rows.length === 0) continue;
    const states = found.rows.map((row) => stateOf(row['stat'] ?? ''));
    if (states.every((state) => state !== null))
      answers.set(piece.name, states.every((state) => state === 'finished') ? 'gone' : 'exists');
  }
  return answers;
}
