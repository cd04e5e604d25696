import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { drain } from '../fleet/drain.ts';
import type { Wanted } from '../fleet/orders.ts';
import { overSites, remembered } from '../fleet/over-sites.ts';
import type { SiteReport } from '../fleet/site-report.ts';

export interface DrainOptions {
  configDir: string;
  dataDir: string;
  site: string;
  ids: readonly string[];
  all: boolean;
  dryRun: boolean;
}

/** Lets pilots finish their jobs and take no new ones. Which ones must be said. */
export async function drainPilots(options: DrainOptions, context: Context): Promise<Result<SiteReport[]>> {
  const wanted = wantedBy(options);
  if (!wanted.ok) return wanted;
  const reports = await overSites(options, [options.site], context, async (site) =>
    remembered(options.dataDir, await drain(site, wanted.value, options.dryRun, context), context),
  );
  return ok(reports);
}

function wantedBy({ site, ids, all }: DrainOptions): Result<Wanted> {
  if (ids.length > 0 !== all) return ok(all ? { kind: 'all' } : { kind: 'ids', ids });
  const message = 'say which pilots to drain: their ids, or --all';
  return failed({ kind: 'usage', message, hint: `glidein status ${site}` });
}
