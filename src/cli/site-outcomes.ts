import type { SiteExportReport } from '../commands/site-export.ts';
import type { SiteImportReport } from '../commands/site-import.ts';
import type { SiteListReport } from '../commands/site-list.ts';
import type { SiteRemoveReport } from '../commands/site-remove.ts';
import type { SiteSetReport } from '../commands/site-set.ts';
import type { SiteShowReport } from '../commands/site-show.ts';
import { ok, type Result } from '../failure.ts';
import { wordFailure } from './failure-words.ts';
import { done, type Outcome } from './outcome.ts';
import { columns } from './report.ts';

/** What the `site` commands come to, in words and as JSON. */

export function listOutcome(report: Result<SiteListReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { sites, configDir } = report.value;
  const json = {
    sites: sites.map((site) => ({
      ...site,
      problem: site.problem === null ? null : wordFailure(site.problem).message,
    })),
  };
  if (sites.length === 0)
    return ok(done(json, `no site has a profile in ${configDir}\nnext: glidein init   (or: glidein site import FILE)`));
  const rows = sites.map((site) =>
    site.problem === null
      ? [site.site, String(site.target), site.scheduler, site.host, site.owners.join(' ')]
      : [site.site, '-', '-', '-', wordFailure(site.problem).message.split('\n')[0] ?? ''],
  );
  return ok(done(json, columns([['SITE', 'TARGET', 'SCHEDULER', 'HOST', 'OWNERS'], ...rows]).join('\n')));
}

/** A profile as it is understood. Its text is JSON in either case; which keys are defaults is said aside. */
export function showOutcome(report: Result<SiteShowReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { profile, file, defaults } = report.value;
  const aside = `# ${file}; ${defaults.length} of these keys are not in it and have their defaults`;
  return ok(done(profile, JSON.stringify(profile, null, 2), aside));
}

export function exportOutcome(report: Result<SiteExportReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { raw } = report.value;
  return ok(done(typeof raw === 'object' && raw !== null ? raw : { raw }, JSON.stringify(raw, null, 2)));
}

export function importOutcome(report: Result<SiteImportReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, file, outcome, dryRun } = report.value;
  const verb = dryRun ? `would be ${outcome}` : outcome;
  return ok(
    done(
      report.value,
      `${site}: ${verb} (${file})`,
      dryRun ? undefined : `next: glidein token check ${site}; glidein render ${site}`,
    ),
  );
}

export function setOutcome(report: Result<SiteSetReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, changes, dryRun } = report.value;
  const lines = changes.map(
    ({ key, before, after }) =>
      `${site}: ${key}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}${dryRun ? ' (not written)' : ''}`,
  );
  return ok(done(report.value, lines.join('\n')));
}

export function removeOutcome(report: Result<SiteRemoveReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, file, dryRun } = report.value;
  const text = dryRun ? `${site}: ${file} would be removed` : `${site}: removed ${file}; pilots on the cluster run on`;
  return ok(done(report.value, text));
}
