import { commandLine } from '../shell.ts';
import { saidBy } from './failed-words.ts';
import { saidLines, wasEnded } from './pbs-text.ts';
import type { CancelOutcome, Output } from './scheduler.ts';

/** Ending jobs of PBS and Torque. */

/**
 * `qdel` ends what runs and what waits alike. What must not have started is held first: a held job cannot start, and one
 * that runs already shrugs that off. `heldBy` gives what is held for a pilot: with PBS an element of an array cannot be
 * held, its array can, and the other waiting elements are let go again at once (23.06, run).
 */
export function cancelCommand(
  ids: readonly string[],
  options: { onlyPending: boolean; heldBy: (id: string) => string },
): string {
  if (!options.onlyPending) return commandLine(['sh', '-c', `${deleteEach('"$@"')}; exit $code`, 'sh', ...ids]);
  const held = [...new Set(ids.map(options.heldBy))];
  const program = [
    // A client that is told to end must not leave anything held.
    'trap : HUP INT TERM PIPE',
    'n=$1; shift; held=; while [ $n -gt 0 ]; do held="$held $1"; shift; n=$((n - 1)); done',
    'set -f; qhold -h u $held </dev/null; hold=$?',
    'waiting=$(qstat -f "$@" </dev/null | while read -r a b c rest; do case "$a $b" in ' +
      '"Job Id:") id=$c; waits= ;; "job_state =") case $c in [QHWT]) waits=yes ;; esac ;; ' +
      '"Hold_Types =") case $waits$c in yes*u*) echo "$id" ;; esac ;; esac; done)',
    deleteEach('$waiting'),
    'qrls -h u $held </dev/null 2>/dev/null',
    '[ $code -ne 0 ] || code=$hold; exit $code',
  ].join('; ');
  return commandLine(['sh', '-c', program, 'sh', String(held.length), ...held, ...ids]);
}

/**
 * One `qdel` an id: the server of OpenPBS 23.06.06 ended with a segmentation fault when one request named two elements of
 * an array, or an element and another job (run), and then nobody's jobs are looked after.
 */
function deleteEach(words: string): string {
  return `code=0; for id in ${words}; do qdel "$id" </dev/null || code=$?; done`;
}

/** Of ids that are over, or on their way out: of PBS 23.06 (run), and Torque's words. */
const over = [
  /^q(?:del|hold|stat): Unknown Job Id/,
  /^q(?:del|hold): Job has finished/,
  /^qstat: \S+ Job has finished/,
  /^qdel: Request invalid for finished array subjob/,
  /^q(?:del|hold): Request invalid for state of job/,
  /^qdel: nonexistent job id/,
];

/** PBS complains of each id that is over, and ends the others all the same (run). */
export function parseCancel(output: Output): CancelOutcome {
  if (output.code === 0) return { kind: 'done' };
  const lines = saidLines(output.stderr);
  const areOver = lines.length > 0 && lines.every((line) => over.some((one) => one.test(line)));
  if (areOver && !wasEnded(output)) return { kind: 'done' };
  const text = saidBy(output);
  return { kind: 'refused', text: text === '' ? `qdel ended with ${output.code}` : text };
}
