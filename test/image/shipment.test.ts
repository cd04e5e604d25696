import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packingList } from '../../src/image/packed-directory.ts';
import { type Shipment, shipmentOf } from '../../src/image/shipment.ts';

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'glidein-shipment-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

async function shipped(path: string, leaveOut: readonly string[] = []): Promise<Shipment> {
  const shipment = await shipmentOf(path, leaveOut);
  if (!shipment.ok) throw new Error(JSON.stringify(shipment.failure));
  return shipment.value;
}

async function bytesOf(shipment: Shipment): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of shipment.content()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As `makedist` would leave it, and some of what file systems allow. */
function distribution(name: string, order: 'up' | 'down' = 'up'): string {
  const directory = join(scratch, name);
  const long = join('dist', 'l'.repeat(120), 'm'.repeat(120));
  const make: (() => void)[] = [
    () => writeFileSync(join(directory, 'cvmfsexec'), '#!/bin/sh\n', { mode: 0o755 }),
    () => writeFileSync(join(directory, 'mountrepo'), '#!/bin/sh\nexit 1\n', { mode: 0o700 }),
    () => writeFileSync(join(directory, '@not-an-archive'), 'a'),
    () => writeFileSync(join(directory, '-C'), 'b'),
    () => writeFileSync(join(directory, ' a "b" $c\n\\ü'), 'c', { mode: 0o600 }),
    () => writeFileSync(join(directory, long, 'n'.repeat(200)), 'd'),
    () => writeFileSync(join(directory, 'dist/libcvmfs.so'), Buffer.alloc(300_000, 'glidein')),
    () => mkdirSync(join(directory, 'dist/var/empty'), { recursive: true }),
    () => symlinkSync('libcvmfs.so', join(directory, 'dist/libcvmfs.so.2')),
    () => symlinkSync('/cvmfs/nowhere', join(directory, 'dist/dangling')),
  ];
  mkdirSync(join(directory, long), { recursive: true });
  for (const one of order === 'up' ? make : make.reverse()) one();
  return directory;
}

