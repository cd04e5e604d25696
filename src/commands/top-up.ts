import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type Chosen, chooseSites } from '../fleet/choose-sites.ts';
import { overSites, remembered } from '../fleet/over-sites.ts';
import { type JobOptions, siteJob } from '../fleet/site-job.ts';
import { failureReport, type SiteReport } from '../fleet/site-report.ts';

export interface TopUpOptions extends Chosen, JobOptions {
  dataDir: string;
  dryRun: boolean;
}

/** One pass over each site: brings it nearer its target and never above. */
export async function topUpSites(options: TopUpOptions, context: Context): Promise<Result<SiteReport[]>> {
  const sites = await chooseSites(options.configDir, options, false);
  if (!sites.ok) return sites;
  const reports = await overSites(options, sites.value, context, async (site) => {
    const { profile } = site;
    const job = await siteJob(profile, options, context);
    // A site that is being emptied needs no job.
    if (!job.ok && profile.target > 0) return failureReport(profile.name, profile.target, job.failure);
    // The code of a pass loads while the login host answers.
    const [, { topUp }] = await Promise.all([site.connect(), import('../fleet/top-up.ts')]);
    return remembered(options.dataDir, await topUp(site, { ...options, job }, context), context);
  });
  return ok(reports);
}
