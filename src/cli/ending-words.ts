import type { EndedPilot } from '../fleet/site-report.ts';

/** How pilots end, in words. */

/** Words for one end, and whether somebody should look into it. */
export interface Ending {
  words: string;
  isBad: boolean;
}

/**
 * Known by the job's own word (docs/state-on-the-login-host.md) or, for a pilot that left none, the scheduler's.
 * `reasonWords` has the scheduler's own in better words, if any.
 */
export function howItEnded(pilot: EndedPilot, reasonWords: ReadonlyMap<string, string>): Ending {
  const { reason, exitCode } = pilot;
  const known = endings[reason] ?? { words: reason, isBad: exitCode !== 0 };
  const failedByItself = reason === 'exited' && exitCode !== 0;
  const words = reasonWords.get(reason) ?? (failedByItself ? 'the pilot failed' : known.words);
  return {
    words: exitCode === null ? words : `${words} (exit ${exitCode})`,
    isBad: known.isBad || failedByItself,
  };
}

const fine = (words: string): Ending => ({ words, isBad: false });
const bad = (words: string): Ending => ({ words, isBad: true });

const endings: Readonly<Partial<Record<string, Ending>>> = {
  exited: fine('ended by itself'),
  drained: fine('drained: asked to end, took no new jobs'),
  walltime: fine('drained: its wall clock was nearly over'),
  signalled: fine('ended by the batch system'),
  guard: bad('stopped by the guard: not limited to its owners'),
  'bad-user': bad('the user is root, or has no name on the node'),
  'no-runtime': bad('no Apptainer or Singularity that works on the node'),
  'no-image': bad('the image cannot be read on the node'),
  'no-token': bad('the token cannot be read on the node'),
  'no-space': bad('too little scratch space on the node'),
  'no-cvmfs': bad('/cvmfs could not be had on the node as the profile says'),
  failed: bad('the job script failed'),
  COMPLETED: fine('ended by itself'),
  CANCELLED: fine('cancelled'),
  PREEMPTED: fine('preempted: its node went to another job'),
  REVOKED: fine('taken over by another cluster'),
  FAILED: bad('the job failed'),
  TIMEOUT: bad('the wall clock ended before the pilot did'),
  DEADLINE: bad('its deadline passed'),
  NODE_FAIL: bad('its node failed'),
  OUT_OF_MEMORY: bad('out of memory'),
  BOOT_FAIL: bad('its node did not start'),
  LAUNCH_FAILED: bad('the node could not start it'),
  EXIT: bad('killed by the batch system'),
  POST_ERR: bad('what the batch system runs after a job failed'),
  RECONFIG_FAIL: bad('its node could not be set up'),
};
