import { failed, ok, type Result } from '../failure.ts';

/** When a pilot stops taking jobs and when it is stopped, counted back from the end of its wall clock. */
export interface Retirement {
  /** So many seconds before the end it takes no new jobs: exact, by the job's own loop. */
  drainSeconds: number;
  /** So many seconds before the end it is stopped, whatever it runs. */
  stopSeconds: number;
  /** The image's own limits, in whole hours from its start: later than the exact ones, so only a backstop. */
  acceptHours: number;
  retireHours: number;
}

/** TERM, the bounded wait, KILL, the kept log and the removal of scratch, before the batch system does it. */
const stopSeconds = 120;

/** Shorter pilots would only start and drain. */
const shortestWalltimeSeconds = 1_800;

/**
 * `drainMinutes` is what the longest job needs; a quarter of the wall clock is the most it gets, so that a 30-minute
 * pilot still takes jobs. Fails with `value-refused` on a wall clock under 30 minutes or a number that is none.
 */
export function retirement(input: { site: string; walltimeSeconds: number; drainMinutes: number }): Result<Retirement> {
  const { site, walltimeSeconds, drainMinutes } = input;
  if (!Number.isInteger(walltimeSeconds) || walltimeSeconds < shortestWalltimeSeconds) {
    return failed({ kind: 'value-refused', site, key: 'scheduler.walltime', reason: 'it must be at least 00:30:00' });
  }
  if (!Number.isInteger(drainMinutes) || drainMinutes < 0) {
    return failed({
      kind: 'value-refused',
      site,
      key: 'pilot.drainMinutes',
      reason: 'it must be a whole number from 0 on',
    });
  }
  const wanted = stopSeconds + drainMinutes * 60;
  const drainSeconds = Math.min(wanted, Math.floor(walltimeSeconds / 4));
  const acceptHours = Math.max(1, Math.ceil((walltimeSeconds - drainSeconds) / 3_600));
  const retireHours = Math.max(1, Math.ceil(drainSeconds / 3_600));
  return ok({ drainSeconds, stopSeconds, acceptHours, retireHours });
}