describe('a directory', () => {
  it('has the same bytes wherever, whenever and in whatever order it was made', async () => {
    const one = distribution('one');
    const other = distribution('other', 'down');
    for (const entry of readdirSync(other, { recursive: true, encoding: 'utf8' })) {
      if (!lstatSync(join(other, entry)).isSymbolicLink()) utimesSync(join(other, entry), 1000, 2000);
    }
    const [first, second] = [await shipped(one), await shipped(other)];
    expect(second.digest).toBe(first.digest);
    expect(await bytesOf(second)).toEqual(await bytesOf(first));
  });

  it('lists its names in an order of its own, not in that of the file system or of a language', async () => {
    const directory = join(scratch, 'one');
    mkdirSync(directory);
    const names = ['B', 'a', 'a-b', 'ä', '\u{1F600}', '\uFF5E'];
    for (const name of names.toReversed()) writeFileSync(join(directory, name), '');
    const list = await packingList(directory, []);
    expect(list).toEqual({ ok: true, value: names.map((name) => `./${name}`) });
  });

  it('is known by the digest and the length of what is sent', async () => {
    const { digest, bytes, kind, ...rest } = await shipped(distribution('one'));
    const content = await bytesOf({ digest, bytes, kind, ...rest });
    expect(kind).toBe('directory');
    expect(content.length).toBe(bytes);
    expect(createHash('sha256').update(content).digest('hex')).toBe(digest);
  });

  it.each<[string, (directory: string) => void]>([
    ['a byte', (at) => writeFileSync(join(at, 'dist/libcvmfs.so'), Buffer.alloc(300_000, 'glideiN'))],
    ['a name', (at) => writeFileSync(join(at, 'more'), '')],
    ['an empty directory', (at) => mkdirSync(join(at, 'dist/more'))],
    ['a directory less', (at) => rmSync(join(at, 'dist/var/empty'), { recursive: true })],
    ['the right to run', (at) => chmodSync(join(at, 'cvmfsexec'), 0o644)],
    [
      'where a link leads',
      (at) => {
        rmSync(join(at, 'dist/dangling'));
        symlinkSync('/cvmfs/elsewhere', join(at, 'dist/dangling'));
      },
    ],
  ])('is another one when %s is different', async (_what, change) => {
    const directory = distribution('one');
    const before = await shipped(directory);
    change(directory);
    expect((await shipped(directory)).digest).not.toBe(before.digest);
  });

  it('is given back by tar as it was: names, contents, links, modes, empty directories', async () => {
    const directory = distribution('one');
    linkSync(join(directory, 'cvmfsexec'), join(directory, 'second-name'));
    const file = join(scratch, 'one.tar');
    writeFileSync(file, await bytesOf(await shipped(directory)));
    const back = join(scratch, 'back');
    mkdirSync(back);
    execFileSync('tar', ['-x', '-p', '-f', file, '-C', back]);
    expect(facts(back)).toEqual(facts(directory));
    expect(facts(back).length).toBeGreaterThan(14);
  });

  it('has the same bytes when a file of it has two names or was copied', async () => {
    const [linked, copied] = [distribution('one'), distribution('other')];
    linkSync(join(linked, 'cvmfsexec'), join(linked, 'second-name'));
    writeFileSync(join(copied, 'second-name'), '#!/bin/sh\n', { mode: 0o755 });
    expect((await shipped(linked)).digest).toBe((await shipped(copied)).digest);
  });

  it('leaves at home what it is told to, at its top only', async () => {
    const directory = distribution('one');
    const before = await shipped(directory, ['.git']);
    mkdirSync(join(directory, '.git/objects'), { recursive: true });
    expect((await shipped(directory, ['.git'])).digest).toBe(before.digest);
    mkdirSync(join(directory, 'dist/.git'));
    expect((await shipped(directory, ['.git'])).digest).not.toBe(before.digest);
  });

  it('with something in it that is no file is refused, by its name', async () => {
    const directory = distribution('one');
    const server = createServer().listen(join(directory, 'dist/socket'));
    await once(server, 'listening');
    const refused = await shipmentOf(directory, []);
    server.close();
    expect(refused).toMatchObject({
      ok: false,
      failure: { kind: 'file-unusable', file: join(directory, 'dist/socket') },
    });
  });

  it('that loses a file after it was read is an error, not another archive', async () => {
    const directory = distribution('one');
    const shipment = await shipped(directory);
    rmSync(join(directory, 'mountrepo'));
    await expect(bytesOf(shipment)).rejects.toThrow();
  });

  it('goes through tar unchanged, whatever its names and sizes are', async () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 255);
    const tree = fc.dictionary(name, fc.uint8Array({ maxLength: 2000 }), {
      minKeys: 1,
      maxKeys: 6,
      noNullPrototype: true,
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        run += 1;
        const [from, back] = [join(scratch, `from-${run}`), join(scratch, `back-${run}`)];
        mkdirSync(from);
        mkdirSync(back);
        for (const [file, content] of Object.entries(files)) writeFileSync(join(from, file), content);
        const input = await bytesOf(await shipped(from));
        execFileSync('tar', ['-x', '-p', '-f', '-', '-C', back], { input });
        expect(facts(back)).toEqual(facts(from));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a file', () => {
  it('goes as it is', async () => {
    const file = join(scratch, 'osg.sh');
    const content = Buffer.concat([Buffer.from('#!/bin/bash\n'), Buffer.alloc(200_000, 0xff)]);
    writeFileSync(file, content);
    const shipment = await shipped(file);
    expect(shipment).toMatchObject({ kind: 'file', bytes: content.length });
    expect(shipment.digest).toBe(createHash('sha256').update(content).digest('hex'));
    expect(await bytesOf(shipment)).toEqual(content);
  });

  it('that is not there is a failure with its name', async () => {
    const file = join(scratch, 'nothing');
    expect(await shipmentOf(file, [])).toMatchObject({ ok: false, failure: { kind: 'file-unusable', file } });
  });
});

/** Everything that a copy must have, but times and owners. */
function facts(directory: string) {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const path = join(directory, name);
    const found = lstatSync(path);
    if (found.isSymbolicLink()) return { name, link: readlinkSync(path) };
    return { name, mode: found.mode, content: found.isFile() ? readFileSync(path, 'hex') : null };
  });
}
