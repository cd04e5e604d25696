import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import type { Census, Pilot } from '../login/census.ts';
import { type PassInput, pass } from './pass.ts';
import { type Plan, type PlannedPilot, plan } from './plan.ts';
import type { SiteAccess } from './site-connection.ts';
import type { SiteReport } from './site-report.ts';

/** What a pass needs besides the site itself. */
export type PassOptions = Pick<PassInput, 'job' | 'dryRun' | 'configDir' | 'dataDir'>;

/** Brings a site nearer its target: one pass. */
export function topUp(site: SiteAccess, options: PassOptions, context: Context): Promise<SiteReport> {
  return pass({ ...site, ...options, mode: 'keep', decide: (census) => planFor(site.profile, census) }, context);
}

/** Submits so many more pilots, whatever the target; whole jobs of them. */
export function submitMore(
  site: SiteAccess,
  count: number,
  options: PassOptions,
  context: Context,
): Promise<SiteReport> {
  const decide = (): Plan => ({ kind: 'submit', count, limitedBy: null });
  return pass({ ...site, ...options, mode: 'once', decide }, context);
}

function planFor(profile: Profile, census: Census): Plan {
  return plan({
    target: profile.target,
    nodesPerJob: profile.scheduler.nodesPerJob,
    pilots: census.pilots.flatMap(plannedPilot),
    inDoubt: census.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0),
    maxPending: profile.limits.maxPending,
    maxPerPass: profile.limits.maxPerPass,
    capacity: census.capacity,
  });
}

function plannedPilot({ id, nodes, state, once, submittedAt, endsAt, isDraining, toldAt }: Pilot): PlannedPilot[] {
  if (state === 'ending') return [];
  return [{ id, nodes, state, once, submittedAt, endsAt, leaves: isDraining || toldAt !== null }];
}
