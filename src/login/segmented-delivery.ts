import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { Transport } from '../transports/transport.ts';
import { type FarSide, startFarSide } from './far-side.ts';
import { bytesOf, nextStretch, type Segment, segmentBytes, segmentsOf } from './segment-plan.ts';
import { type Keeping, readKeeping, type SegmentedFile, segmentKeeper, segmentWriter } from './segment-reception.ts';
import { readingSeconds, StallWatch, stallSeconds } from './stall-watch.ts';

/**
 * How a very large file gets to the login host: in segments, over several channels of one connection, each of which has a
 * window of its own. What was cut goes on where it was; nobody sees the file before it is whole, and is what was sent.
 */

/** What is delivered. */
export interface SegmentedDelivery extends SegmentedFile {
  site: string;
  /** What it is, for messages and progress: `the image`. */
  what: string;
}

/** What it took. */
export interface Delivered {
  /** `there`: nothing was sent, somebody had brought it. */
  kind: 'sent' | 'there';
  /** Bytes that went over the connection, those that were sent a second time too. */
  sentBytes: number;
  /** Bytes that an earlier delivery, which was cut, had brought. */
  keptBytes: number;
  /** Bytes that had to be sent again because others had arrived. */
  repairedBytes: number;
}

/** Beside the one that keeps them: together half of what a server takes by default. */
const channelsAtOnce = 4;
/** What is read and sent at a time; each channel has two of them. */
const chunkBytes = 512 * 1024;
const progressMilliseconds = 1000;
/** How often channels that ended before their time are opened anew. */
const maxRounds = 3;

/** Puts a file on the login host, unless one of its name is there already. */
export async function deliverInSegments(
  transport: Transport,
  delivery: SegmentedDelivery,
  context: Context,
): Promise<Result<Delivered>> {
  const file = await open(delivery.source).catch((error: Error) => error);
  if (file instanceof Error) return failed(unreadable(delivery, file.message));
  const sending = new Sending(transport, delivery, file, context);
  try {
    return await sending.run();
  } finally {
    // Closes what is still open: over there it ends with its stdin.
    sending.end();
    await file.close();
  }
}

function unreadable({ source }: SegmentedDelivery, reason: string): Failure {
  return { kind: 'file-unusable', file: source, reason };
}

const changedMeanwhile = 'it was changed while it was being sent; try again';

type Opening = Promise<Result<FarSide>>;

/** One delivery under way. */
class Sending {
  private readonly transport: Transport;
  private readonly delivery: SegmentedDelivery;
  private readonly file: FileHandle;
  private readonly context: Context;
  private readonly watch = new StallWatch();
  private readonly signal: AbortSignal;
  private readonly segments: readonly Segment[];
  /** In the journal over there. */
  private readonly done = new Set<number>();
  private queue: Segment[] = [];
  private sentBytes = 0;
  private keptBytes = 0;
  private repairedBytes = 0;
  private toldAt = 0;
  /** How much of the file's beginning the far side was told to read for its digest; null: it was not asked to yet. */
  private hashedTo: number | null = null;
  /** What keeps it from going on, wherever that showed first. */
  private failure: Failure | null = null;
  /** Who could not write there, where that was it. */
  private unwilling: FarSide | null = null;

  constructor(transport: Transport, delivery: SegmentedDelivery, file: FileHandle, context: Context) {
    this.transport = transport;
    this.delivery = delivery;
    this.file = file;
    this.context = context;
    this.signal = AbortSignal.any([context.signal, this.watch.signal]);
    this.segments = segmentsOf(delivery.bytes);
  }

  end(): void {
    this.watch.end();
  }

  async run(): Promise<Result<Delivered>> {
    this.announce();
    const copies = this.transport.isHere === true;
    const command = (mark: string) => segmentKeeper(this.delivery, mark, { copies });
    const started = await startFarSide(this.transport, { command, signal: this.signal });
    if (!started.ok) return this.watch.signal.aborted ? failed(this.stalled()) : started;
    const keeper = started.value;
    keeper.onSaid = (line) => this.heard(line);
    // They are there by the time that the keeper is: on a long line that is a good part of what a push takes.
    const writers = copies ? [] : this.openWriters(this.segments.length);
    await keeper.untilReady(['ready', 'there']);
    const found = readKeeping(keeper.said);
    if (!found.isReady) return this.ending(keeper);
    const refusal = this.refusal(found);
    if (refusal !== null) return failed(refusal);
    keeper.begin();
    await this.bring(keeper, found, writers);
    return this.ending(keeper);
  }

