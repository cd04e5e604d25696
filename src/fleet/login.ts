import { withFileLock } from '../config/file-lock.ts';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import type { Choice } from '../transports/choice.ts';
import { chooseWay, openTransport } from '../transports/index.ts';
import type { LoginBrake, PersonNeeded } from '../transports/login-brake.ts';
import { closeLastingMaster, lastingIdleSeconds, openLastingMaster } from '../transports/openssh-login.ts';
import { endpointOf } from './login-host-of.ts';
import { loginBrake, loginLockFile } from './login-memory.ts';

/** What a login came to. */
export interface LoginReport {
  site: string;
  by: Choice['chosen'];
  /** Why it is that transport. */
  why: string;
  /** The connection that later passes go through; null: each makes its own. */
  connection: LastingConnection | null;
  /** What a person gave for it, which each pass would need anew; null: nothing, or later passes need it not. */
  person: PersonNeeded | null;
}

export interface LastingConnection {
  /** `yours`: one that the user's own SSH configuration has opened. */
  whose: 'ours' | 'yours';
  /** It was up before. */
  wasUp: boolean;
  /** Seconds since the epoch. */
  sinceSeconds: number;
  /** It ends after so long without use; null: as the user's configuration says. */
  idleSeconds: number | null;
}

/** Another login to the same host may be waiting for its person. */
const patienceMilliseconds = 2000;

/**
 * Logs in to the site's login host, with the person at the terminal where there is one. By OpenSSH a connection stays up for
 * later passes. A good login ends what a refused one left behind.
 */
export async function login(profile: Profile, dataDir: string, context: Context): Promise<Result<LoginReport>> {
  const file = await loginLockFile(dataDir, profile);
  if (!file.ok) return file;
  return withFileLock(file.value, () => loginAlone(profile, dataDir, context), patienceMilliseconds);
}

async function loginAlone(profile: Profile, dataDir: string, context: Context): Promise<Result<LoginReport>> {
  const way = await wayToLogIn(profile, context);
  if (!way.ok) return way;
  const { chosen: by, why } = way.value;
  const report = { site: profile.name, by, why, person: null };
  const brake = loginBrake(profile, dataDir, { byPerson: true }, context);
  if (way.value.chosen !== 'openssh') return tryOnce(profile, { ...report, connection: null }, brake, context);
  if (way.value.master !== null) {
    const { whose, master } = way.value;
    const idleSeconds = whose === 'ours' ? lastingIdleSeconds : null;
    return ok({ ...report, connection: { whose, wasUp: true, sinceSeconds: master.sinceSeconds, idleSeconds } });
  }
  const opened = await openLastingMaster(endpointOf(profile), way.value.settings, brake, context);
  if (!opened.ok) return opened;
  const { sinceSeconds } = opened.value;
  return ok({ ...report, connection: { whose: 'ours', wasUp: false, sinceSeconds, idleSeconds: lastingIdleSeconds } });
}

/**
 * Where `auto` would take ssh2, who logs in wants a connection that stays, and `auto` takes that from then on. Where there
 * is no program `ssh` it cannot be.
 */
async function wayToLogIn(profile: Profile, context: Context): Promise<Result<Choice>> {
  const { transport } = profile.connection;
  const way = await chooseWay(transport, endpointOf(profile), context);
  if (transport !== 'auto' || !way.ok || way.value.chosen !== 'ssh2') return way;
  const lasting = await chooseWay('openssh', endpointOf(profile), context);
  return lasting.ok ? ok({ ...lasting.value, why: 'auto; ssh2 keeps no connection for later passes' }) : way;
}

async function tryOnce(
  profile: Profile,
  report: LoginReport,
  brake: LoginBrake,
  context: Context,
): Promise<Result<LoginReport>> {
  let person: PersonNeeded | null = null;
  const listening: LoginBrake = {
    holds: () => brake.holds(),
    learn: (end) => {
      if (end.kind === 'logged in') person = end.person;
      return brake.learn(end);
    },
  };
  const opened = await openTransport(profile.connection.transport, endpointOf(profile), context, listening);
  if (!opened.ok) return opened;
  await opened.value.transport[Symbol.asyncDispose]();
  return ok({ ...report, person });
}

/** Closes the connection that `login` opened for the site; false: there was none. One of the user's own is left alone. */
export function logout(profile: Profile): Promise<boolean> {
  return closeLastingMaster(endpointOf(profile));
}
