import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { ClusterFacts } from '../login/cluster-facts.ts';
import { lookAtCluster } from '../login/cluster-look.ts';
import type { SchedulerKind } from '../schedulers/index.ts';
import { openTransport } from '../transports/index.ts';
import type { Transport } from '../transports/transport.ts';
import { login } from './login.ts';
import { endpointOf } from './login-host-of.ts';
import { loginBrake } from './login-memory.ts';

/** How `init` gets to a cluster that has no profile yet, and what it learns there over one connection. */

export interface Look {
  /** `ada@login.example.org:22` */
  target: string;
  facts: ClusterFacts;
}

/**
 * Looks once. Of the profile only the connection counts. Where the site asks for more than a key, a person at a terminal
 * logs in first, by a connection that stays up for what comes after.
 */
export async function lookFor(
  profile: Profile,
  scheduler: SchedulerKind | null,
  dataDir: string,
  context: Context,
): Promise<Result<Look>> {
  const { name: site } = profile;
  const look = () => lookOnce(profile, scheduler, dataDir, context);
  context.emit({ kind: 'site-begins', site });
  const looked = await look();
  const mayAsk = context.ask !== null && !looked.ok && needsPerson(looked.failure);
  const loggedIn = mayAsk ? await login(profile, dataDir, context) : null;
  const result = loggedIn === null ? looked : loggedIn.ok ? await look() : loggedIn;
  context.emit({ kind: 'site-ends', site });
  return named(result, profile);
}

async function lookOnce(
  profile: Profile,
  scheduler: SchedulerKind | null,
  dataDir: string,
  context: Context,
): Promise<Result<Look>> {
  // A person asks: what was refused before may be tried once more, and is forgotten when it goes well.
  const brake = loginBrake(profile, dataDir, { byPerson: true }, context);
  const opened = await openTransport(profile.connection.transport, endpointOf(profile), context, brake);
  if (!opened.ok) return opened;
  await using transport: Transport = opened.value.transport;
  const { name: site, connection, pilot } = profile;
  const { loginShell, prologue, remoteDir, jobDir, timeouts } = connection;
  const directories = { site: remoteDir, jobs: jobDir, logs: pilot.logDir };
  const limits = { connectSeconds: timeouts.connect, listSeconds: timeouts.list };
  const settings = { site, loginShell, prologue, directories, timeouts: limits, scheduler };
  const facts = await lookAtCluster(transport, settings, context);
  return facts.ok ? ok({ target: transport.target, facts: facts.value }) : facts;
}

/** By OpenSSH nothing is asked before `login`, not even about a host key. */
function needsPerson(failure: Failure): boolean {
  const { kind } = failure;
  if (kind === 'host-key-unknown') return failure.hint.startsWith('glidein login ');
  return kind === 'login-needed' || kind === 'needs-terminal';
}

/** What is to be typed next cannot name the site: there is none yet. */
function named<T>(result: Result<T>, { name: site, connection }: Profile): Result<T> {
  if (result.ok) return result;
  const { failure } = result;
  const { host, user } = connection;
  const byHand = `ssh ${user === null ? host : `${user}@${host}`}   (do you get in by hand? then the same command again)`;
  const again = `glidein init ${site}   (at a terminal: it asks)`;
  switch (failure.kind) {
    case 'unreachable':
      return failed({ ...failure, hint: failure.hint?.includes('glidein') === false ? failure.hint : byHand });
    case 'login-host-unusable': {
      const settings = `glidein init ${site} --set connection.loginShell=false`;
      return failed({ ...failure, hint: failure.what.includes('shell') ? `${settings}   (or: ${byHand})` : byHand });
    }
    case 'login-needed':
      return failed({ kind: 'needs-terminal', site, what: `a login to ${failure.target}`, hint: again });
    case 'needs-terminal':
      return failed({ ...failure, hint: again });
    case 'host-key-unknown':
      return failed({
        ...failure,
        hint: byHand.replace(/ {3}.*/, '   (compare the fingerprint with what the site publishes)'),
      });
    case 'connection-lost':
    case 'timed-out': {
      const { step } = failure;
      const reason = failure.kind === 'timed-out' ? `no answer within ${failure.seconds} s` : failure.reason;
      const words = `${reason}, while ${step}`;
      return failed({ kind: 'unreachable', site, target: host, stage: 'shell', reason: words, hint: byHand });
    }
    default:
      return result;
  }
}
