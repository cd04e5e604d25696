import type { Profile } from '../config/schema.ts';
import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { appendHistory } from './history.ts';
import { failureReport, type SiteReport } from './site-report.ts';

/** How many login hosts are talked to at a time. */
const hostsAtOnce = 4;

/** Does the same work for several sites, side by side; one that fails or is slow holds up no other. */
export async function overSites(
  configDir: string,
  sites: readonly string[],
  work: (profile: Profile) => Promise<SiteReport>,
): Promise<SiteReport[]> {
  const one = async (site: string): Promise<SiteReport> => {
    const profile = await loadProfile(configDir, site);
    return profile.ok ? work(profile.value) : failureReport(site, null, profile.failure);
  };
  const [first] = sites;
  if (sites.length === 1 && first !== undefined) return [await one(first)];
  const { default: PQueue } = await import('p-queue');
  return new PQueue({ concurrency: hostsAtOnce }).addAll(sites.map((site) => () => one(site)));
}

/** Writes what a pass found and did to the site's history. A diary that cannot be written is a warning. */
export async function remembered(dataDir: string, report: SiteReport, context: Context): Promise<SiteReport> {
  if (report.planned !== null) return report;
  context.emit({ kind: 'step', site: report.site, step: 'report' });
  const problem = await appendHistory(dataDir, report, new Date(context.now()));
  if (problem !== null)
    context.emit({ kind: 'warning', site: report.site, text: `the history cannot be written: ${problem}` });
  return report;
}
