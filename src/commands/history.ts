import { readProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { readHistory } from '../fleet/history.ts';
import { type Period, type SitePast, sitePast } from '../fleet/site-past.ts';

export interface HistoryOptions {
  configDir: string;
  dataDir: string;
  site: string;
  days: number;
}

/** How finely a past is looked at: as many columns as fit a page. */
const slices = 336;

/**
 * What happened at a site in the last days, by what passes from this machine wrote down. That of a site whose profile was
 * removed is still there.
 */
export async function siteHistory(options: HistoryOptions, context: Context): Promise<Result<SitePast>> {
  const { configDir, dataDir, site, days } = options;
  const profile = await readProfile(configDir, site);
  if (!profile.ok && profile.failure.kind === 'usage') return profile;
  // A pilot's life may have begun long before.
  const lines = readHistory(dataDir, site, 0);
  if (!lines.ok) return lines;
  if (!profile.ok && lines.value.length === 0) return profile;
  return ok(sitePast(site, lines.value, lastDays(days, context.now()), slices));
}

/** The days up to now. */
export function lastDays(days: number, now: number): Period {
  return { since: now - days * 24 * 3600 * 1000, until: now };
}
