import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import type { Result } from '../failure.ts';
import type { Census } from '../login/census.ts';
import { pass } from './pass.ts';
import { type Plan, type PlannedPilot, plan } from './plan.ts';
import type { SiteJob } from './site-job.ts';
import type { SiteReport } from './site-report.ts';

/** Brings a site nearer its target: one pass. */
export function topUp(profile: Profile, job: Result<SiteJob>, dryRun: boolean, context: Context): Promise<SiteReport> {
  return pass({ profile, job, dryRun, mode: 'keep', decide: (census) => planFor(profile, census) }, context);
}

/** Submits so many more pilots, whatever the target. */
export function submitMore(
  profile: Profile,
  job: Result<SiteJob>,
  count: number,
  dryRun: boolean,
  context: Context,
): Promise<SiteReport> {
  const decide = (): Plan => ({ kind: 'submit', count, limitedBy: null });
  return pass({ profile, job, dryRun, mode: 'once', decide }, context);
}

function planFor(profile: Profile, census: Census): Plan {
  return plan({
    target: profile.target,
    pilots: census.pilots.filter((pilot): pilot is typeof pilot & PlannedPilot => pilot.state !== 'ending'),
    inDoubt: census.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0),
    maxPending: profile.limits.maxPending,
    maxPerPass: profile.limits.maxPerPass,
    capacity: census.capacity,
  });
}
