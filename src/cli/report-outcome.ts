import type { PastReport } from '../commands/report.ts';
import { ok, type Result } from '../failure.ts';
import type { SitePast } from '../fleet/site-past.ts';
import { pastJson, periodWords, summaryLines } from './history-outcome.ts';
import type { Outcome } from './outcome.ts';
import { forTerminal, type Printing, paint } from './report.ts';

/** What `report` comes to: each site in a few lines, and all together where there are several; or the page's file. */
export function reportOutcome(report: Result<PastReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { sites, all, file } = report.value;
  return ok({
    json: { file, sites: sites.map(pastJson), all: pastJson(all) },
    text: (printing) => forTerminal(file === null ? reportText(report.value, printing) : file),
    failures: [],
    exitCode: 0,
  });
}

function reportText({ sites, all }: PastReport, printing: Printing): string {
  const told = sites.length > 1 ? [...sites, all] : sites;
  return told.map((past) => siteText(past, printing)).join('\n\n');
}

function siteText(past: SitePast, printing: Printing): string {
  const { samples } = past;
  const seen = samples.flatMap(({ counts }) => counts ?? []);
  const mean = (of: (counts: (typeof seen)[number]) => number) =>
    (seen.reduce((sum, counts) => sum + of(counts), 0) / seen.length).toFixed(1);
  const pilots =
    seen.length === 0
      ? 'nobody looked'
      : `${mean(({ running }) => running)} running and ${mean(({ waiting }) => waiting)} waiting on average, target ${mean(({ target }) => target)}`;
  const head = `${paint('bold', past.site, printing)}: ${periodWords(past)}`;
  return [head, `  ${'pilots'.padEnd(12)}${pilots}`, ...summaryLines(past)].join('\n');
}
