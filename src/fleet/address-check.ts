import { randomBytes } from 'node:crypto';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, ok, type Result } from '../failure.ts';
import type { LoginHost } from '../login/login-host.ts';
import { lockOwner } from '../login/session-opening.ts';
import { forgetLock, heldLock, lockElsewhere } from '../login/site-facts.ts';
import { addressesOf } from '../transports/addresses.ts';
import { openTransport } from '../transports/index.ts';
import type { LoginBrake } from '../transports/login-brake.ts';
import type { Transport } from '../transports/transport.ts';
import { broken, type CheckStep, doubtful, fine, needless, type Verdict, wrong } from './check-steps.ts';
import { endpointOf } from './login-host-of.ts';
import { openSession } from './site-login.ts';

/**
 * Whether a lock that is taken on one of a login name's hosts is seen on the others: a pass may get to any of them, and so
 * may two at once.
 */

/** More hosts than that behind one name are tried only in part. */
const mostAddresses = 4;

/** What is known of the connection that there is. */
export interface FirstConnection {
  transport: Transport;
  brake: LoginBrake;
  /** Further ones need nobody: no code, no password, and no connection of a person's that is up. */
  canBeRepeated: boolean;
}

/** The step `addresses`. Connects to each address once, and only where there are several. */
export async function tryAddresses(first: FirstConnection, profile: Profile, context: Context): Promise<CheckStep> {
  const began = context.now();
  const addresses = await addressesOf(endpointOf(profile), context);
  const verdict = await verdictFor(addresses, first, profile, context);
  const seconds = verdict.state === 'skipped' ? null : (context.now() - began) / 1000;
  return { step: 'addresses', seconds, ...verdict };
}

async function verdictFor(
  addresses: readonly string[],
  first: FirstConnection,
  profile: Profile,
  context: Context,
): Promise<Verdict> {
  if (addresses.length === 0) return needless('another host on the way resolves the name');
  if (addresses.length === 1) return needless('the name has one address');
  const several = `the name has ${addresses.length} addresses`;
  if (!first.canBeRepeated) return needless(`${several}; each login needs a person, so only one was made`);
  const opened = await openSession(first.transport, profile, { purpose: 'check' }, context);
  if (!opened.ok) return broken(opened.failure);
  await using holder = opened.value;
  const name = randomBytes(6).toString('hex');
  const held = await lockIn(holder, heldLock(name, lockOwner()), { inSession: true });
  const verdict = await judgedOver(addresses.slice(0, mostAddresses), { name, held }, { first, profile }, context);
  await holder.parts({ text: forgetLock, purpose: 'letting the lock go', timeoutSeconds: 30, runsIn: 'session' });
  return verdict;
}

/** What a session said of the lock, and the host that it is on. */
interface Tried {
  code: number;
  host: string;
}

async function lockIn(host: LoginHost, text: string, { inSession }: { inSession: boolean }): Promise<Result<Tried>> {
  const runsIn = inSession ? 'session' : 'subshell';
  const parts = await host.parts({ text, purpose: 'trying the lock', timeoutSeconds: 60, runsIn });
  if (!parts.ok) return parts;
  const where = parts.value.get('where')?.stdout.trim() ?? '';
  return ok({ code: parts.value.get('lock')?.code ?? 137, host: where === '' ? 'a host without a name' : where });
}

async function judgedOver(
  addresses: readonly string[],
  { name, held }: { name: string; held: Result<Tried> },
  { first, profile }: { first: FirstConnection; profile: Profile },
  context: Context,
): Promise<Verdict> {
  if (!held.ok) return broken(held.failure);
  if (held.value.code !== 0) return doubtful('no lock could be had to try it with');
  const others: string[] = [];
  for (const address of addresses) {
    const tried = await lockAt(address, name, { first, profile }, context);
    // A login that failed is not tried at the next address: servers lock out who does that.
    if (!tried.ok)
      return tried.failure.kind === 'interrupted' ? broken(tried.failure) : unanswered(address, tried.failure, profile);
    const { code, host } = tried.value;
    if (code !== 1) return uncounted(held.value.host, host, code, profile);
    if (host !== held.value.host) others.push(host);
  }
  if (others.length === 0) return fine(`all ${addresses.length} addresses of the name are ${held.value.host}`);
  return fine(`a lock on ${held.value.host} is seen on ${[...new Set(others)].join(', ')}`);
}

async function lockAt(
  address: string,
  name: string,
  { first, profile }: { first: FirstConnection; profile: Profile },
  context: Context,
): Promise<Result<Tried>> {
  const endpoint = { ...endpointOf(profile), address };
  const opened = await openTransport(profile.connection.transport, endpoint, context, forgetful(first.brake));
  if (!opened.ok) return opened;
  await using transport = opened.value.transport;
  const session = await openSession(transport, profile, { purpose: 'check' }, context);
  if (!session.ok) return session;
  await using host = session.value;
  // Awaited here: both are closed when this returns.
  return await lockIn(host, lockElsewhere(name, lockOwner()), { inSession: false });
}

/**
 * A login that one of the addresses refuses is told of, and not remembered: the one that went well counts, and a pass that
 * gets there remembers for itself.
 */
function forgetful(brake: LoginBrake): LoginBrake {
  return {
    holds: () => brake.holds(),
    learn: async (end) => {
      if (end.kind !== 'refused') await brake.learn(end);
    },
  };
}

function unanswered(address: string, failure: Failure, { name }: Profile): Verdict {
  const why = reasonIn(failure);
  return doubtful(
    `no session came about at ${address}, one of the addresses of the name${why === null ? '' : ` (${why})`}; passes may get there`,
    `glidein site set ${name} connection.host=…   (the name of one login host)`,
  );
}

/** The part of a failure that is about the address; null: there is none. */
function reasonIn(failure: Failure): string | null {
  switch (failure.kind) {
    case 'unreachable':
    case 'connection-lost':
      return failure.reason;
    case 'timed-out':
      return `no answer within ${failure.seconds} s`;
    case 'host-key-unknown':
    case 'host-key-changed':
      return `its host key ${failure.fingerprint} is not the one that is known`;
    case 'needs-terminal':
    case 'login-host-unusable':
      return failure.what;
    case 'login-needed':
      return failure.why;
    default:
      return null;
  }
}

function uncounted(here: string, there: string, code: number, { name, connection }: Profile): Verdict {
  const hint = `glidein site set ${name} connection.host=${here}   (or connection.remoteDir=/another/disk/glidein)`;
  const what =
    code === 0
      ? `a lock on ${here} keeps nobody out on ${there}`
      : `${connection.remoteDir} of ${here} is not there on ${there}, or cannot be locked`;
  return wrong(`${what}: two passes at once would not see each other`, hint);
}
