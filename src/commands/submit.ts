import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { jobsFor } from '../fleet/jobs-for.ts';
import { overSites, remembered } from '../fleet/over-sites.ts';
import { type JobOptions, siteJob } from '../fleet/site-job.ts';
import { failureReport, type SiteReport } from '../fleet/site-report.ts';
import { submitMore } from '../fleet/top-up.ts';

export interface SubmitOptions extends JobOptions {
  site: string;
  /** How many pilots more, whatever the target; null: one job. */
  count: number | null;
  dryRun: boolean;
}

/** Submits pilots once, because a person asked. */
export async function submitPilots(options: SubmitOptions, context: Context): Promise<Result<SiteReport[]>> {
  const reports = await overSites(options, [options.site], context, async (site) => {
    const { profile } = site;
    const jobs = jobsFor(profile, options.count, 'submit');
    if (!jobs.ok) return failureReport(profile.name, profile.target, jobs.failure);
    const pilots = jobs.value * profile.scheduler.nodesPerJob;
    const job = await siteJob(profile, options, context);
    if (!job.ok) return failureReport(profile.name, profile.target, job.failure);
    return remembered(options.dataDir, await submitMore(site, pilots, { ...options, job }, context), context);
  });
  return ok(reports);
}
