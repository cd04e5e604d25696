import { listSites, loadProfile } from '../config/store.ts';
import { type Failure, ok, type Result } from '../failure.ts';

export interface SiteListOptions {
  configDir: string;
}

/** The sites that have a profile, by name. */
export interface SiteListReport {
  configDir: string;
  sites: readonly ListedSite[];
}

/** One site; `problem` instead of the rest where its profile cannot be used. */
export type ListedSite =
  | { site: string; problem: null; host: string; scheduler: string; target: number; owners: readonly string[] }
  | { site: string; problem: Failure };

/** Lists all sites. One whose profile is broken is listed as that and fails nothing. */
export async function siteList({ configDir }: SiteListOptions): Promise<Result<SiteListReport>> {
  const names = await listSites(configDir);
  if (!names.ok) return names;
  const sites = await Promise.all(names.value.map((site) => listedSite(configDir, site)));
  return ok({ configDir, sites });
}

async function listedSite(configDir: string, site: string): Promise<ListedSite> {
  const profile = await loadProfile(configDir, site);
  if (!profile.ok) return { site, problem: profile.failure };
  const { connection, scheduler, target, pilot } = profile.value;
  return { site, problem: null, host: connection.host, scheduler: scheduler.kind, target, owners: pilot.owners };
}