  /** A line of any of the programs: it lives. */
  private heard(line: string): void {
    this.watch.allow(line === 'arrived' ? readingSeconds(this.delivery.bytes) : stallSeconds);
    const waiting = /^waiting (\d+)/.exec(line)?.[1];
    if (waiting !== undefined)
      this.tell(Math.min(Number(waiting) * segmentBytes, this.delivery.bytes), 'brought by another');
  }

  private refusal({ freeBytes, heldBytes }: Keeping): Failure | null {
    const { site, what, directory, bytes } = this.delivery;
    const neededBytes = Math.max(0, bytes - heldBytes);
    if (freeBytes === null || freeBytes >= neededBytes) return null;
    return { kind: 'no-space', site, what, directory, neededBytes, freeBytes };
  }

  private async bring(keeper: FarSide, found: Keeping, writers: readonly Opening[]): Promise<void> {
    if (this.transport.isHere === true) return this.copy(keeper);
    if (!found.takesSegments) return this.append(keeper, found.length);
    await this.sendSegments(keeper, found.done, writers);
    if (this.failure !== null || keeper.isOver) return this.giveUp(keeper);
    if (!(await this.stored(keeper))) await this.giveUp(keeper);
  }

  private async copy(keeper: FarSide): Promise<void> {
    this.watch.allow(2 * readingSeconds(this.delivery.bytes));
    keeper.send('copy\n');
    await keeper.untilSaid(isDecided);
  }

  /** A disk that is full is not left so; whatever else came between, the next delivery goes on from here. */
  private async giveUp(keeper: FarSide): Promise<void> {
    if (this.failure?.kind !== 'login-host-unusable') return;
    keeper.send('over\nabandon\n');
    keeper.end();
    await keeper.untilOver();
  }

  // ---- One stream ----

  private async append(keeper: FarSide, from: number): Promise<void> {
    this.keptBytes = from;
    this.tell(from);
    keeper.send('append\n');
    const isSent = await this.pour(keeper, { index: 0, offset: from, length: this.delivery.bytes - from });
    if (!isSent) return;
    this.watch.allow(readingSeconds(this.delivery.bytes));
    keeper.end();
    await keeper.untilSaid(isDecided);
  }

  // ---- Segments ----

  private async sendSegments(
    keeper: FarSide,
    before: readonly number[],
    openedBefore: readonly Opening[],
  ): Promise<void> {
    for (const index of before) if (this.segments[index] !== undefined) this.done.add(index);
    this.keptBytes = bytesOf(this.segments.filter(({ index }) => this.done.has(index)));
    this.tell(this.keptBytes);
    for (let round = 0; round < maxRounds; round += 1) {
      this.queue = this.segments.filter(({ index }) => !this.done.has(index));
      if (this.queue.length === 0 || this.isStopped(keeper)) return;
      const writers = round === 0 ? openedBefore : this.openWriters(this.queue.length);
      const opened = await Promise.all(writers.map((writer) => this.channel(keeper, writer)));
      if (!opened.includes(true)) break;
    }
    // There is room for one session only: the keeper takes them itself.
    if (this.hashedTo === null) await this.sendQueue(keeper, keeper);
    if (this.done.size < this.segments.length && !this.isStopped(keeper)) this.failure = this.lost(keeper);
  }

  private isStopped(keeper: FarSide): boolean {
    return this.failure !== null || keeper.isOver || this.signal.aborted;
  }

  /** Starts what takes segments in, as many as that many segments need. */
  private openWriters(segments: number): Opening[] {
    const command = (mark: string) => segmentWriter(this.delivery, mark);
    return Array.from({ length: Math.min(channelsAtOnce, segments) }, () =>
      startFarSide(this.transport, { command, signal: this.signal, beside: true }),
    );
  }

  /** One channel, until nothing is left to send; false where it did not come about. */
  private async channel(keeper: FarSide, opening: Opening): Promise<boolean> {
    const started = await opening;
    if (!started.ok) return false;
    const writer = started.value;
    await writer.untilReady(['ready']);
    if (!writer.said.includes('ready')) return false;
    writer.begin();
    this.startHash(keeper);
    await this.sendQueue(writer, keeper);
    writer.end();
    await writer.untilOver();
    return true;
  }

