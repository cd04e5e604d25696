import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemReason } from '../config/local-file.ts';
import { replaceFile } from '../config/replaced-file.ts';
import type { Context } from '../context.ts';
import { exitCodeOf, type Failure } from '../failure.ts';
import type { SiteReport } from './site-report.ts';

/** What a person was told of a site last, so that passes from cron do not say the same thing every ten minutes. */

/** What a site's trouble is, how often it was seen in a row, and when it was told (milliseconds); null: it was not yet. */
export interface Trouble {
  what: string;
  times: number;
  toldAt: number | null;
  /** Something was told since all was well. */
  isKnown: boolean;
}

export type Telling = 'trouble' | 'well again' | 'nothing';

/** What mends itself often is told when it was seen so often in a row. */
const patientTimes = 3;
/** What lasts is told again once a day. */
const againAfter = 24 * 3600 * 1000;

/** Whether to tell of a site, and what to remember of it. Pure. */
export function whatToTell(
  report: SiteReport,
  before: Trouble | null,
  now: number,
): { telling: Telling; after: Trouble | null } {
  const what = troubleOf(report);
  if (what === null) return { telling: before?.isKnown ? 'well again' : 'nothing', after: null };
  const same = before?.what === what ? before : null;
  const times =
    (mendsItself(report) && before !== null && before.toldAt === null ? before.times : (same?.times ?? 0)) + 1;
  const toldAt = same?.toldAt ?? null;
  const isDue = toldAt === null ? !mendsItself(report) || times >= patientTimes : now - toldAt >= againAfter;
  return {
    telling: isDue ? 'trouble' : 'nothing',
    after: { what, times, toldAt: isDue ? now : toldAt, isKnown: isDue || (before?.isKnown ?? false) },
  };
}

/** Null where all is well, or what is missing is the profile's own wish. */
function troubleOf({ state, failure, restraint }: SiteReport): string | null {
  if (failure === null && state === 'ok') return null;
  const pause = restraint?.brake.kind === 'paused' ? restraint.brake.pause.at : '';
  return [state, failure?.kind ?? '', pause].join(' ').trim();
}

/** The next pass tries again, and often that is all. */
function mendsItself({ state, failure }: SiteReport): boolean {
  if (failure === null) return state !== 'paused' && state !== 'invalid';
  return exitCodeOf(failure) === 3 && !needsPerson.has(failure.kind);
}

const needsPerson: ReadonlySet<Failure['kind']> = new Set([
  'host-key-unknown',
  'host-key-changed',
  'needs-terminal',
  'login-needed',
]);

/** What is to be told of each of these sites now. Remembers that it was. */
export function tellings(dataDir: string, reports: readonly SiteReport[], context: Context): Map<string, Telling> {
  return new Map(
    reports.map((report) => {
      const before = remembered(dataDir, report.site);
      const { telling, after } = whatToTell(report, before, context.now());
      if (JSON.stringify(before) !== JSON.stringify(after)) remember(dataDir, report.site, after, context);
      return [report.site, telling];
    }),
  );
}

function fileOf(dataDir: string, site: string): string {
  return join(dataDir, 'told', `${site}.json`);
}

/** Null for what is no memory: then it is told once too often. */
function remembered(dataDir: string, site: string): Trouble | null {
  try {
    const { what, times, toldAt, isKnown }: Trouble = JSON.parse(readFileSync(fileOf(dataDir, site), 'utf8'));
    const isTime = toldAt === null || typeof toldAt === 'number';
    const isWhole = isTime && typeof what === 'string' && typeof times === 'number' && typeof isKnown === 'boolean';
    return isWhole ? { what, times, toldAt, isKnown } : null;
  } catch {
    return null;
  }
}

function remember(dataDir: string, site: string, trouble: Trouble | null, context: Context): void {
  const file = fileOf(dataDir, site);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    replaceFile(file, `${JSON.stringify(trouble)}\n`);
  } catch (error) {
    // Said again next time, then.
    const text = `what was told cannot be remembered: ${file}: ${systemReason(error)}`;
    context.emit({ kind: 'note', site, text });
  }
}
