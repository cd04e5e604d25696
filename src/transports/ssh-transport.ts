import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from '../failure.ts';
import { lostProcess } from './process-streams.ts';
import { channelProcess, type ExecChannel } from './ssh-channel.ts';
import { NeverStarted, type RemoteProcess, type Transport } from './transport.ts';

/** The part of an SSH client, logged in, that a transport needs. */
export interface SshClient {
  /** Throws when the connection is known to be closed. */
  exec(command: string, done: (error: ExecError | undefined, channel: ExecChannel) => void): unknown;
  end(): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
}

/** `reason` is the code of a refused channel. */
interface ExecError extends Error {
  reason?: unknown;
}

export interface SshConnection {
  client: SshClient;
  /** The client's own socket; nothing else destroys it in every state. */
  socket: Socket;
  target: string;
  site: string;
}

// A server at its MaxSessions refuses a channel before any command; a channel that is closing still counts there.
const openWaitsMilliseconds = [50, 100, 200, 400, 800];

// A farewell that the server does not take is not waited for longer.
const farewellMilliseconds = 2000;

/** Commands over a connection that is logged in. */
export function sshTransport(connection: SshConnection): Transport {
  const gone = watchClosing(connection);
  return {
    target: connection.target,
    async spawn(command, { signal }) {
      for (const wait of [...openWaitsMilliseconds, null]) {
        if (signal.aborted) throw new NeverStarted({ kind: 'interrupted' });
        const started = await startOnce(connection, command, signal, gone);
        if (started.kind === 'process') return started.process;
        if (started.kind === 'refused' || wait === null)
          throw new NeverStarted(started.failure, { isFull: started.kind === 'full' });
        await sleep(wait, undefined, { signal }).catch(() => {});
      }
      throw new Error('unreachable: the last wait is null');
    },
    async [Symbol.asyncDispose]() {
      await sayFarewell(connection);
    },
  };
}

/** Aborts, with what happened as its reason, when the connection is closed; whatever closes it, this follows at once. */
function watchClosing({ client, socket }: SshConnection): AbortSignal {
  const gone = new AbortController();
  let reason = 'the connection was closed';
  client.on('error', (error) => {
    reason = error.message === 'Keepalive timeout' ? 'the host no longer answers' : error.message;
    // ssh2 would wait here for the other side to close too.
    socket.destroy();
  });
  client.on('end', () => socket.destroy());
  client.on('close', () => gone.abort(reason));
  if (socket.destroyed) gone.abort(reason);
  return gone.signal;
}

type Started =
  | { kind: 'process'; process: RemoteProcess }
  /** The command did not start; the same may work later. */
  | { kind: 'full'; failure: Failure }
  | { kind: 'refused'; failure: Failure };

function startOnce(
  { client, site, target }: SshConnection,
  command: string,
  signal: AbortSignal,
  gone: AbortSignal,
): Promise<Started> {
  return new Promise((resolve) => {
    const settle = (started: Started) => {
      signal.removeEventListener('abort', giveUp);
      resolve(started);
    };
    const lose = (reason: string) => settle({ kind: 'process', process: lostProcess(new PassThrough(), reason) });
    // The request may be on its way already.
    const giveUp = () => lose('the wait for it was given up');
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      client.exec(command, (error, channel) => {
        if (error !== undefined && isUncertain(error, gone)) lose(String(gone.reason));
        else if (error !== undefined) settle(notStarted(error, site, target, gone));
        // Synchronously: the exit status may be in the same packet.
        else settle({ kind: 'process', process: channelProcess(channel, signal, gone) });
      });
    } catch (error) {
      settle(notStarted(error instanceof Error ? error : new Error(String(error)), site, target, gone));
    }
  });
}

/**
 * ssh2 1.17 says "Unable to exec" both when the server refuses the command and when the connection ends before its
 * answer; in the second case the command may run.
 */
function isUncertain(error: Error, gone: AbortSignal): boolean {
  return gone.aborted && error.message === 'Unable to exec';
}

function notStarted(error: ExecError, site: string, target: string, gone: AbortSignal): Started {
  if (gone.aborted || error.message === 'Not connected') {
    const reason = gone.aborted ? String(gone.reason) : 'the connection is closed';
    return { kind: 'refused', failure: { kind: 'connection-lost', site, step: 'starting a command', reason } };
  }
  const unreachable = (reason: string): Failure => ({ kind: 'unreachable', site, target, stage: 'shell', reason });
  // RFC 4254, 5.1: 1 prohibited, 2 connect failed (what OpenSSH answers at MaxSessions), 4 resource shortage.
  if (error.reason === 2 || error.reason === 4) {
    return { kind: 'full', failure: unreachable(`the server opens no more sessions (${error.message})`) };
  }
  return { kind: 'refused', failure: unreachable(`the server does not start commands (${error.message})`) };
}

/** Takes leave and waits only until that is on its way: the server ends its side by itself. */
async function sayFarewell({ client, socket }: SshConnection): Promise<void> {
  if (socket.destroyed) return;
  const sent = new Promise<void>((resolve) => {
    for (const event of ['finish', 'close']) socket.once(event, () => resolve());
  });
  const late = new AbortController();
  client.end();
  await Promise.race([sent, sleep(farewellMilliseconds, undefined, { signal: late.signal }).catch(() => {})]);
  late.abort();
  socket.destroy();
}
