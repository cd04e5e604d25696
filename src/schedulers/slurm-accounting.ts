import { quote } from '../shell.ts';
import type { Finished, FinishedJob, Output } from './scheduler.ts';
import { parseIndices, time } from './slurm-text.ts';
import { tagAmongWords } from './tag-among-words.ts';

/** Jobs that are over, from Slurm's accounting (`sacct`), where a site has one. */

const separator = '\u001f';
const fields = ['JobID', 'State', 'ExitCode', 'Start', 'End', 'NodeList', 'Comment'];

/**
 * No states are asked for: with them, sacct looks at one moment instead of a stretch of time. The start is in UTC, and
 * so is the client.
 */
export function finishedCommand(query: { jobName: string; sinceSeconds: number }): string {
  const since = new Date(query.sinceSeconds * 1000).toISOString().slice(0, 19);
  const words = ['--noheader', '--parsable2', `--delimiter=${separator}`, '--allocations', `--name=${query.jobName}`];
  const window = [`--starttime=${since}`, `--format=${fields.join(',')}`];
  return `env TZ=UTC0 SLURM_TIME_FORMAT=%s SLURM_BITSTR_LEN=0 sacct --user="$(id -un)" ${[...words, ...window].map(quote).join(' ')}`;
}

/** All of them, or nothing: a line that is not understood may be any job. */
export function parseFinished(output: Output, query: { site: string }): Finished {
  const said = output.stderr.trim();
  if (output.code !== 0) return unknown(said === '' ? `sacct ended with ${output.code}` : said);
  if (/\berror\b|disabled/i.test(said)) return unknown(said);
  if (output.stdout !== '' && !output.stdout.endsWith('\n')) return unknown('the last line of sacct is cut');
  const jobs: FinishedJob[] = [];
  for (const line of output.stdout.split('\n').filter((line) => line !== '')) {
    const found = parseLine(line, query.site);
    if (found === null)
      return unknown(`sacct printed a line that is not understood: ${line.replaceAll(separator, '|').slice(0, 200)}`);
    jobs.push(...found);
  }
  return { kind: 'known', jobs };
}

function unknown(reason: string): Finished {
  return { kind: 'unknown', reason };
}

// The states of a job that is not over, or is over only to begin again.
const notOver =
  /^(?:PENDING|RUNNING|SUSPENDED|REQUEUED|REQUEUE_FED|REQUEUE_HOLD|RESIZING|CONFIGURING|COMPLETING|SIGNALING|STAGE_OUT|STOPPED|SPECIAL_EXIT|RESV_DEL_HOLD)$/;

/** The finished jobs of one line: none, where it is not over; several, where it is what was left of an array. */
function parseLine(line: string, site: string): FinishedJob[] | null {
  const [id, stateText, exit, start, end, nodes, comment, ...more] = line.split(separator);
  const pilots = pilotsOf(id ?? '');
  const state = /^[A-Z][A-Z_]+(?= by \S+$|\+?$)/.exec(stateText ?? '')?.[0];
  const left = /^(\d+):(\d+)$/.exec(exit ?? '');
  if (pilots === null || state === undefined || left === null || comment === undefined || more.length > 0) return null;
  if (notOver.test(state)) return [];
  const node = nodes === undefined || /^(?:None assigned|None|Unknown|\(null\)|)$/.test(nodes) ? null : nodes;
  const [code, signal] = [Number(left[1]), Number(left[2])];
  const ended = {
    tag: tagAmongWords(comment, site),
    node,
    // 0:0 of a job that was cancelled, or that ran into its limit, is nobody's exit code.
    exitCode: signal === 0 && (state === 'COMPLETED' || state === 'FAILED') ? code : null,
    signal: signal === 0 ? null : signal,
    state,
    // A job that was cancelled while it waited has a start in some versions, but never a node.
    startedAt: node === null ? null : time(start),
    endedAt: time(end),
  };
  return pilots.map((pilot) => ({ ...pilot, ...ended }));
}

type Pilot = Pick<FinishedJob, 'id' | 'submissionId' | 'index'>;

/** `9`, `9_3`, or `9_[0-3,7%2]`: the tasks of an array that never started. */
function pilotsOf(id: string): Pilot[] | null {
  const match = /^(\d+)(?:_(?:(\d+)|\[([^\]]+)\]))?$/.exec(id);
  if (match === null) return null;
  const [, submissionId = '', single, several] = match;
  if (single === undefined && several === undefined) return [{ id, submissionId, index: null }];
  const indices = parseIndices(single ?? several ?? '');
  return indices?.map((index) => ({ id: `${submissionId}_${index}`, submissionId, index })) ?? null;
}
