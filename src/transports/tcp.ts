import { connect, isIP, type Socket } from 'node:net';
import { failed, ok, type Result } from '../failure.ts';
import type { ConnectLimit } from './connect-limit.ts';
import type { SshSettings } from './ssh-config.ts';

// Node tries the addresses of a name one after another and gives each but the last this long; its own 250 ms is
// less than a slow line needs.
const perAddressMilliseconds = 3000;

/** A connected socket without Nagle's delay, to the `address` where one of the host's is meant. Its errors end nothing: whoever takes it over listens for `close`. */
export function connectTcp(settings: SshSettings, limit: ConnectLimit, address?: string): Promise<Result<Socket>> {
  const { hostname, port, addressFamily } = settings;
  limit.stage = isIP(address ?? hostname) === 0 ? 'resolve' : 'connect';
  const socket = connect({
    host: address ?? hostname,
    port,
    family: addressFamily,
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: perAddressMilliseconds,
  });
  return new Promise((resolve) => {
    const settle = (result: Result<Socket>) => {
      limit.signal.removeEventListener('abort', stop);
      if (!result.ok) socket.destroy();
      resolve(result);
    };
    const stop = () => settle(failed(limit.failure()));
    limit.signal.addEventListener('abort', stop, { once: true });
    if (limit.signal.aborted) stop();
    socket.once('lookup', (error) => {
      if (error === null) limit.stage = 'connect';
    });
    socket.once('connect', () => settle(ok(socket)));
    socket.on('error', (error) => settle(failed(explain(error, settings, limit))));
  });
}

function explain(error: NodeJS.ErrnoException, { hostname, port }: SshSettings, limit: ConnectLimit) {
  switch (error.code) {
    case 'ENOTFOUND':
      return limit.unreachable('resolve', `the name ${hostname} does not resolve`);
    case 'EAI_AGAIN':
      return limit.unreachable('resolve', `the name service gives no answer for ${hostname}`);
    case 'ECONNREFUSED':
      return limit.unreachable('connect', `connection refused: nothing listens on port ${port} of ${hostname}`);
    case 'ETIMEDOUT':
      return limit.unreachable('connect', `no answer from ${hostname} port ${port}`);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return limit.unreachable('connect', `there is no route to ${hostname}`);
    default:
      return limit.unreachable('connect', `cannot connect to ${hostname} port ${port}: ${error.message}`);
  }
}
