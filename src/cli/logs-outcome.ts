import type { LogFile, LogsReport } from '../commands/logs.ts';
import { ok, type Result } from '../failure.ts';
import { isoTime } from '../iso-time.ts';
import type { EndMark } from '../login/journal.ts';
import { longestFollowSeconds } from '../login/pilot-log.ts';
import { commandLine } from '../shell.ts';
import { howItEnded } from './ending-words.ts';
import { type Outcome, shownAlready } from './outcome.ts';
import { duration } from './status-table.ts';

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
