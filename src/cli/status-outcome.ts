import { ok, type Result } from '../failure.ts';
import type { SiteReport } from '../fleet/site-report.ts';
import { type Outcome, shownAlready } from './outcome.ts';
import { ofReports } from './pass-outcome.ts';
import { statusJson } from './report.ts';
import { statusText } from './status-table.ts';

/** What one `status` comes to. How long ago things were is counted from `nowMilliseconds`. */
export function statusOutcome(reports: Result<SiteReport[]>, nowMilliseconds: number): Result<Outcome> {
  if (!reports.ok) return reports;
  return ok(ofLook(reports.value, nowMilliseconds));
}

/** One look at some sites, ready to be printed. */
export function ofLook(reports: readonly SiteReport[], nowMilliseconds: number): Outcome {
  const nowSeconds = Math.floor(nowMilliseconds / 1000);
  return ofReports(reports, statusJson, (report, printing) => statusText(report, printing, nowSeconds));
}

/** `status --watch` ends when it is interrupted, and has shown by then what there was to see. */
export function watchOutcome(watched: Result<void>): Result<Outcome> {
  return watched.ok ? ok(shownAlready) : watched;
}
