import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type Chosen, chooseSites } from '../fleet/choose-sites.ts';
import { overSites } from '../fleet/over-sites.ts';
import type { SiteReport } from '../fleet/site-report.ts';
import { status } from '../fleet/status.ts';

export interface StatusOptions extends Chosen {
  configDir: string;
}

/** Looks at each site and changes nothing. */
export async function statusOfSites(options: StatusOptions, context: Context): Promise<Result<SiteReport[]>> {
  const sites = await chooseSites(options.configDir, options, true);
  if (!sites.ok) return sites;
  return ok(await overSites(options.configDir, sites.value, (profile) => status(profile, context)));
}
