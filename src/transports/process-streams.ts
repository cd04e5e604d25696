import { finished, Readable, type Writable } from 'node:stream';
import type { Exit, RemoteProcess } from './transport.ts';

/** After the end of a program is known, its last output gets this long to be read before `exited` tells of the end. */
const outputGraceMilliseconds = 250;

// Large enough that a fast reader is not paused at every packet.
const relayBytes = 256 * 1024;

/** A process whose ends are in the transport's hand. */
export interface HeldProcess {
  readonly process: RemoteProcess;
  /** The program's end is known, or known to be unknowable. Output that is still on its way is delivered first. */
  settle(exit: Exit): void;
  /** Ends the streams at once; what was not read is dropped. */
  cut(reason: string): void;
}

/**
 * Puts streams that end for certain around those of a transport, which may never end. `stdin` is used as it is;
 * from here on none of the four can end this process by an `error` event without a listener.
 */
export function holdProcess(streams: { stdin: Writable; stdout: Readable; stderr: Readable }): HeldProcess {
  const stdout = relay(streams.stdout);
  const stderr = relay(streams.stderr);
  for (const stream of [streams.stdin, streams.stdout, streams.stderr]) stream.on('error', () => {});
  let tell: (exit: Exit) => void = () => {};
  const exited = new Promise<Exit>((resolve) => {
    tell = resolve;
  });
  let settled = false;
  return {
    process: { stdin: streams.stdin, stdout: stdout.stream, stderr: stderr.stream, exited },
    settle(exit) {
      if (settled) return;
      settled = true;
      void within(Promise.all([stdout.ended, stderr.ended]), outputGraceMilliseconds).then(() => tell(exit));
    },
    cut(reason) {
      settled = true;
      streams.stdin.destroy();
      stdout.end();
      stderr.end();
      tell({ kind: 'lost', reason });
    },
  };
}

/** A process of which nothing is known but that it may have started. */
export function lostProcess(stdin: Writable, reason: string): RemoteProcess {
  const held = holdProcess({ stdin, stdout: Readable.from([]), stderr: Readable.from([]) });
  held.cut(reason);
  return held.process;
}

/** What `source` says, with its backpressure, and an end that can be forced. A reader that goes away does not block the source. */
function relay(source: Readable): { stream: Readable; end(): void; ended: Promise<void> } {
  let over = false;
  const stream = new Readable({
    highWaterMark: relayBytes,
    read: () => source.resume(),
    destroy: (error, done) => {
      over = true;
      source.resume();
      done(error);
    },
  });
  const end = () => {
    if (!over) stream.push(null);
    over = true;
    source.resume();
  };
  source.on('data', (chunk: Buffer) => {
    if (!over && !stream.push(chunk)) source.pause();
  });
  for (const event of ['end', 'close', 'error']) source.on(event, end);
  const ended = new Promise<void>((resolve) => finished(stream, () => resolve()));
  return { stream, end, ended };
}

async function within(work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
