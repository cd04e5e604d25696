import { type Assignment, assign, parseAssignment, valueAt } from '../config/assignment.ts';
import { isPlainObject, keySegment } from '../config/profile-keys.ts';
import type { Profile } from '../config/schema.ts';
import { changeProfile, checkNamed, type RawProfile, type WrittenProfile } from '../config/store.ts';
import { failed, type Mistake, ok, type Result } from '../failure.ts';
import { checkPilot } from '../fleet/site-job.ts';

export interface SiteSetOptions {
  configDir: string;
  site: string;
  /** `KEY=VALUE`, as `parseAssignment` reads them. */
  assignments: readonly string[];
  dryRun: boolean;
}

/** The keys that were set, or with `dryRun` would have been; `before` or `after` is null where the key is not written. */
export interface SiteSetReport {
  site: string;
  file: string;
  changes: readonly { key: string; before: unknown; after: unknown }[];
  dryRun: boolean;
}

/** Changes keys of a profile: all of them, or with any mistake none, and then all mistakes are told. */
export async function siteSet(options: SiteSetOptions): Promise<Result<SiteSetReport>> {
  const { configDir, site, dryRun } = options;
  if (options.assignments.length === 0) {
    return failed({ kind: 'usage', message: 'nothing to set', hint: `glidein site set ${site} target=5` });
  }
  const parsed = parseAll(options.assignments);
  const change = await changeProfile(configDir, site, { mustExist: true, dryRun }, (written) =>
    changed(written, parsed),
  );
  if (!change.ok) return change;
  const { file, before, after } = change.value;
  const changes = parsed.assignments.map(({ path }) => ({
    key: path.map(keySegment).join('.'),
    before: valueAt(before, path) ?? null,
    after: valueAt(after, path) ?? null,
  }));
  return ok({ site, file, changes, dryRun });
}

/** The profile, if a job can carry its values. */
function carried(raw: RawProfile, profile: Profile): Result<RawProfile> {
  const pilot = checkPilot(profile);
  return pilot.ok ? ok(raw) : pilot;
}

interface Parsed {
  assignments: Assignment[];
  mistakes: Mistake[];
}

function parseAll(written: readonly string[]): Parsed {
  const all: Parsed = { assignments: [], mistakes: [] };
  for (const text of written) {
    const parsed = parseAssignment(text);
    if (parsed.ok) all.assignments.push(parsed.value);
    else all.mistakes.push(parsed.mistake);
  }
  return all;
}

/** What to write in place of `written`. The profile as a whole must be right afterwards, whatever it was before. */
function changed(written: WrittenProfile, { assignments, mistakes }: Parsed): Result<RawProfile> {
  const { site, file } = written;
  const next = assign(isPlainObject(written.raw) ? written.raw : {}, assignments);
  const checked = checkNamed({ site, file, raw: isPlainObject(written.raw) ? next.raw : written.raw });
  const keyMistakes = [...mistakes, ...next.mistakes];
  if (keyMistakes.length === 0) return checked.ok ? carried(next.raw, checked.value) : checked;
  const others = !checked.ok && checked.failure.kind === 'profile-invalid' ? checked.failure.mistakes : [];
  const named = new Set(keyMistakes.map(({ key }) => key));
  const all = [...keyMistakes, ...others.filter(({ key }) => !named.has(key))];
  return failed({ kind: 'profile-invalid', site, file, mistakes: all });
}
