import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { overSites, remembered } from '../fleet/over-sites.ts';
import { resume } from '../fleet/resume.ts';
import type { SiteReport } from '../fleet/site-report.ts';

export interface ResumeOptions {
  configDir: string;
  dataDir: string;
  site: string;
  dryRun: boolean;
}

/** Lets submissions to a site go on after its breaker paused it. */
export async function resumeSite(options: ResumeOptions, context: Context): Promise<Result<SiteReport[]>> {
  const reports = await overSites(options, [options.site], context, async (site) =>
    remembered(options.dataDir, await resume(site, options.dryRun, context), context),
  );
  return ok(reports);
}
