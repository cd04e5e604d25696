import type { Profile } from '../config/schema.ts';
import { failed, ok, type Result } from '../failure.ts';
import { commandLine } from '../shell.ts';

/**
 * How many jobs come to as many pilots as a person asked for with `-n`; null: one job. A number that no whole jobs come
 * to is a mistake of theirs, told with the nearest that would do.
 */
export function jobsFor(profile: Profile, pilots: number | null, command: 'submit' | 'render'): Result<number> {
  const { nodesPerJob } = profile.scheduler;
  const jobs = (pilots ?? nodesPerJob) / nodesPerJob;
  if (Number.isInteger(jobs)) return ok(jobs);
  const nearest = [Math.floor(jobs), Math.ceil(jobs)].filter((one) => one > 0).map((one) => one * nodesPerJob);
  const message = `-n counts pilots, and a job of ${profile.name} has ${nodesPerJob} (scheduler.nodesPerJob): ${pilots} come to no whole jobs, ${nearest.join(' or ')} would`;
  const hint = commandLine(['glidein', command, profile.name, '-n', String(nearest.at(-1))]);
  return failed({ kind: 'usage', message, hint });
}