  /** Sends segments over a channel for as long as there are some and it takes them. */
  private async sendQueue(writer: FarSide, keeper: FarSide): Promise<void> {
    let last: Segment | null = null;
    const isDone = (segment: Segment) => this.done.has(segment.index);
    writer.onSaid = (line) => {
      this.heard(line);
      this.acknowledge(line, keeper);
      if (line === 'unwritable') this.stopFor(writer);
    };
    while (!this.isStopped(keeper)) {
      const segment = this.queue.shift();
      if (segment === undefined) break;
      writer.send(`take ${segment.index} ${segment.offset} ${segment.length}\n`);
      if (!(await this.pour(writer, segment))) break;
      writer.send(`end ${segment.index}\n`);
      last = segment;
    }
    const sent = last;
    if (sent !== null) await writer.untilSaid(() => isDone(sent) || this.isStopped(keeper));
  }

  private acknowledge(line: string, keeper: FarSide): void {
    const index = /^done (\d+)/.exec(line)?.[1];
    if (index === undefined) return;
    this.done.add(Number(index));
    this.feedHash(keeper);
  }

  /** Sends a piece of the file: the next part of it is read while the last one goes out. False when it is not taken, or cannot be read. */
  private async pour(far: FarSide, { offset, length }: Segment): Promise<boolean> {
    const end = offset + length;
    const buffers = [
      Buffer.allocUnsafe(Math.min(chunkBytes, length)),
      Buffer.allocUnsafe(Math.min(chunkBytes, length)),
    ];
    const read = (turn: number, at: number) => this.read(buffers[turn % 2] ?? Buffer.alloc(0), at, end);
    let next = read(0, offset);
    for (let [turn, at] = [1, offset]; at < end; turn += 1) {
      const chunk = await next;
      if (chunk === null) return false;
      at += chunk.length;
      if (at < end) next = read(turn, at);
      if (!(await far.take(chunk))) {
        await next;
        return false;
      }
      this.watch.allow(stallSeconds);
      this.sentBytes += chunk.length;
      this.tellSometimes();
    }
    return true;
  }

  private async read(buffer: Buffer, at: number, end: number): Promise<Buffer | null> {
    const wanted = Math.min(buffer.length, end - at);
    try {
      const { bytesRead } = await this.file.read(buffer, 0, wanted, at);
      if (bytesRead === wanted) return buffer.subarray(0, wanted);
      this.failure ??= unreadable(this.delivery, changedMeanwhile);
    } catch (error) {
      this.failure ??= unreadable(this.delivery, error instanceof Error ? error.message : String(error));
    }
    return null;
  }

  // ---- What proves that it is right ----

  /** The far side reads the file's beginning for its digest while the rest is on its way. */
  private startHash(keeper: FarSide): void {
    if (this.hashedTo !== null) return;
    this.hashedTo = 0;
    keeper.send('hash\n');
    this.feedHash(keeper);
  }

  private feedHash(keeper: FarSide): void {
    if (this.hashedTo === null) return;
    const stretch = nextStretch(this.segments, this.done, this.hashedTo);
    if (stretch === null) return;
    this.hashedTo += stretch.length;
    keeper.send(`stretch ${stretch.offset} ${stretch.length}\n`);
  }

  /** Has it put in its place where the whole is what was to be sent. What of it is not is sent again, once. */
  private async stored(keeper: FarSide): Promise<boolean> {
    if (await this.storedIfRight(keeper)) return true;
    if (keeper.isOver) return false;
    const wrong = await this.wrongSegments(keeper);
    if (wrong === null || keeper.isOver) return false;
    if (wrong.length === 0) {
      this.failure = unreadable(this.delivery, changedMeanwhile);
      return false;
    }
    this.repairedBytes = bytesOf(wrong);
    this.queue = wrong;
    for (const { index } of wrong) this.done.delete(index);
    await this.sendQueue(keeper, keeper);
    this.hashedTo = null;
    if (await this.storedIfRight(keeper)) return true;
    const { site, what, directory, name } = this.delivery;
    if (!keeper.isOver) this.failure ??= { kind: 'delivery-broken', site, what, path: `${directory}/${name}` };
    return false;
  }

