import { defaultedKeys } from '../config/profile-keys.ts';
import { type Profile, profileKeys } from '../config/schema.ts';
import { checkNamed, readProfile } from '../config/store.ts';
import { ok, type Result } from '../failure.ts';

export interface SiteShowOptions {
  configDir: string;
  site: string;
}

/** A checked profile, as `site import` takes it again. `defaults`: the dotted keys that its file leaves out. */
export interface SiteShowReport {
  site: string;
  file: string;
  profile: Shown;
  defaults: readonly string[];
}

/** A profile without what only the program derives. */
type Shown = Omit<Profile, 'scheduler'> & { scheduler: Omit<Profile['scheduler'], 'walltimeSeconds'> };

/** Reads and checks one site's profile. */
export async function siteShow({ configDir, site }: SiteShowOptions): Promise<Result<SiteShowReport>> {
  const written = await readProfile(configDir, site);
  if (!written.ok) return written;
  const profile = checkNamed(written.value);
  if (!profile.ok) return profile;
  const { file, raw } = written.value;
  const { walltimeSeconds: _derived, ...scheduler } = profile.value.scheduler;
  return ok({ site, file, profile: { ...profile.value, scheduler }, defaults: defaultedKeys(raw, profileKeys) });
}
