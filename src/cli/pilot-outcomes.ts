import type { RenderReport } from '../commands/render.ts';
import type { TokenReport } from '../commands/token-check.ts';
import { ok, type Result } from '../failure.ts';
import { exitCodeOfReport, type SiteReport, worstExitCode } from '../fleet/site-report.ts';
import { done, type Outcome } from './outcome.ts';
import { forTerminal, type Printing, siteJson, siteLine, statusJson, statusText } from './report.ts';

/** What `top-up`, `submit` and `cancel` come to. */
export function sitesOutcome(reports: Result<SiteReport[]>): Result<Outcome> {
  return reports.ok ? ok(ofReports(reports.value, siteJson, siteLine)) : reports;
}

export function statusOutcome(reports: Result<SiteReport[]>): Result<Outcome> {
  return reports.ok ? ok(ofReports(reports.value, statusJson, statusText)) : reports;
}

function ofReports(
  reports: readonly SiteReport[],
  json: (report: SiteReport) => object,
  text: (report: SiteReport, printing: Printing) => string | null,
): Outcome {
  return {
    json: { sites: reports.map(json) },
    text: (printing) => {
      const lines = reports.flatMap((report) => text(report, printing) ?? []);
      return lines.length === 0 ? null : forTerminal(lines.join('\n'));
    },
    failures: reports.flatMap(({ site, failure }) => (failure === null ? [] : [{ site, failure }])),
    exitCode: worstExitCode(reports.map(exitCodeOfReport)),
  };
}

export function renderOutcome(report: Result<RenderReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, command, script, owners } = report.value;
  const aside = `# ${owners}\n# submitted on the login host by: ${command}`;
  return ok(done({ site, command, script }, script.replace(/\n$/, ''), aside));
}

export function tokenOutcome(report: Result<TokenReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, file, issuer, subject, expiresAt } = report.value;
  const until = expiresAt === null ? 'does not expire' : `good until ${expiresAt}`;
  return ok(
    done(
      report.value,
      `${site}: ${file}: issued by ${issuer ?? 'nobody named'} for ${subject ?? 'nobody named'}, ${until}`,
    ),
  );
}
