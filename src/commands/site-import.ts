import { parseJson } from '../config/json-text.ts';
import { readLocalText, unusable } from '../config/local-file.ts';
import { isPlainObject } from '../config/profile-keys.ts';
import { checkProfile } from '../config/schema.ts';
import { changeProfile, type RawProfile } from '../config/store.ts';
import { failed, ok, type Result } from '../failure.ts';
import { checkPilot } from '../fleet/site-job.ts';

export interface SiteImportOptions {
  configDir: string;
  /** The file to read, or what to call the text in messages when it is given. */
  file: string;
  /** The text itself, where it came on standard input; else null. */
  text: string | null;
  dryRun: boolean;
}

/** The profile that was written, or with `dryRun` would have been. */
export interface SiteImportReport {
  site: string;
  /** Where the profile is now. */
  file: string;
  outcome: 'created' | 'replaced';
  dryRun: boolean;
}

/** Checks a profile and writes it, in place of the one of the same site. With any mistake nothing is written. */
export async function siteImport(options: SiteImportOptions): Promise<Result<SiteImportReport>> {
  const { configDir, file, dryRun } = options;
  const text = options.text === null ? await fileText(file) : ok(options.text);
  if (!text.ok) return text;
  const imported = checkedText(text.value, file);
  if (!imported.ok) return imported;
  const { site, raw } = imported.value;
  const change = await changeProfile(configDir, site, { mustExist: false, dryRun }, () => ok(raw));
  if (!change.ok) return change;
  const outcome = change.value.before === undefined ? 'created' : 'replaced';
  return ok({ site, file: change.value.file, outcome, dryRun });
}

async function fileText(file: string): Promise<Result<string>> {
  const text = await readLocalText(file, { guarded: false });
  if (!text.ok) return text;
  return text.value === null ? unusable(file, 'there is no such file') : ok(text.value);
}

function checkedText(text: string, file: string): Result<{ site: string; raw: RawProfile }> {
  const json = parseJson(text);
  if (!json.ok) return failed({ kind: 'file-broken', file, line: json.line, reason: json.reason });
  const profile = checkProfile(json.value, { site: null, file });
  if (!profile.ok) return profile;
  const pilot = checkPilot(profile.value);
  if (!pilot.ok) return pilot;
  return ok({ site: profile.value.name, raw: isPlainObject(json.value) ? json.value : {} });
}
