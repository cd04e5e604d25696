import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { type Choice, choose, type TransportChoice } from './choice.ts';
import { openLocal } from './local.ts';
import { type LoginBrake, noBrake } from './login-brake.ts';
import { openByFirstCommand, openOverMaster } from './openssh.ts';
import { withoutAccount } from './own-account.ts';
import { openSsh2 } from './ssh2.ts';
import type { Endpoint, Transport } from './transport.ts';

/** An open transport, and which one it is for what reason. Who opened it disposes of it. */
export interface OpenTransport {
  transport: Transport;
  chosen: Choice['chosen'];
  /** For `check` and `--verbose`. */
  why: string;
}

/** Connects to the site's login host. One try; every failure is a value. */
export async function openTransport(
  choice: TransportChoice,
  endpoint: Endpoint,
  context: Context,
  brake: LoginBrake = noBrake,
): Promise<Result<OpenTransport>> {
  const way = await chooseWay(choice, endpoint, context);
  if (!way.ok) return way;
  const opened = await openWay(way.value, endpoint, context, brake);
  return opened.ok ? ok({ transport: opened.value, chosen: way.value.chosen, why: way.value.why }) : opened;
}

/** Which way `openTransport` would go, and why. Connects to no host. */
export async function chooseWay(
  choice: TransportChoice,
  endpoint: Endpoint,
  context: Context,
): Promise<Result<Choice>> {
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  const refusal = refusedHost(endpoint) ?? withoutAccount(endpoint);
  if (refusal !== null) return failed(refusal);
  const chosen = await choose(choice, endpoint, context);
  return context.signal.aborted ? failed({ kind: 'interrupted' }) : chosen;
}

async function openWay(
  way: Choice,
  endpoint: Endpoint,
  context: Context,
  brake: LoginBrake,
): Promise<Result<Transport>> {
  switch (way.chosen) {
    case 'ssh2':
      return openSsh2(endpoint, way.read, brake, context);
    case 'openssh':
      return way.master === null
        ? openByFirstCommand(endpoint, way.settings, brake, context)
        : openOverMaster(endpoint, way.master, context);
    case 'local':
      context.emit({ kind: 'step', site: endpoint.site, step: 'connect', detail: 'this machine' });
      return ok(openLocal(endpoint));
  }
}

/** A name that a program would take for an option never gets to one. */
function refusedHost({ host, user, site }: Endpoint): Failure | null {
  const bad = [host, user ?? 'x'].find((name) => name === '' || name.startsWith('-') || /[\s\0]/.test(name));
  if (bad === undefined) return null;
  const reason = `${JSON.stringify(bad)} cannot be the name of a host or a user`;
  return { kind: 'unreachable', site, target: host, stage: 'configuration', reason };
}
