import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type LoginHost, openLoginHost } from '../login/login-host.ts';
import type { LoginSettings } from '../login/session-opening.ts';
import { jobNameOf } from '../pilot/tag.ts';
import type { Transport } from '../transports/transport.ts';
import { distributionPath } from './distribution.ts';
import type { SiteAccess } from './site-connection.ts';
import { schedulerOf } from './site-scheduler.ts';

/** How a profile becomes a session: the one place that hands its keys to the login host. */

/**
 * What a session is for. `change`: it begins with the lock and a look. `look`: with a look alone. `ask`: with neither.
 * The last two change nothing there. `check`: with nothing, not even the directories.
 */
export interface SessionOptions {
  purpose: 'change' | 'look' | 'ask' | 'check';
  /** How pilots ended since then (seconds since the epoch) is looked at too. */
  endedSince?: number;
  /** Where pilots left no word of how they ended, the accounting is asked. */
  asksAccounting?: boolean;
  /** It may last longer than a pass. */
  lastsSeconds?: number;
}

const beginnings = { change: 'lock and look', look: 'look', ask: 'nothing', check: 'nothing' } as const;

/** What the login host needs to know of the site. */
function loginSettings(profile: Profile, options: SessionOptions): LoginSettings {
  const { purpose, endedSince, asksAccounting, lastsSeconds } = options;
  const { name, connection, pilot, scheduler, image } = profile;
  return {
    site: name,
    jobName: jobNameOf(name),
    directories: { site: connection.remoteDir, jobs: connection.jobDir, logs: pilot.logDir },
    loginShell: connection.loginShell,
    prologue: connection.prologue,
    timeouts: {
      connectSeconds: connection.timeouts.connect,
      listSeconds: connection.timeouts.list,
      submitSeconds: connection.timeouts.submit,
    },
    imagePath: image.remotePath,
    imagesDirectory: image.remotePath === null ? image.dir : null,
    distributionPath: distributionPath(profile),
    arrays: scheduler.arrays,
    looksOnly: purpose !== 'change',
    judgesDirectories: purpose !== 'check',
    beginsWith: beginnings[purpose],
    endedSince: endedSince ?? null,
    asksAccounting: asksAccounting ?? false,
    ...(lastsSeconds === undefined ? {} : { lastsSeconds }),
  };
}

/** Opens a session on the site's login host. */
export function openSession(
  transport: Transport,
  profile: Profile,
  options: SessionOptions,
  context: Context,
): Promise<Result<LoginHost>> {
  return openLoginHost(transport, schedulerOf(profile), loginSettings(profile, options), context);
}

/** Does one thing in one session with the site's login host. What keeps it from coming about is the failure. */
export async function onLoginHost<T>(
  { profile, connect }: SiteAccess,
  options: SessionOptions,
  context: Context,
  work: (host: LoginHost, transport: Transport) => Promise<T>,
): Promise<Result<T>> {
  const connected = await connect();
  if (!connected.ok) return connected;
  await using transport = connected.value;
  const opened = await openSession(transport, profile, options, context);
  if (!opened.ok) return opened;
  await using host = opened.value;
  return ok(await work(host, transport));
}
