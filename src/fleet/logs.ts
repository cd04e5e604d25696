import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { readLog } from '../login/log-reading.ts';
import { isPilotId, type LogRequest, usualLogPace, type WantedLog } from '../login/pilot-log.ts';
import { LogListener, type LogPiece, type LogsReport, type LogsRequest } from './log-listener.ts';
import { connect } from './site-connection.ts';
import { schedulerOf } from './site-scheduler.ts';

/** How a profile and an id become the reading of a log. */

/** Reads the log of one pilot and hands its lines on as they come: each once, wherever it stands. */
export async function pilotLogs(
  { profile, dataDir }: { profile: Profile; dataDir: string },
  request: LogsRequest,
  logged: (piece: LogPiece) => void,
  context: Context,
): Promise<Result<LogsReport>> {
  const wanted = wantedLog(profile, request);
  if (!wanted.ok) return wanted;
  context.emit({ kind: 'site-begins', site: profile.name });
  const connected = await connect(profile, dataDir, context);
  if (!connected.ok) return connected;
  await using transport = connected.value;
  const listener = new LogListener(profile, request, logged, context);
  const reading = {
    site: profile.name,
    request: logRequest(profile, wanted.value, request.follow),
    patienceSeconds: Math.max(leastPatienceSeconds, profile.connection.timeouts.list),
  };
  const over = await readLog(transport, reading, (report) => listener.hear(report), context);
  listener.finish();
  return listener.reportOf(over);
}

/** A file server that hangs is waited for so long. */
const leastPatienceSeconds = 60;

function wantedLog(profile: Profile, { id }: LogsRequest): Result<WantedLog> {
  if (id === null) return ok({ kind: 'newest' });
  if (!isPilotId(id)) {
    const message = `${JSON.stringify(id)} is no id of a pilot`;
    return failed({ kind: 'usage', message, hint: `glidein status ${profile.name}` });
  }
  // A number that stands in no id and in no name of a host.
  const index = '987654321';
  const member = schedulerOf(profile).pilotId(id, Number(index));
  const at = member.lastIndexOf(index);
  if (at < 0) return ok({ kind: 'id', id, prefix: null, suffix: '' });
  return ok({ kind: 'id', id, prefix: member.slice(0, at), suffix: member.slice(at + index.length) });
}

function logRequest({ connection, pilot }: Profile, wanted: WantedLog, follow: boolean): LogRequest {
  const directories = { site: connection.remoteDir, jobs: connection.jobDir, logs: pilot.logDir };
  return { directories, wanted, follow, pace: usualLogPace };
}
