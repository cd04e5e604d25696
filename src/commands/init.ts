import { join } from 'node:path';
import { type Assignment, assign, parseAssignment } from '../config/assignment.ts';
import { changeProfile, listSites, type RawProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { failed, type Mistake, ok, type Result } from '../failure.ts';
import { type Interviewer, type NewSite, newSite } from '../fleet/init.ts';
import type { Said } from '../fleet/init-draft.ts';
import type { Look } from '../fleet/init-look.ts';

export type { Interviewer } from '../fleet/init.ts';
export type { Said } from '../fleet/init-draft.ts';
export type { Look } from '../fleet/init-look.ts';
export type { Choice, InitKey, Question } from '../fleet/init-questions.ts';

export interface InitOptions {
  configDir: string;
  dataDir: string;
  said: Said;
  /** `KEY=VALUE`, as `site set` takes them. */
  assignments: readonly string[];
  /** A site of the same name may be replaced without a question. */
  replaces: boolean;
  dryRun: boolean;
}

/** Who is shown what was learned, and asked where that is possible. */
export interface Voice {
  /** What there is on the cluster. */
  found(look: Look): void;
  /** What is about to be written. */
  propose(raw: RawProfile): void;
  /** null: there is no terminal. */
  interviewer: (Interviewer & { agrees(to: 'replace' | 'write', site: string): Promise<boolean | null> }) | null;
}

/** The profile that was written, or with `dryRun` would have been. */
export interface InitReport {
  site: string;
  file: string;
  outcome: 'created' | 'replaced';
  dryRun: boolean;
  look: Look;
  raw: RawProfile;
}

/** Finds out what a site's profile needs, and writes it. Nothing is written before all of it was shown, and said to fit. */
export async function initSite(options: InitOptions, voice: Voice, context: Context): Promise<Result<InitReport>> {
  const { configDir, dataDir, said } = options;
  const settings = settingsIn(options.assignments);
  if (!settings.ok) return settings;
  const { interviewer } = voice;
  const tokenFileFor = (site: string) => join(configDir, `${site}.token`);
  let replaces = options.replaces || options.dryRun;
  const mayBe = async (site: string) => {
    const may = replaces ? ok(true) : await mayBeWritten(site, configDir, voice);
    replaces ||= may.ok && may.value;
    return may.ok ? ok(undefined) : may;
  };
  const found = (look: Look) => voice.found(look);
  const plan = { dataDir, said, settings: settings.value, interviewer, tokenFileFor, mayBe, found };
  const made = await newSite(plan, context);
  if (!made.ok) return made;
  const site = made.value.profile.name;
  if (!options.dryRun) voice.propose(made.value.raw);
  if (!options.dryRun && interviewer !== null) {
    const agrees = await interviewer.agrees('write', site);
    if (agrees !== true) return agrees === null ? failed({ kind: 'interrupted' }) : leftAlone(site);
  }
  return context.signal.aborted ? failed({ kind: 'interrupted' }) : write(made.value, { ...options, replaces });
}

async function write({ raw, profile, look }: NewSite, options: InitOptions): Promise<Result<InitReport>> {
  const { configDir, dryRun, replaces } = options;
  const site = profile.name;
  const change = await changeProfile(configDir, site, { mustExist: false, dryRun }, ({ raw: before }) =>
    // Somebody may have written it since the question.
    before === undefined || replaces ? ok(raw) : isThere(site),
  );
  if (!change.ok) return change;
  const outcome = change.value.before === undefined ? 'created' : 'replaced';
  return ok({ site, file: change.value.file, outcome, dryRun, look, raw });
}

/** A site that is there stays as it is, unless somebody says otherwise: then true. */
async function mayBeWritten(site: string, configDir: string, { interviewer }: Voice): Promise<Result<boolean>> {
  const sites = await listSites(configDir);
  if (!sites.ok) return sites;
  if (!sites.value.includes(site)) return ok(false);
  if (interviewer === null) return isThere(site);
  const agrees = await interviewer.agrees('replace', site);
  if (agrees === null) return failed({ kind: 'interrupted' });
  return agrees ? ok(true) : leftAlone(site);
}

function isThere(site: string): Result<never> {
  const hint = `add --replace, or another name, or: glidein site show ${site}`;
  return failed({ kind: 'usage', message: `${site} has a profile already; nothing was changed`, hint });
}

function leftAlone(site: string): Result<never> {
  return failed({ kind: 'usage', message: 'nothing was written', hint: `glidein init ${site}   (asks anew)` });
}

function settingsIn(assignments: readonly string[]): Result<readonly Assignment[]> {
  const parsed = assignments.map(parseAssignment);
  const settings = parsed.flatMap((one) => (one.ok ? [one.value] : []));
  const mistakes: Mistake[] = [
    ...parsed.flatMap((one) => (one.ok ? [] : [one.mistake])),
    ...assign({}, settings).mistakes,
  ];
  if (mistakes.length === 0) return ok(settings);
  const message = mistakes.map(({ key, message }) => `--set ${key} ${message}`).join('\n  ');
  return failed({ kind: 'usage', message, hint: 'glidein init --help' });
}
