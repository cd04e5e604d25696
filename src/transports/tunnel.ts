import { Duplex } from 'node:stream';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { ConnectLimit } from './connect-limit.ts';
import type { SshSettings } from './ssh-config.ts';

/** The part of an SSH client, logged in, that leads on to another host. */
export interface ForwardingClient {
  /** Throws when the connection is known to be closed. */
  forwardOut(
    fromHost: string,
    fromPort: number,
    toHost: string,
    toPort: number,
    done: (error: (Error & { reason?: unknown }) | undefined, channel: ForwardedChannel) => void,
  ): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** A channel to another host. */
export interface ForwardedChannel extends Duplex {
  close(): void;
}

/** A connection from the host of `client` (named `by`) to another one. It closes with that client. */
export function openTunnel(
  client: ForwardingClient,
  by: string,
  { hostname, port }: Pick<SshSettings, 'hostname' | 'port'>,
  limit: ConnectLimit,
): Promise<Result<Duplex>> {
  limit.stage = 'connect';
  return new Promise((resolve) => {
    const settle = (result: Result<Duplex>) => {
      limit.signal.removeEventListener('abort', stop);
      resolve(result);
    };
    const stop = () => settle(failed(limit.failure()));
    const refuse = (error: Error & { reason?: unknown }) =>
      settle(failed(refused(error, `${hostname} port ${port}`, by, limit)));
    limit.signal.addEventListener('abort', stop, { once: true });
    if (limit.signal.aborted) stop();
    client.once('close', () => refuse(new Error('the connection was closed')));
    try {
      client.forwardOut('127.0.0.1', 0, hostname, port, (error, channel) => {
        if (error === undefined) settle(ok(channelSocket(client, channel)));
        else refuse(error);
      });
    } catch (error) {
      refuse(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function refused(error: Error & { reason?: unknown }, to: string, by: string, limit: ConnectLimit): Failure {
  // RFC 4254, 5.1: 1 is "administratively prohibited", 2 "connect failed", with the jump host's words.
  if (error.reason === 1) {
    const reason = `the jump host ${by} does not lead on to ${to}: it forbids it (AllowTcpForwarding, PermitOpen)`;
    return limit.unreachable('connect', reason);
  }
  const said = error.message.replace(/^\(SSH\) Channel open failure: /, '');
  return limit.unreachable('connect', `the jump host ${by} cannot reach ${to}: ${said}`);
}

/**
 * The channel as a socket would be: destroying it ends it at once, and it closes when the channel does or the client.
 * The channels of ssh2 1.17 do neither where nobody reads or answers.
 */
function channelSocket(client: ForwardingClient, channel: ForwardedChannel): Duplex {
  const socket = new Duplex({
    allowHalfOpen: false,
    read: () => void channel.resume(),
    write: (chunk: Buffer, _encoding, done) => void channel.write(chunk, () => done()),
    final: (done) => void channel.end(() => done()),
    destroy: (error, done) => {
      channel.close();
      channel.resume();
      done(error);
    },
  });
  // What went wrong with the channel is told by its end.
  channel.on('error', () => {});
  channel.on('data', (chunk: Buffer) => {
    if (!socket.destroyed && !socket.push(chunk)) channel.pause();
  });
  channel.once('end', () => {
    if (!socket.destroyed) socket.push(null);
  });
  channel.once('close', () => socket.destroy());
  client.once('close', () => socket.destroy());
  return socket;
}
