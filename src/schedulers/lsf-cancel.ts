import { answerOf, client } from './lsf-text.ts';
import type { CancelOutcome, Output } from './scheduler.ts';

/** Ending jobs: INT to all processes of each at once, TERM ten seconds later, then KILL (OpenLava 4.0.0, run). */

/** How far away the time is that a job gets to start at before it is ended. */
const heldSeconds = 3_600;

/** What bmod says of a job that runs, or is over. */
const startedOrOver = ['is running.', 'already started', 'running job', 'No matching job found', 'already finished'];

/**
 * What must not have started first gets a time to start at that is still to come. LSF refuses that for a job that runs,
 * so none can start between the look and the end (OpenLava 4.0.0, run; elements of arrays, too). A job that cannot be
 * ended afterwards may start in a minute: `bmod -bn` would keep it until 2106 (run).
 */
export function cancelCommand(ids: readonly string[], options: { onlyPending: boolean }): string {
  if (!options.onlyPending) return client('bkill', ...ids);
  const program = [
    // A client that is told to end must not leave anything held.
    'trap : HUP INT TERM PIPE',
    'after() { date -d "@$(($(date +%s) + $1))" +%m:%d:%H:%M; }',
    `code=0; at=$(after ${heldSeconds}) || exit 1`,
    `for id; do said=$(bmod -b "$at" "$id" 2>&1 </dev/null); status=$?; echo "$said"
case $status$said in 0*) ;; ${startedOrOver.map((words) => `*'${words}'*`).join('|')}) continue ;; *) code=1; continue ;; esac
bkill "$id" </dev/null || { code=1; bmod -b "$(after 60)" "$id" </dev/null; }
done`,
    'exit $code',
  ].join('; ');
  return client('sh', '-c', program, 'sh', ...ids);
}

// What the clients say of a job that was ended, is over, or runs already where only those that wait were meant. `bkill`
// of a whole array says that the operation is in progress, and ends it (OpenLava 4.0.0, run).
const asWanted = [
  /^Job <[^<>]+> is being (?:terminated|signaled)$/,
  /^Job <[^<>]+>: (?:Job has already finished|No matching job found|Operation is in progress)$/,
  /^Parameters of job <[^<>]+> are being changed$/,
  /^Job will be scheduled after /,
  /(?:No matching job found|Job has already finished)\. Job not modified\.$/,
  /(?:non-repetitive job is running|Job has already started|to modify a running job: .*)\. Job not modified\.$/,
];

/** The words decide: one id that is over makes the status 255, whatever became of the others. */
export function parseCancel(output: Output): CancelOutcome {
  const lines = [...output.stderr.split('\n'), ...output.stdout.split('\n')].map((line) => line.trim());
  const said = answerOf(lines);
  const isDone = said.length > 0 && said.every((line) => asWanted.some((pattern) => pattern.test(line)));
  if (isDone && output.code !== 124) return { kind: 'done' };
  return { kind: 'refused', text: lines.filter((line) => line !== '').join('\n') || silence(output) };
}

function silence({ code }: Output): string {
  return code === 124 ? 'no answer within the time limit' : `bkill said nothing, and ended with ${code}`;
}
