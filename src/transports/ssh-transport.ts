import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from '../failure.ts';
import { lostProcess } from './process-streams.ts';
import { type Started, startWhenRoom } from './room-for-sessions.ts';
import { channelProcess, type ExecChannel } from './ssh-channel.ts';
import type { Transport } from './transport.ts';

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
  socket: Duplex;
  target: string;
  site: string;
  /** The connection to the jump host that this one goes through; it is ours alone, and is closed after this one. */
  through: SshConnection | null;
}

// A farewell that the server does not take is not waited for longer.
const farewellMilliseconds = 2000;

/** Commands over a connection that is logged in. */
export function sshTransport(connection: SshConnection): Transport {
  const gone = watchClosing(connection);
  return {
    target: connection.target,
    isOpen: () => !gone.aborted,
    async spawn(command, { signal }) {
      return startWhenRoom(() => startOnce(connection, command, signal, gone), signal);
    },
    async [Symbol.asyncDispose]() {
      await sayFarewell(connection);
    },
  };
}

/**
 * Aborts, with what happened as its reason, when the connection is closed; whatever closes it, this follows at once. What
 * closes a jump host's connection closes those through it.
 */
function watchClosing({ client, socket, target, through }: SshConnection): AbortSignal {
  const gone = new AbortController();
  const outer = through === null ? null : watchClosing(through);
  let reason = 'the connection was closed';
  client.on('error', (error) => {
    reason = error.message === 'Keepalive timeout' ? `${target} no longer answers` : error.message;
    // ssh2 would wait here for the other side to close too.
    socket.destroy();
  });
  client.on('end', () => socket.destroy());
  client.on('close', () => gone.abort(outer?.aborted === true ? outer.reason : reason));
  if (socket.destroyed) gone.abort(reason);
  return gone.signal;
}

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

/** Takes leave of every host on the way, the last first. */
async function sayFarewell(connection: SshConnection): Promise<void> {
  await endOne(connection);
  if (connection.through !== null) await sayFarewell(connection.through);
}

/** Takes leave and waits only until that is on its way: the server ends its side by itself. */
async function endOne({ client, socket }: SshConnection): Promise<void> {
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
