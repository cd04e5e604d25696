import { readyToLock } from '../config/file-lock.ts';
import type { Profile } from '../config/schema.ts';
import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type Chosen, chooseSites } from '../fleet/choose-sites.ts';
import { overSites, remembered } from '../fleet/over-sites.ts';
import { type JobOptions, siteJob } from '../fleet/site-job.ts';
import { failureReport, type SiteReport } from '../fleet/site-report.ts';

export interface TopUpOptions extends Chosen, JobOptions {
  dryRun: boolean;
  /** Newer images are built first, where there are any. */
  refresh: boolean;
}

/** One pass over each site: brings it nearer its target and never above. */
export async function topUpSites(options: TopUpOptions, context: Context): Promise<Result<SiteReport[]>> {
  const sites = await chooseSites(options.configDir, options, false);
  if (!sites.ok) return sites;
  if (options.refresh) await refresh(sites.value, options, context);
  const profiles: Profile[] = [];
  const reports = await overSites(options, sites.value, context, async (site) => {
    const { profile } = site;
    profiles.push(profile);
    const job = await siteJob(profile, options, context);
    // A site that is being emptied needs no job.
    if (!job.ok && profile.target > 0) return failureReport(profile.name, profile.target, job.failure);
    // The code of a pass loads while the login host answers.
    const [, { topUp }] = await Promise.all([site.connect(), import('../fleet/top-up.ts'), readyToLock()]);
    return remembered(options.dataDir, await topUp(site, { ...options, job }, context), context);
  });
  if (!options.dryRun && !options.refresh) await sayNews(profiles, options, context);
  return ok(reports);
}

/** Before the passes plan their jobs: they name the newest image that is there then. */
async function refresh(sites: readonly string[], options: TopUpOptions, context: Context): Promise<void> {
  const loaded = await Promise.all(sites.map((site) => loadProfile(options.configDir, site)));
  const { refreshImages } = await import('../fleet/image-refresh.ts');
  const profiles = loaded.flatMap((profile) => (profile.ok ? [profile.value] : []));
  await refreshImages(profiles, options, context);
}

async function sayNews(profiles: readonly Profile[], { dataDir }: TopUpOptions, context: Context): Promise<void> {
  if (context.signal.aborted) return;
  const { warnOfStaleImages } = await import('../fleet/image-news.ts');
  await warnOfStaleImages(profiles, dataDir, context);
}
