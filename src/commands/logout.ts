import { loadProfile } from '../config/store.ts';
import { ok, type Result } from '../failure.ts';
import { logout } from '../fleet/login.ts';

export interface LogoutReport {
  site: string;
  /** There was a connection of ours, and it is closed now. */
  closed: boolean;
}

/** Closes the connection that `login` opened for a site, and no other. */
export async function logoutOfSite(options: { configDir: string; site: string }): Promise<Result<LogoutReport>> {
  const profile = await loadProfile(options.configDir, options.site);
  if (!profile.ok) return profile;
  return ok({ site: options.site, closed: await logout(profile.value) });
}
