import { cutReason, piecesIn, piecesProgram } from './asked-pieces.ts';
import { clockPiece, pilotOf, type Row, rowsIn, rowsPiece, secondsOf } from './lsf-listing.ts';
import { moment, stateOf } from './lsf-text.ts';
import type { Finished, FinishedJob, Output } from './scheduler.ts';
import { tagAmongWords } from './tag-among-words.ts';

/**
 * Jobs that are over. `bhist` and `bacct` read the whole of the event logs, and OpenLava has no `bacct`, so this is what
 * `bjobs -a` still knows: the last hour, as sites are set up usually.
 */

const fields = ['jobid', 'stat', 'exit_code', 'first_host', 'start_time', 'finish_time', 'job_name', 'job_description'];

export function finishedCommand({ jobName }: { jobName: string; sinceSeconds: number }): string {
  return piecesProgram([clockPiece, rowsPiece(jobName, fields)]);
}

/** All of them, or nothing. What bjobs names nobody's is not known by its name here: one site has one job name. */
export function parseFinished(output: Output, query: { site: string }): Finished {
  const pieces = piecesIn(output.stdout);
  const [clock, jobs] = pieces ?? [];
  if (jobs === undefined || output.code !== 0) return { kind: 'unknown', reason: cutReason(output) };
  const found = rowsIn(jobs, fields);
  const nowSeconds = secondsOf(clock);
  if ('reason' in found) return { kind: 'unknown', reason: found.reason };
  if (nowSeconds === null) return { kind: 'unknown', reason: '`date +%s` gave no time' };
  const ended: FinishedJob[] = [];
  for (const row of found.rows) {
    const job = endOf(row, query.site, nowSeconds);
    if (job === null)
      return {
        kind: 'unknown',
        reason: `bjobs printed a line that is not understood: ${Object.values(row).join('^')}`,
      };
    ended.push(...job);
  }
  return { kind: 'known', jobs: ended };
}

/** The end of one pilot; none where it is not over. Null: not understood. */
function endOf(row: Row, site: string, nowSeconds: number): FinishedJob[] | null {
  const word = row['stat'] ?? '';
  const name = (row['job_name'] ?? '').replace(/\[\d+\]$/, '');
  const [pilot, state] = [pilotOf(row, name), stateOf(word)];
  if (pilot === null || state === null) return null;
  if (state !== 'finished') return [];
  const host = row['first_host'] ?? '';
  const node = host === '' || host === '-' ? null : host;
  const times = { startedAt: moment(row['start_time'], nowSeconds), endedAt: moment(row['finish_time'], nowSeconds) };
  const [tag, end] = [tagAmongWords(row['job_description'] ?? '', site), exitOf(row)];
  return [{ ...pilot, tag, node, ...end, state: node === null ? 'CANCELLED' : endWord(word, end), ...times }];
}

/**
 * `EXIT` is everything that is not `DONE`; it is told by the words that other batch systems print, as far as it is known.
 * What has no code was killed, by nobody knows whom.
 */
function endWord(word: string, { exitCode }: Pick<FinishedJob, 'exitCode'>): string {
  if (word === 'DONE' || word === 'POST_DONE') return 'COMPLETED';
  return word === 'EXIT' && exitCode !== null ? 'FAILED' : word;
}

/** LSF counts a signal as a shell does: 143 is 15. What never ran, or was killed, has none (OpenLava 4.0.0, run). */
function exitOf(row: Row): Pick<FinishedJob, 'exitCode' | 'signal'> {
  const text = row['exit_code'] ?? '';
  if (row['stat'] === 'DONE') return { exitCode: 0, signal: null };
  const code = /^\d+$/.test(text) ? Number(text) : null;
  if (code === null || code === 0) return { exitCode: null, signal: null };
  return code > 128 && code <= 192 ? { exitCode: null, signal: code - 128 } : { exitCode: code, signal: null };
}
