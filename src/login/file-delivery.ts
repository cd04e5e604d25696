import { createHash } from 'node:crypto';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { Transport } from '../transports/transport.ts';
import { type FarSide, startFarSide } from './far-side.ts';
import { type ExpectedFile, readReception, receiveFile } from './file-reception.ts';
import { readingSeconds, StallWatch, stallSeconds } from './stall-watch.ts';

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
    const signal = AbortSignal.any([context.signal, watch.signal]);
    const started = await startFarSide(transport, { command: (mark) => receiveFile(delivery, mark), signal });
    if (!started.ok) return watch.signal.aborted ? failed(stalled(delivery, watch)) : started;
    return await converse(started.value, delivery, watch, context);
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
  await far.untilReady(['ready', 'there']);
  const { isReady, freeBytes } = readReception(far.said);
  if (isReady && freeBytes !== null && freeBytes < delivery.bytes) {
    const { site, what, directory, bytes: neededBytes } = delivery;
    return failed({ kind: 'no-space', site, what, directory, neededBytes, freeBytes });
  }
  if (isReady) {
    const poured = await pour(far, delivery, watch, context);
    if (!poured.ok) return poured;
  }
  await far.untilSaid((said) => {
    const { isThere, isStored, differs } = readReception(said);
    return isThere || isStored || differs;
  });
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
  watch.allow(readingSeconds(bytes));
  far.end();
  return ok(undefined);
}

function outcome(far: FarSide, delivery: Delivery, watch: StallWatch): Result<'sent' | 'there'> {
  const { site, what, directory, name } = delivery;
  const { isThere, isStored, differs } = readReception(far.said);
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
