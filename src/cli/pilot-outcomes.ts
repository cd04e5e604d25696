import type { LogFile, LogsReport } from '../commands/logs.ts';
import type { RenderReport } from '../commands/render.ts';
import type { TokenReport } from '../commands/token-check.ts';
import { ok, type Result } from '../failure.ts';
import { exitCodeOfReport, type SiteReport, worstExitCode } from '../fleet/site-report.ts';
import type { EndMark } from '../login/journal.ts';
import { longestFollowSeconds } from '../login/pilot-log.ts';
import { commandLine } from '../shell.ts';
import { howItEnded } from './ending-words.ts';
import { done, type Outcome, shownAlready } from './outcome.ts';
import { forTerminal, isoTime, type Printing, siteJson, siteLine, statusJson } from './report.ts';
import { duration, statusText } from './status-table.ts';

/** What `top-up`, `submit` and `cancel` come to. */
export function sitesOutcome(reports: Result<SiteReport[]>): Result<Outcome> {
  return reports.ok ? ok(ofReports(reports.value, siteJson, siteLine)) : reports;
}

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

function ofReports(
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

/** What `logs` comes to. Its text was printed on the way; `--json` without `--follow` has both files as they stand there. */
export function logsOutcome(report: Result<LogsReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, id, followed, files } = report.value;
  const json = followed ? null : { site, id, files: files.map(fileJson) };
  return ok({ ...shownAlready, json, aside: `${site}: ${logsWords(report.value)}` });
}

function fileJson({ source, path, refreshedAt, bytes }: LogFile): object {
  return { source, path, refreshedAt: isoTime(refreshedAt), text: bytes.toString('utf8') };
}

/** What is to be known of the pilot besides its lines. */
function logsWords({ site, id, end, over, followed, files }: LogsReport): string {
  if (end !== null)
    return `${id} ended ${isoTime(end.endedAt) ?? 'some time ago'} on ${end.node}: ${endingWords(id, end)}`;
  const follow = commandLine(['glidein', 'logs', site, id, '--follow']);
  if (over === 'limit')
    return `${id} was followed for ${duration(longestFollowSeconds)} and has not ended; to go on: ${follow}`;
  if (over === 'interrupted') return `${id} had not ended so far; this changed nothing for it`;
  const missing = files.some(({ source }) => source === 'pilot') ? '' : ' has no log of its own yet and';
  const pace = 'a running pilot copies its log here every 10 minutes';
  return `${id}${missing} has not said that it ended; ${pace}${followed ? '' : `, for --follow every 30 s: ${follow}`}`;
}

function endingWords(id: string, end: EndMark): string {
  return howItEnded({ ...end, id }, new Map()).words;
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
