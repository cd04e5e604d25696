import { type Duplex, type Readable, Writable } from 'node:stream';
import { holdProcess } from './process-streams.ts';
import type { Exit, RemoteProcess } from './transport.ts';

/** The part of an SSH channel that a running command needs. */
export interface ExecChannel extends Duplex {
  readonly stderr: Readable;
  close(): void;
}

/**
 * The command on `channel`. Must be called before the channel gets its next packet: an exit status that nobody listens
 * for is gone. `gone` aborts, with a sentence as its reason, when the connection is closed.
 */
export function channelProcess(channel: ExecChannel, signal: AbortSignal, gone: AbortSignal): RemoteProcess {
  const stdin = channelStdin(channel);
  const held = holdProcess({ stdin, stdout: channel, stderr: channel.stderr });
  const settle = (exit: Exit) => {
    if (!stdin.writableFinished) stdin.destroy(stdin.writableLength > 0 ? brokenPipe() : undefined);
    held.settle(exit);
  };
  const abort = () => {
    channel.close();
    held.cut('the wait for it was given up');
  };
  const lose = () => settle({ kind: 'lost', reason: String(gone.reason) });
  channel.once('exit', (code: number | null, name?: string) =>
    settle(code === null ? { kind: 'signalled', signal: name ?? 'unknown' } : { kind: 'exited', code }),
  );
  channel.once('close', () => {
    signal.removeEventListener('abort', abort);
    gone.removeEventListener('abort', lose);
    settle({ kind: 'lost', reason: 'the channel was closed without an exit status' });
  });
  signal.addEventListener('abort', abort, { once: true });
  gone.addEventListener('abort', lose, { once: true });
  if (signal.aborted) abort();
  return held.process;
}

/**
 * The channel's writing side. ssh2 1.17 never calls back for a write whose window does not open any more, so the waiting
 * call is answered here when the stream is destroyed.
 */
function channelStdin(channel: ExecChannel): Writable {
  let waiting: ((error?: Error | null) => void) | null = null;
  const answer = (error?: Error | null) => {
    const done = waiting;
    waiting = null;
    done?.(error);
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      waiting = done;
      channel.write(chunk, answer);
    },
    final(done) {
      waiting = done;
      channel.end(() => answer());
    },
    destroy(error, done) {
      answer(error ?? brokenPipe());
      channel.end();
      done(error);
    },
  });
}

function brokenPipe(): Error {
  return Object.assign(new Error('the remote program no longer reads'), { code: 'EPIPE' });
}
