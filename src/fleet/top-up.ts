import type { Context } from '../context.ts';
import type { Census } from '../login/census.ts';
import { type PassInput, pass } from './pass.ts';
import { planFor, planOnce, type Restraint } from './restraint.ts';
import type { SiteAccess } from './site-connection.ts';
import type { SiteReport } from './site-report.ts';

/** What a pass needs besides the site itself. */
export type PassOptions = Pick<PassInput, 'job' | 'dryRun' | 'configDir' | 'dataDir'>;

/** Brings a site nearer its target: one pass. */
export function topUp(site: SiteAccess, options: PassOptions, context: Context): Promise<SiteReport> {
  return pass(
    { ...site, ...options, mode: 'keep', decide: (census, restraint) => planFor(site.profile, census, restraint) },
    context,
  );
}

/** Submits so many more pilots, whatever the target; whole jobs of them. */
export function submitMore(
  site: SiteAccess,
  count: number,
  options: PassOptions,
  context: Context,
): Promise<SiteReport> {
  const decide = (_census: Census, restraint: Restraint) => planOnce(site.profile, count, restraint);
  return pass({ ...site, ...options, mode: 'once', decide }, context);
}
