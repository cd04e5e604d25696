import { defaultedKeys } from '../config/profile-keys.ts';
import { type Profile, profileKeys } from '../config/schema.ts';
import { checkNamed, readProfile } from '../config/store.ts';
import { ok, type Result } from '../failure.ts';

export interface SiteShowOptions {
  configDir: string;
  site: string;
}

/** A checked profile. `defaults`: the dotted keys that its file leaves out. */
export interface SiteShowReport {
  site: string;
  file: string;
  profile: Profile;
  defaults: readonly string[];
}

/** Reads and checks one site's profile. */
export async function siteShow({ configDir, site }: SiteShowOptions): Promise<Result<SiteShowReport>> {
  const written = await readProfile(configDir, site);
  if (!written.ok) return written;
  const profile = checkNamed(written.value);
  if (!profile.ok) return profile;
  const { file, raw } = written.value;
  return ok({ site, file, profile: profile.value, defaults: defaultedKeys(raw, profileKeys) });
}