  private async storedIfRight(keeper: FarSide): Promise<boolean> {
    const before = countOf(keeper, 'hash');
    this.startHash(keeper);
    this.watch.allow(readingSeconds(this.delivery.bytes));
    keeper.send('over\nstore\n');
    await keeper.untilSaid(() => countOf(keeper, 'hash') > before);
    if (readKeeping(keeper.said).hash !== this.delivery.digest) return false;
    await keeper.untilSaid(isDecided);
    return readKeeping(keeper.said).isStored;
  }

  /** Segments that are not there what they are here; null when that cannot be found out. */
  private async wrongSegments(keeper: FarSide): Promise<Segment[] | null> {
    this.watch.allow(readingSeconds(this.delivery.bytes));
    for (const { index, offset, length } of this.segments) keeper.send(`digest ${index} ${offset} ${length}\n`);
    await keeper.untilSaid(() => countOf(keeper, 'digest') === this.segments.length);
    const { digests } = readKeeping(keeper.said);
    const wrong: Segment[] = [];
    const buffer = Buffer.allocUnsafe(segmentBytes);
    for (const segment of this.segments) {
      const bytes = await this.read(buffer, segment.offset, segment.offset + segment.length);
      if (bytes === null) return null;
      if (createHash('sha256').update(bytes).digest('hex') !== digests.get(segment.index)) wrong.push(segment);
    }
    return wrong;
  }

  // ---- How it went ----

  private ending(keeper: FarSide): Result<Delivered> {
    const { site, what, directory, name, bytes } = this.delivery;
    const { sentBytes, keptBytes, repairedBytes } = this;
    const { isThere, isStored, differs } = readKeeping(keeper.said);
    if (isStored) {
      this.tell(bytes);
      return ok({ kind: 'sent', sentBytes, keptBytes, repairedBytes });
    }
    if (isThere) return ok({ kind: 'there', sentBytes, keptBytes, repairedBytes });
    if (this.context.signal.aborted) return failed({ kind: 'interrupted' });
    if (differs) return failed({ kind: 'delivery-broken', site, what, path: `${directory}/${name}` });
    if (this.unwilling !== null) return failed(this.unwritable(this.unwilling));
    if (this.failure !== null) return failed(this.failure);
    if (this.watch.signal.aborted) return failed(this.stalled());
    return failed(keeper.exit?.kind === 'lost' ? this.lost(keeper) : this.unwritable(keeper));
  }

  /** Why it cannot write comes on another stream, and perhaps later: it is read when all have ended. */
  private stopFor(writer: FarSide): void {
    if (this.failure !== null) return;
    this.failure = this.unwritable(writer);
    this.unwilling = writer;
  }

  private unwritable({ complaints }: FarSide): Failure {
    const { site, what, directory } = this.delivery;
    const cannot = `${what} cannot be written to ${directory} (is the disk or the quota full?)`;
    return { kind: 'login-host-unusable', site, what: cannot, said: complaints.trim().slice(-400) };
  }

  private lost({ exit }: FarSide): Failure {
    const { site, what } = this.delivery;
    const reason = exit?.kind === 'lost' ? exit.reason : 'the channels that it goes over ended';
    return { kind: 'connection-lost', site, step: `sending ${what}`, reason };
  }

  private stalled(): Failure {
    const { site, what } = this.delivery;
    return { kind: 'timed-out', site, step: `sending ${what}`, seconds: this.watch.seconds };
  }

  private announce(): void {
    const { site, what, bytes } = this.delivery;
    const detail = `${what}, ${Math.ceil(bytes / 1e6)} MB`;
    this.context.emit({ kind: 'step', site, step: 'ship', detail });
  }

  private tellSometimes(): void {
    if (this.context.now() - this.toldAt >= progressMilliseconds) this.tell(this.keptBytes + this.sentBytes);
  }

  private tell(doneBytes: number, aside?: string): void {
    this.toldAt = this.context.now();
    const { site, what, bytes } = this.delivery;
    const amount = `${Math.floor(Math.min(doneBytes, bytes) / 1e6)} of ${Math.ceil(bytes / 1e6)} MB`;
    const detail = [what, amount, ...(aside === undefined ? [] : [aside])].join(', ');
    this.context.emit({ kind: 'step', site, step: 'ship', detail, moved: { bytes: doneBytes, of: bytes } });
  }
}

function countOf({ said }: FarSide, word: string): number {
  return said.filter((line) => line.startsWith(`${word} `)).length;
}

function isDecided(said: readonly string[]): boolean {
  const { isThere, isStored, differs } = readKeeping(said);
  return isThere || isStored || differs;
}
