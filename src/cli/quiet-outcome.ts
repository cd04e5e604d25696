import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { exitCodeOfReport, type SiteReport, worstExitCode } from '../fleet/site-report.ts';
import { type Telling, tellings } from '../fleet/told-last.ts';
import type { Outcome } from './outcome.ts';
import { forTerminal, type Printing, siteJson, siteLine } from './report.ts';

/**
 * What passes come to with `--quiet`: what they did, trouble that a person has not been told of, and that it is over. What
 * was told is remembered; the exit code says all the same how things stand.
 */
export function quietOutcome(reports: Result<SiteReport[]>, dataDir: string, context: Context): Result<Outcome> {
  if (!reports.ok) return reports;
  const told = tellings(dataDir, reports.value, context);
  const telling = ({ site }: SiteReport): Telling => told.get(site) ?? 'trouble';
  return ok({
    json: { sites: reports.value.map(siteJson) },
    text: (printing) => {
      const lines = reports.value.flatMap((report) => quietLine(report, telling(report), printing) ?? []);
      return lines.length === 0 ? null : forTerminal(lines.join('\n'));
    },
    failures: reports.value.flatMap((report) => {
      const { site, failure } = report;
      return failure === null || telling(report) !== 'trouble' ? [] : [{ site, failure }];
    }),
    exitCode: worstExitCode(reports.value.map(exitCodeOfReport)),
  });
}

function quietLine(report: SiteReport, telling: Telling, printing: Printing): string | null {
  const acted = report.submitted + report.cancelled + report.drained > 0;
  if (telling === 'nothing' && !acted) return null;
  const line = siteLine(report, { ...printing, quiet: false });
  return telling === 'well again' && line !== null ? `${line}; all is well again` : line;
}
