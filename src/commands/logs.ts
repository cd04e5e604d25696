import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import type { Result } from '../failure.ts';
import type { LogPiece, LogsReport, LogsRequest } from '../fleet/log-listener.ts';
import { pilotLogs } from '../fleet/logs.ts';

export type { LogFile, LogPiece, LogsReport } from '../fleet/log-listener.ts';

export interface LogsOptions extends LogsRequest {
  configDir: string;
  dataDir: string;
  site: string;
}

/** Reads the log of one pilot of a site; `logged` is given its lines as they come. Changes nothing but, when it follows, asks the pilot for its log. */
export async function showLogs(
  options: LogsOptions,
  logged: (piece: LogPiece) => void,
  context: Context,
): Promise<Result<LogsReport>> {
  const profile = await loadProfile(options.configDir, options.site);
  if (!profile.ok) return profile;
  return pilotLogs({ profile: profile.value, dataDir: options.dataDir }, options, logged, context);
}
