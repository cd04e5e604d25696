import { hostname, userInfo } from 'node:os';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { startLimit } from './connect-limit.ts';
import { openLocal } from './local.ts';
import { readSshSettings } from './ssh-config.ts';
import { openSsh2 } from './ssh2.ts';
import type { Endpoint, Transport } from './transport.ts';

/** A way to a login host, as the profile names it. */
export type TransportChoice = 'auto' | 'ssh2' | 'local';

/** An open transport, and which one it is for what reason. Who opened it disposes of it. */
export interface OpenTransport {
  transport: Transport;
  chosen: 'ssh2' | 'local';
  /** For `check` and `--verbose`. */
  why: string;
}

/** Connects to the site's login host. One try; every failure is a value. */
export async function openTransport(
  choice: TransportChoice,
  endpoint: Endpoint,
  context: Context,
): Promise<Result<OpenTransport>> {
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  const refusal = refusedHost(endpoint);
  if (refusal !== null) return refusal;
  const { chosen, why } =
    choice === 'auto' ? await choose(endpoint, context) : { chosen: choice, why: 'the profile says so' };
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  if (chosen === 'ssh2') {
    const opened = await openSsh2(endpoint, context);
    return opened.ok ? ok({ transport: opened.value, chosen, why }) : opened;
  }
  context.emit({ kind: 'step', site: endpoint.site, step: 'connect', detail: 'this machine' });
  return ok({ transport: openLocal(endpoint), chosen, why });
}

/** A name that a program would take for an option never gets to one. */
function refusedHost({ host, user, site }: Endpoint): Result<never> | null {
  const bad = [host, user ?? 'x'].find((name) => name === '' || name.startsWith('-') || /[\s\0]/.test(name));
  if (bad === undefined) return null;
  const reason = `${JSON.stringify(bad)} cannot be the name of a host or a user`;
  return failed({ kind: 'unreachable', site, target: host, stage: 'configuration', reason });
}

/** What `auto` means for this site: `local` when user and host are ours and no port is given. Connects to nothing. */
export async function choose(endpoint: Endpoint, context: Context): Promise<{ chosen: 'ssh2' | 'local'; why: string }> {
  const ssh = (why: string) => ({ chosen: 'ssh2' as const, why });
  if (endpoint.port !== null) return ssh('a port is given');
  if (!isThisMachine(endpoint.host)) return ssh(`${endpoint.host} is not this machine`);
  // The name alone may mislead: a `Host localhost` of the user's configuration can be a tunnel.
  const limit = startLimit(endpoint, () => endpoint.host, context);
  const read = await readSshSettings(endpoint, limit).finally(() => limit.end());
  if (!read.ok) return ssh(`the SSH configuration for ${endpoint.host} cannot be read`);
  const { hostname: real, port, user, proxy } = read.value.settings;
  if (!isThisMachine(real) || port !== 22 || proxy !== null) return ssh('the SSH configuration leads elsewhere');
  if (user !== userInfo().username) return ssh(`the user there is ${user}`);
  return { chosen: 'local', why: 'the host is this machine and the user is ours' };
}

/** Whether the name is one of this machine's own, as far as the name tells. */
export function isThisMachine(host: string): boolean {
  const name = host.toLowerCase();
  const own = hostname().toLowerCase();
  if (name === own || name === own.split('.')[0]) return true;
  return /^(localhost(\.localdomain)?|ip6-localhost|127(\.\d{1,3}){3}|::1)$/.test(name);
}
