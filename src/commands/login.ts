import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import type { Result } from '../failure.ts';
import { type LoginReport, login } from '../fleet/login.ts';

export type { LastingConnection, LoginReport } from '../fleet/login.ts';

/** Logs in to a site's login host with the person at the terminal; see `login` for what stays. */
export async function loginToSite(
  options: { configDir: string; dataDir: string; site: string },
  context: Context,
): Promise<Result<LoginReport>> {
  const profile = await loadProfile(options.configDir, options.site);
  return profile.ok ? login(profile.value, options.dataDir, context) : profile;
}
