import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { cancel } from '../fleet/cancel.ts';
import type { Wanted } from '../fleet/orders.ts';
import { overSites, remembered } from '../fleet/over-sites.ts';
import type { SiteReport } from '../fleet/site-report.ts';

export interface CancelOptions {
  configDir: string;
  dataDir: string;
  site: string;
  ids: readonly string[];
  pending: boolean;
  all: boolean;
  dryRun: boolean;
}

/** Ends pilots at once. Which ones must be said: nothing is ever the default here. */
export async function cancelPilots(options: CancelOptions, context: Context): Promise<Result<SiteReport[]>> {
  const wanted = wantedBy(options);
  if (!wanted.ok) return wanted;
  const reports = await overSites(options, [options.site], context, async (site) =>
    remembered(options.dataDir, await cancel(site, wanted.value, options.dryRun, context), context),
  );
  return ok(reports);
}

function wantedBy({ site, ids, pending, all }: CancelOptions): Result<Wanted> {
  if ([ids.length > 0, pending, all].filter(Boolean).length !== 1) {
    const message = 'say which pilots to end: their ids, or --pending, or --all';
    return failed({ kind: 'usage', message, hint: `glidein status ${site}` });
  }
  if (ids.length > 0) return ok({ kind: 'ids', ids });
  return ok({ kind: all ? 'all' : 'pending' });
}
