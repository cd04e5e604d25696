import { removeProfile } from '../config/store.ts';
import { ok, type Result } from '../failure.ts';

export interface SiteRemoveOptions {
  configDir: string;
  site: string;
  dryRun: boolean;
}

/** The profile that was removed from this machine, or with `dryRun` would have been. */
export interface SiteRemoveReport {
  site: string;
  file: string;
  dryRun: boolean;
}

/** Removes a site's profile from this machine, even a broken one. Nothing on the login host changes; pilots there run on. */
export async function siteRemove({ configDir, site, dryRun }: SiteRemoveOptions): Promise<Result<SiteRemoveReport>> {
  const file = await removeProfile(configDir, site, { dryRun });
  return file.ok ? ok({ site, file: file.value, dryRun }) : file;
}
