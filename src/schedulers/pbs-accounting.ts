import { describedJobs, nodeOf } from './pbs-listing.ts';
import { type Block, idParts, submissionIdOf, tagIn, time } from './pbs-text.ts';
import type { Finished, FinishedJob, Output } from './scheduler.ts';

/** Jobs that are over, from what the server keeps of them (`job_history_enable`), where it keeps any. */

/** `202611201739.00`, as `qselect -t` takes a moment; the clients are asked in UTC. */
export function moment(seconds: number): string {
  const digits = new Date(seconds * 1000).toISOString().replaceAll(/\D/g, '');
  return `${digits.slice(0, 12)}.${digits.slice(12, 14)}`;
}

/** All of them, or nothing: what is not understood may be any job. */
export function parseFinished(output: Output): Finished {
  const described = describedJobs(output);
  if ('incomplete' in described) return { kind: 'unknown', reason: described.incomplete };
  return { kind: 'known', jobs: described.blocks.flatMap(finishedJob) };
}

/** None, where it is not over, or is the array as such. */
function finishedJob({ name, attributes }: Block): FinishedJob[] {
  const parts = idParts(name);
  const state = attributes.get('job_state') ?? '';
  if (parts === null || !['F', 'X', 'C'].includes(state)) return [];
  if (parts.array && parts.index === null) return [];
  const node = nodeOf(attributes.get('exec_host'));
  const said = attributes.get('Exit_status') ?? attributes.get('exit_status') ?? '';
  const status = /^-?\d+$/.test(said) ? Number(said) : null;
  // One that never ran has the status of nobody, and its array's start.
  const own = node === null ? null : status;
  return [
    {
      id: name,
      submissionId: submissionIdOf(name),
      index: parts.index,
      tag: tagIn(attributes.get('Variable_List')),
      node,
      exitCode: own !== null && own >= 0 && own < 256 ? own : null,
      signal: own !== null && own > 256 ? own - 256 : null,
      state: node === null ? 'CANCELLED' : stateWord(own, attributes.get('substate')),
      startedAt: node === null ? null : time(attributes.get('stime') ?? attributes.get('start_time')),
      endedAt: time(attributes.get('obittime') ?? attributes.get('comp_time') ?? attributes.get('mtime')),
    },
  ];
}

/**
 * PBS has numbers only: -29 is the wall clock, -27 the memory, substate 91 what was ended from outside. They are told by
 * the words that other batch systems print, which a person knows.
 */
function stateWord(status: number | null, substate: string | undefined): string {
  if (status === -29) return 'TIMEOUT';
  if (status === -27) return 'OUT_OF_MEMORY';
  if (status !== null && status < 0) return `PBS_${status}`;
  if (substate === '91') return 'CANCELLED';
  return status === 0 ? 'COMPLETED' : 'FAILED';
}
