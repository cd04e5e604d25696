import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quote } from '../../src/shell.ts';
import { NeverStarted, type RemoteProcess, type Transport } from '../../src/transports/transport.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Where a transport leads, for the tests every transport must pass. */
export interface Place {
  open(): Promise<Transport>;
  /** A directory the remote user may write and this process read. */
  directory: string;
  /**
   * How it tells of a program that ended with 255, or by a signal: by the system's `ssh` these look like a connection that
   * was lost. Absent: exactly.
   */
  hidesSomeEnds?: boolean;
}

const never = new AbortController().signal;
const megabytes = 1_000_000;
const lost = { kind: 'lost', reason: expect.any(String) };

/** The tests that hold for every transport. `place` is asked for before the first of them. */
export function transportContract(name: string, place: () => Promise<Place>): void {
  describe(name, () => {
    let at: Place;
    let transport: Transport;
    const start = (command: string, signal = never) => transport.spawn(command, { signal });
    const run = async (command: string, input: string | Buffer = '') => finish(await start(command), input);

    beforeAll(async () => {
      at = await place();
      transport = await at.open();
    });
    afterAll(async () => {
      await transport[Symbol.asyncDispose]();
    });

    it.each([0, 1, 254, 255])('tells exit code %i', async (code) => {
      const isHidden = code === 255 && at.hidesSomeEnds === true;
      expect((await run(`exit ${code}`)).exit).toEqual(isHidden ? lost : { kind: 'exited', code });
    });

    it('tells a program that was killed from one that exited', async () => {
      const exit = at.hidesSomeEnds === true ? lost : { kind: 'signalled', signal: 'SIGKILL' };
      expect((await run('exec sh -c "kill -KILL \\$\\$"')).exit).toEqual(exit);
    });

    it('answers 127 for a command that does not exist', async () => {
      const ran = await run('/nonexistent/command');
      expect(ran.exit).toEqual({ kind: 'exited', code: 127 });
      expect(ran.stderr.toString()).toContain('/nonexistent/command');
    });

    it('keeps stdout and stderr apart', async () => {
      const ran = await run('echo out; echo err >&2; echo more');
      expect([ran.stdout.toString(), ran.stderr.toString()]).toEqual(['out\nmore\n', 'err\n']);
    });

    it('starts programs in the home directory', async () => {
      const ran = await run('pwd; echo "$HOME"');
      const [directory, home] = ran.stdout.toString().split('\n');
      expect(directory).toBe(home);
    });

    it('carries 100 MB of any bytes in and out again', { timeout: 120_000 }, async () => {
      const bytes = randomBytes(100 * megabytes);
      const ran = await run('cat', bytes);
      expect(ran.exit).toEqual({ kind: 'exited', code: 0 });
      expect(sha256(ran.stdout)).toBe(sha256(bytes));
    });

    it('carries 20 MB of stderr while stdout is silent', async () => {
      const ran = await run(`head -c ${20 * megabytes} /dev/zero >&2`);
      expect(ran.stderr.length).toBe(20 * megabytes);
    });

    it('holds a program up whose output nobody reads, and loses none of it', async () => {
      const done = join(at.directory, `written-${randomBytes(4).toString('hex')}`);
      const process = await start(`head -c ${20 * megabytes} /dev/zero; echo done >${quote(done)}`);
      process.stdin.end();
      await sleep(500);
      expect(existsSync(done)).toBe(false);
      const ran = await finish(process, '');
      expect(ran.stdout.length).toBe(20 * megabytes);
      expect(existsSync(done)).toBe(true);
    });

    it('holds the writer up while the program does not read', async () => {
      const process = await start('sleep 1; wc -c');
      const block = Buffer.alloc(64 * 1024);
      const blocks = 300;
      let taken = 0;
      const source = Readable.from(
        (function* () {
          for (; taken < blocks; taken += 1) yield block;
        })(),
      );
      const writing = pipeline(source, process.stdin);
      const ended = collect(process);
      await sleep(500);
      expect(taken).toBeLessThan(blocks / 2);
      await writing;
      expect(Number((await ended).stdout.toString())).toBe(blocks * block.length);
    });

    it('ends a write to a program that ended without reading', { timeout: 15_000 }, async () => {
      const process = await start('exit 3');
      const writing = pipeline(Readable.from([randomBytes(20 * megabytes)]), process.stdin).catch(() => 'refused');
      expect((await collect(process)).exit).toEqual({ kind: 'exited', code: 3 });
      await writing;
    });

    it('tells the code of a program that closed its stdin and stdout early', async () => {
      const ran = await run('exec 0<&- 1>&-; sleep 0.3; echo late >&2; exit 4', randomBytes(megabytes));
      expect(ran.exit).toEqual({ kind: 'exited', code: 4 });
      expect(ran.stderr.toString()).toBe('late\n');
    });

    it('tells the end of a program although nobody reads its output', async () => {
      const process = await start('echo unread');
      process.stdin.end();
      expect(await process.exited).toEqual({ kind: 'exited', code: 0 });
    });

    it('goes on when the reader goes away', async () => {
      const process = await start(`head -c ${20 * megabytes} /dev/zero 2>/dev/null; exit 5`);
      process.stdin.end();
      for await (const _ of process.stdout) break;
      expect(await process.exited).toEqual({ kind: 'exited', code: 5 });
    });

    it('ends everything at once on abort, and the program goes on', async () => {
      const mark = join(at.directory, `mark-${randomBytes(4).toString('hex')}`);
      const abort = new AbortController();
      const process = await start(`echo begun; sleep 1; echo alive >${quote(mark)}`, abort.signal);
      // Listening first: what has come already is read, and told, as soon as somebody reads.
      const begun = waitForOutput(process);
      const ended = collect(process);
      await begun;
      abort.abort();
      const before = performance.now();
      expect((await ended).exit.kind).toBe('lost');
      expect(performance.now() - before).toBeLessThan(800);
      expect(process.stdin.destroyed).toBe(true);
      expect(existsSync(mark)).toBe(false);
      await waitUntil('the program went on', 5, () => existsSync(mark) && readFileSync(mark, 'utf8') === 'alive\n');
    });

    it('refuses to start when the wait is over before it began', async () => {
      const refused = await start('true', AbortSignal.abort()).catch((reason: unknown) => reason);
      expect(refused).toBeInstanceOf(NeverStarted);
      expect(refused).toMatchObject({ failure: { kind: 'interrupted' } });
    });

    it('runs eight programs at once, each with its own answer', async () => {
      const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
      const all = await Promise.all(numbers.map((number) => run(`sleep 0.1; cat; exit ${number}`, `text ${number}`)));
      expect(all.map(({ stdout, exit }) => [stdout.toString(), exit])).toEqual(
        numbers.map((number) => [`text ${number}`, { kind: 'exited', code: number }]),
      );
    });

    it('ends what waits when it is disposed of, and the program goes on', async () => {
      const mark = join(at.directory, `mark-${randomBytes(4).toString('hex')}`);
      const other = await at.open();
      const process = await other.spawn(`echo begun; sleep 1; echo alive >${quote(mark)}`, { signal: never });
      // Listening first: what has come already is read, and told, as soon as somebody reads.
      const begun = waitForOutput(process);
      const ended = collect(process);
      await begun;
      await other[Symbol.asyncDispose]();
      expect((await ended).exit.kind).toBe('lost');
      await waitUntil('the program went on', 5, () => existsSync(mark) && readFileSync(mark, 'utf8') === 'alive\n');
    });
  });
}

/** Feeds a program, reads both its streams to their ends, and waits for it. */
export async function finish(process: RemoteProcess, input: string | Buffer) {
  const writing = pipeline(Readable.from(input.length === 0 ? [] : [input]), process.stdin).catch(() => {});
  const collected = await collect(process);
  await writing;
  return collected;
}

async function collect(process: RemoteProcess) {
  const [stdout, stderr, exit] = await Promise.all([bytes(process.stdout), bytes(process.stderr), process.exited]);
  return { stdout, stderr, exit };
}

async function bytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function waitForOutput(process: RemoteProcess): Promise<void> {
  return new Promise((resolve) => process.stdout.once('data', () => resolve()));
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
