import { access, chmod, mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { parseJson } from './json-text.ts';
import { hasCode, readLocalText, systemReason, unusable } from './local-file.ts';
import { acceptsAt, checkProfile, type Profile } from './schema.ts';

/** A profile as its file has it: valid JSON, its keys not checked. */
export interface WrittenProfile {
  site: string;
  file: string;
  raw: unknown;
}

/** The names of the sites that have a profile, sorted. No directory: none. */
export async function listSites(configDir: string): Promise<Result<string[]>> {
  const directory = sitesDirectory(configDir);
  try {
    const names = await readdir(directory);
    // Locks and what a killed writer left have other endings.
    const sites = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
    return ok(sites.filter(isSiteName).sort());
  } catch (error) {
    return hasCode(error, 'ENOENT') ? ok([]) : unusable(directory, systemReason(error));
  }
}

/** Reads a site's profile as it is written. A site that is not there is `profile-missing`, with those that are. */
export async function readProfile(configDir: string, site: string): Promise<Result<WrittenProfile>> {
  const file = siteFile(configDir, site);
  if (!file.ok) return file;
  const raw = await readJson(file.value);
  if (!raw.ok) return raw;
  if (raw.value === undefined) return missing(configDir, site);
  return ok({ site, file: file.value, raw: raw.value });
}

/** Reads and checks a site's profile. Loads nothing but the schema: a pass from cron starts with this. */
export async function loadProfile(configDir: string, site: string): Promise<Result<Profile>> {
  const written = await readProfile(configDir, site);
  return written.ok ? checkNamed(written.value) : written;
}

/** Checks a written profile, also that it says the name it is stored under: two files may not speak for one site. */
export function checkNamed({ site, file, raw }: WrittenProfile): Result<Profile> {
  const profile = checkProfile(raw, { site, file });
  if (!profile.ok || profile.value.name === site) return profile;
  const mistakes = [{ key: 'name', message: `must be ${site}, the name the profile is stored under` }];
  return failed({ kind: 'profile-invalid', site, file, mistakes });
}

/** A profile's content as it goes into its file. */
export type RawProfile = Record<string, unknown>;

/** What a change of a profile came to. `before` is undefined when there was none. */
export interface ProfileChange {
  file: string;
  before: unknown;
  after: RawProfile;
}

/**
 * Changes a site's profile under its lock: `change` gets what is written now and answers what to write, or a failure,
 * and then nothing is written. A broken file is a failure and stays as it is. `mustExist`: no profile is
 * `profile-missing`; otherwise `change` gets a `raw` that is undefined. `dryRun`: neither locks nor writes.
 */
export async function changeProfile(
  configDir: string,
  site: string,
  options: { mustExist: boolean; dryRun: boolean },
  change: (before: WrittenProfile) => Result<RawProfile>,
): Promise<Result<ProfileChange>> {
  const file = siteFile(configDir, site);
  if (!file.ok) return file;
  const attempt = () => changedProfile(configDir, site, file.value, options.mustExist, change);
  if (options.dryRun) return attempt();
  const ready = options.mustExist ? await mustBeThere(configDir, site, file.value) : await makeDirectories(configDir);
  if (!ready.ok) return ready;
  const { writeConfFile } = await import('./conf-file.ts');
  const { withFileLock } = await import('./file-lock.ts');
  return withFileLock(file.value, async () => {
    const changed = await attempt();
    if (!changed.ok) return changed;
    const written = await writeConfFile(file.value, changed.value.after);
    return written.ok ? changed : written;
  });
}

/** Removes a site's profile from this machine, broken or not. Answers its file. */
export async function removeProfile(
  configDir: string,
  site: string,
  options: { dryRun: boolean },
): Promise<Result<string>> {
  const file = siteFile(configDir, site);
  if (!file.ok) return file;
  const there = await mustBeThere(configDir, site, file.value);
  if (!there.ok || options.dryRun) return there.ok ? file : there;
  const { withFileLock } = await import('./file-lock.ts');
  return withFileLock(file.value, async () => {
    try {
      await unlink(file.value);
      return file;
    } catch (error) {
      return hasCode(error, 'ENOENT') ? missing(configDir, site) : unusable(file.value, systemReason(error));
    }
  });
}

async function changedProfile(
  configDir: string,
  site: string,
  file: string,
  mustExist: boolean,
  change: (before: WrittenProfile) => Result<RawProfile>,
): Promise<Result<ProfileChange>> {
  const before = await readJson(file);
  if (!before.ok) return before;
  if (before.value === undefined && mustExist) return missing(configDir, site);
  const after = change({ site, file, raw: before.value });
  return after.ok ? ok({ file, before: before.value, after: after.value }) : after;
}

/** Only we have a use for what is in there, whatever the umask says. A directory of the user's own keeps its mode. */
async function makeDirectories(configDir: string): Promise<Result<null>> {
  const sites = sitesDirectory(configDir);
  try {
    const created = await mkdir(configDir, { recursive: true, mode: 0o700 });
    if (created !== undefined) await chmod(configDir, 0o700);
    await mkdir(sites, { recursive: true, mode: 0o700 });
    await chmod(sites, 0o700);
    return ok(null);
  } catch (error) {
    return unusable(sites, systemReason(error));
  }
}

async function mustBeThere(configDir: string, site: string, file: string): Promise<Result<null>> {
  try {
    await access(file);
    return ok(null);
  } catch (error) {
    return hasCode(error, 'ENOENT') ? missing(configDir, site) : unusable(file, systemReason(error));
  }
}

function sitesDirectory(configDir: string): string {
  return join(configDir, 'sites');
}

/** The file of a site. A name that is none could lead anywhere as a path, so it ends here. */
function siteFile(configDir: string, site: string): Result<string> {
  if (isSiteName(site)) return ok(join(sitesDirectory(configDir), `${site}.json`));
  const shown = JSON.stringify(site.slice(0, 64));
  return failed({
    kind: 'usage',
    message: `${shown} is not a site name: 1 to 32 of a-z, 0-9 and -, beginning with a letter or a digit`,
    hint: 'glidein site list',
  });
}

function isSiteName(name: string): boolean {
  return acceptsAt(['name'], name);
}

/** The JSON of a file; undefined when there is no file. */
async function readJson(file: string): Promise<Result<unknown>> {
  const text = await readLocalText(file, { guarded: true });
  if (!text.ok) return text;
  if (text.value === null) return ok(undefined);
  const json = parseJson(text.value);
  return json.ok ? ok(json.value) : failed({ kind: 'file-broken', file, line: json.line, reason: json.reason });
}

async function missing(configDir: string, site: string): Promise<Result<never>> {
  const known = await listSites(configDir);
  return failed({ kind: 'profile-missing', site, known: known.ok ? known.value : [] });
}
