import { ok, type Result } from '../failure.ts';
import { exitCodeOfReport, type SiteReport, worstExitCode } from '../fleet/site-report.ts';
import type { Outcome } from './outcome.ts';
import { forTerminal, type Printing, siteJson, siteLine } from './report.ts';

/** What `top-up`, `submit`, `drain` and `cancel` come to. */
export function sitesOutcome(reports: Result<SiteReport[]>): Result<Outcome> {
  return reports.ok ? ok(ofReports(reports.value, siteJson, siteLine)) : reports;
}

/** Several sites' reports, each as JSON and as text. */
export function ofReports(
  reports: readonly SiteReport[],
  json: (report: SiteReport) => object,
  text: (report: SiteReport, printing: Printing) => string | null,
): Outcome {
  return {
    json: { sites: reports.map(json) },
    text: (printing) => {
      const texts = reports.flatMap((report) => text(report, printing) ?? []);
      // Tables stand apart, lines do not.
      const between = texts.some((one) => one.includes('\n')) ? '\n\n' : '\n';
      return texts.length === 0 ? null : forTerminal(texts.join(between));
    },
    failures: reports.flatMap(({ site, failure }) => (failure === null ? [] : [{ site, failure }])),
    exitCode: worstExitCode(reports.map(exitCodeOfReport)),
  };
}
