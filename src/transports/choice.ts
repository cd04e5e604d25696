import { hostname, userInfo } from 'node:os';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { startLimit } from './connect-limit.ts';
import { liveMaster } from './mux-socket.ts';
import { type StandingMaster, targetOf } from './openssh.ts';
import { hasSafeSockets, lastingSocket } from './socket-directory.ts';
import { type ReadSettings, readSshSettings, type SshSettings } from './ssh-config.ts';
import type { Endpoint } from './transport.ts';

/** A way to a login host, as the profile names it. */
export type TransportChoice = 'auto' | 'ssh2' | 'openssh' | 'local';

/** The way that is taken, and why; with what was found out on the way to that. */
export type Choice = { why: string } & (
  | { chosen: 'local' }
  /** `read` is null where the configuration was not looked at. */
  | { chosen: 'ssh2'; read: ReadSettings | null }
  /** `master` is null where none is up; then `settings` say how to open one. */
  | { chosen: 'openssh'; master: StandingMaster; settings: null; whose: 'ours' | 'yours' }
  | { chosen: 'openssh'; master: null; settings: SshSettings }
);

/**
 * What a choice means for this site. `auto`: `local` when user and host are ours and no port is given; `openssh` when a
 * master connection is up, or the configuration needs what ssh2 lacks; else `ssh2`. Connects to no host.
 */
export async function choose(choice: TransportChoice, endpoint: Endpoint, context: Context): Promise<Result<Choice>> {
  const named = 'the profile says so';
  if (choice === 'local') return ok({ chosen: 'local', why: named });
  if (choice === 'ssh2') return ok({ chosen: 'ssh2', why: named, read: null });
  const ours = await ownMaster(endpoint);
  if (ours !== null) return ok(ours);
  const limit = startLimit(endpoint, () => endpoint.host, context);
  const read = await readSshSettings(endpoint, limit).finally(() => limit.end());
  if (!read.ok) return read;
  const { settings, note } = read.value;
  if (choice === 'openssh' && note !== null) return failed(withoutProgram(endpoint));
  if (choice === 'auto' && isOurs(endpoint, settings)) {
    return ok({ chosen: 'local', why: 'the host is this machine and the user is ours' });
  }
  const yours = await userMaster(settings);
  if (yours !== null) return ok(yours);
  if (choice === 'openssh') return ok({ chosen: 'openssh', why: named, master: null, settings });
  const [beyond] = settings.beyondSsh2;
  if (beyond === undefined) return ok({ chosen: 'ssh2', why: whyBySsh(endpoint, settings), read });
  return ok({ chosen: 'openssh', why: `the SSH configuration has ${beyond}`, master: null, settings });
}

async function ownMaster(endpoint: Endpoint): Promise<Choice | null> {
  if (!(await hasSafeSockets())) return null;
  const socket = lastingSocket(endpoint);
  const master = await liveMaster(socket);
  if (master === null) return null;
  const { user, host, port } = endpoint;
  const target = `${user === null ? '' : `${user}@`}${host}${port === null ? '' : `:${port}`}`;
  const standing = { socket, target, sinceSeconds: master.sinceSeconds };
  const why = `the connection of \`glidein login ${endpoint.site}\` is up`;
  return { chosen: 'openssh', why, master: standing, settings: null, whose: 'ours' };
}

async function userMaster(settings: SshSettings): Promise<Choice | null> {
  const socket = settings.controlPath;
  const master = socket === null ? null : await liveMaster(socket);
  if (socket === null || master === null) return null;
  const standing = { socket, target: targetOf(settings), sinceSeconds: master.sinceSeconds };
  return { chosen: 'openssh', why: 'your own SSH connection is up', master: standing, settings: null, whose: 'yours' };
}

function withoutProgram({ site, host }: Endpoint) {
  const reason = 'there is no `ssh` program on PATH';
  return { kind: 'unreachable' as const, site, target: host, stage: 'configuration' as const, reason };
}

/** The name alone may mislead: a `Host localhost` of the user's configuration can be a tunnel. */
function isOurs(endpoint: Endpoint, settings: SshSettings): boolean {
  if (endpoint.port !== null || !isThisMachine(endpoint.host)) return false;
  return leadsHere(settings) && settings.user === userInfo().username;
}

function leadsHere({ hostname: real, port, proxy }: SshSettings): boolean {
  return isThisMachine(real) && port === 22 && proxy === null;
}

function whyBySsh({ port, host }: Endpoint, settings: SshSettings): string {
  if (port !== null) return 'a port is given';
  if (!isThisMachine(host)) return `${host} is not this machine`;
  return leadsHere(settings) ? `the user there is ${settings.user}` : 'the SSH configuration leads elsewhere';
}

/** Whether the name is one of this machine's own, as far as the name tells. */
export function isThisMachine(host: string): boolean {
  const name = host.toLowerCase();
  const own = hostname().toLowerCase();
  if (name === own || name === own.split('.')[0]) return true;
  return /^(localhost(\.localdomain)?|ip6-localhost|127(\.\d{1,3}){3}|::1)$/.test(name);
}
