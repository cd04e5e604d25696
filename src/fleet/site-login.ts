import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type LoginHost, type LoginSettings, openLoginHost } from '../login/login-host.ts';
import { jobNameOf } from '../pilot/tag.ts';
import { type SchedulerKind, schedulers } from '../schedulers/index.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import { openTransport } from '../transports/index.ts';
import type { Endpoint, Transport } from '../transports/transport.ts';
import { failureReport, type SiteReport } from './site-report.ts';

/** How a profile becomes a connection: the one place that hands its keys to transports and login host. */

/** The site's batch system. */
export function schedulerOf(profile: Profile): Scheduler {
  // The schema admits only what the table has.
  return schedulers[profile.scheduler.kind as SchedulerKind];
}

/** Connects to the site's login host. Nothing runs there yet. */
export async function connect(profile: Profile, context: Context): Promise<Result<Transport>> {
  const { name, connection } = profile;
  const endpoint: Endpoint = {
    site: name,
    host: connection.host,
    user: connection.user,
    port: connection.port,
    identityFile: connection.identityFile,
    connectSeconds: connection.timeouts.connect,
  };
  // The schema refuses `openssh` as long as there is none.
  const choice = connection.transport === 'openssh' ? 'auto' : connection.transport;
  const opened = await openTransport(choice, endpoint, context);
  if (!opened.ok) return opened;
  const { transport, chosen, why } = opened.value;
  context.emit({ kind: 'note', site: name, text: `connected to ${transport.target} by ${chosen} (${why})` });
  return ok(transport);
}

/** What the login host needs to know of the site. */
function loginSettings(profile: Profile, looksOnly: boolean): LoginSettings {
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
    arrays: scheduler.arrays,
    looksOnly,
  };
}

/** Opens a session on the site's login host; with `looksOnly` it changes nothing there. */
export function openSession(
  transport: Transport,
  profile: Profile,
  { looksOnly }: { looksOnly: boolean },
  context: Context,
): Promise<Result<LoginHost>> {
  return openLoginHost(transport, schedulerOf(profile), loginSettings(profile, looksOnly), context);
}

/** Does one thing in one session with the site's login host. What keeps it from coming about is the report. */
export async function onLoginHost(
  profile: Profile,
  options: { looksOnly: boolean },
  context: Context,
  work: (host: LoginHost) => Promise<SiteReport>,
): Promise<SiteReport> {
  const connected = await connect(profile, context);
  if (!connected.ok) return failureReport(profile.name, profile.target, connected.failure);
  await using transport = connected.value;
  const opened = await openSession(transport, profile, options, context);
  if (!opened.ok) return failureReport(profile.name, profile.target, opened.failure);
  await using host = opened.value;
  // Awaited here: the session must outlive it.
  return await work(host);
}
