import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { Exit, RemoteProcess, Transport } from '../transports/transport.ts';
import { beginning, type ExpectedFile, type Reception, readReception, receiveFile } from './file-reception.ts';
import { startCommand } from './shell-session.ts';

/** How a large file gets to the login host: over the stdin of a channel of its own, checked there, then renamed. */

/** What is delivered. */
export interface Delivery extends ExpectedFile {
  site: string;
  /** What it is, for messages and progress: `the CVMFS distribution`. */
  what: string;
  /** The file or directory here that the bytes come from. */
  source: string;
  /** The bytes; rejects when they cannot be read. */
  content(): AsyncIterable<Uint8Array>;
}

/** A start-up file that reads stdin gets empty lines, never the file. */
const nudgeMilliseconds = 1000;
/** When nothing moves for so long, the connection is dead, or the disk over there is stuck. */
const stallSeconds = 60;
/** Over there it is read again for its digest: a slow disk gets that time. */
const slowestBytesPerSecond = 2_000_000;
const progressMilliseconds = 1000;

/**
 * Puts a file on the login host, unless one of its name is there already. It is there whole or not at all, whatever is
 * cut, and two at once do no harm: each has a name of its own until the last step.
 */
export async function deliverFile(
  transport: Transport,
  delivery: Delivery,
  context: Context,
): Promise<Result<'sent' | 'there'>> {
  const watch = new StallWatch();
  try {
    tellProgress(delivery, 0, context);
    const mark = `glidein-${randomBytes(9).toString('hex')}`;
    const signal = AbortSignal.any([context.signal, watch.signal]);
    const started = await startCommand(transport, receiveFile(delivery, mark), signal);
    if (!started.ok) return watch.signal.aborted ? failed(stalled(delivery, watch)) : started;
    return await converse(new FarSide(started.value, mark, signal), delivery, watch, context);
  } finally {
    // Closes what is still open: over there it ends with its stdin.
    watch.end();
  }
}

async function converse(
  far: FarSide,
  delivery: Delivery,
  watch: StallWatch,
  context: Context,
): Promise<Result<'sent' | 'there'>> {
  await far.untilReady();
  const { isReady, freeBytes } = far.reception();
  if (isReady && freeBytes !== null && freeBytes < delivery.bytes) {
    const { site, what, directory, bytes: neededBytes } = delivery;
    return failed({ kind: 'no-space', site, what, directory, neededBytes, freeBytes });
  }
  if (isReady) {
    const poured = await pour(far, delivery, watch, context);
    if (!poured.ok) return poured;
  }
  await far.untilOver();
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  return outcome(far, delivery, watch);
}

/** Sends the bytes. That the far side takes no more is no failure here: its last words say why. */
async function pour(far: FarSide, delivery: Delivery, watch: StallWatch, context: Context): Promise<Result<void>> {
  const { source, content, bytes, digest } = delivery;
  const hash = createHash('sha256');
  let sent = 0;
  let toldAt = context.now();
  far.begin();
  try {
    for await (const chunk of content()) {
      if (!(await far.take(chunk))) return ok(undefined);
      watch.allow(stallSeconds);
      hash.update(chunk);
      sent += chunk.length;
      if (context.now() - toldAt < progressMilliseconds) continue;
      toldAt = context.now();
      tellProgress(delivery, sent, context);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed({ kind: 'file-unusable', file: source, reason });
  }
  // Not ended, so that the far side throws it away.
  if (hash.digest('hex') !== digest)
    return failed({ kind: 'file-unusable', file: source, reason: 'it was changed while it was being sent; try again' });
  watch.allow(stallSeconds + Math.ceil(bytes / slowestBytesPerSecond));
  far.end();
  return ok(undefined);
}

function outcome(far: FarSide, delivery: Delivery, watch: StallWatch): Result<'sent' | 'there'> {
  const { site, what, directory, name } = delivery;
  const { isThere, isStored, differs } = far.reception();
  if (isStored) return ok('sent');
  if (isThere) return ok('there');
  if (differs) return failed({ kind: 'delivery-broken', site, what, path: `${directory}/${name}` });
  if (watch.signal.aborted) return failed(stalled(delivery, watch));
  if (far.exit?.kind === 'lost') {
    return failed({ kind: 'connection-lost', site, step: `sending ${what}`, reason: far.exit.reason });
  }
  const cannot = `${what} cannot be written to ${directory} (is the disk or the quota full?)`;
  return failed({ kind: 'login-host-unusable', site, what: cannot, said: far.complaints.trim().slice(-400) });
}

function stalled({ site, what }: Delivery, { seconds }: StallWatch) {
  return { kind: 'timed-out' as const, site, step: `sending ${what}`, seconds };
}

function tellProgress({ site, what, bytes }: Delivery, sent: number, context: Context): void {
  const detail = `${what}, ${Math.floor(sent / 1e6)} of ${Math.ceil(bytes / 1e6)} MB`;
  context.emit({ kind: 'step', site, step: 'ship', detail });
}

/** Aborts when nothing has moved for longer than allowed. */
class StallWatch {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  /** What was allowed last. */
  seconds = stallSeconds;

  constructor() {
    this.allow(stallSeconds);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  allow(seconds: number): void {
    this.seconds = seconds;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(), seconds * 1000);
  }

  end(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.controller.abort();
  }
}

/** The receiving program: what it has said, and whether it goes on. */
class FarSide {
  /** Null while it runs. */
  exit: Exit | null = null;
  complaints = '';
  private readonly process: RemoteProcess;
  private readonly mark: string;
  private words = '';
  /** Aborts when nothing more is to be expected. */
  private readonly over: AbortSignal;
  private readonly changed = new EventTarget();

  constructor(process: RemoteProcess, mark: string, signal: AbortSignal) {
    this.process = process;
    this.mark = mark;
    const gone = new AbortController();
    this.over = AbortSignal.any([signal, gone.signal]);
    // A write after the far side ended is reported by `exited`, not here.
    process.stdin.on('error', () => {});
    process.stdout.on('data', (chunk: Buffer) => {
      this.words = `${this.words}${chunk.toString('latin1')}`.slice(-100_000);
      this.changed.dispatchEvent(new Event('change'));
    });
    process.stderr.on('data', (chunk: Buffer) => {
      this.complaints = `${this.complaints}${chunk.toString('utf8')}`.slice(-4000);
    });
    void process.exited.then((exit) => {
      this.exit = exit;
      gone.abort();
    });
  }

  reception(): Reception {
    return readReception(this.words, this.mark);
  }

  /** Until it waits for the bytes, or has no need of them. */
  async untilReady(): Promise<void> {
    const nudge = setInterval(() => this.process.stdin.write('\n'), nudgeMilliseconds);
    await this.untilSaid(({ isReady, isThere }) => isReady || isThere);
    clearInterval(nudge);
  }

  begin(): void {
    this.process.stdin.write(beginning(this.mark));
  }

  /** False when it takes no more. */
  async take(chunk: Uint8Array): Promise<boolean> {
    const { stdin } = this.process;
    if (this.over.aborted || !stdin.writable) return false;
    if (!stdin.write(chunk)) await once(stdin, 'drain', { signal: this.over }).catch(() => {});
    return !this.over.aborted;
  }

  end(): void {
    this.process.stdin.end();
  }

  /** Until it has said how it ended, or cannot any more. */
  async untilOver(): Promise<void> {
    await this.untilSaid(({ isThere, isStored, differs }) => isThere || isStored || differs);
  }

  private async untilSaid(enough: (reception: Reception) => boolean): Promise<void> {
    while (!this.over.aborted && !enough(this.reception()))
      await once(this.changed, 'change', { signal: this.over }).catch(() => {});
  }
}
