import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openImageStore } from '../../src/image/store.ts';
import { compileSource } from '../support/compiled-source.ts';

let compiled: string;
let dataDir: string;
beforeAll(() => {
  compiled = compileSource();
}, 60_000);
afterAll(() => rmSync(compiled, { recursive: true }));
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glidein-writers-'));
  return () => rmSync(dataDir, { recursive: true });
});

const contentOf = (writer: number, n: number) => `image ${writer} ${n}`;
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
const directory = () => join(dataDir, 'images');

/** A process that adds images named `w<writer>`, one after another, and says so after each. */
function writer(number: number, count: number): ChildProcess {
  const module = JSON.stringify(join(compiled, 'dist/image/store.js'));
  const program = `
    import { createHash } from 'node:crypto';
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { openImageStore } from ${module};
    const store = openImageStore({ dataDir: ${JSON.stringify(dataDir)} });
    mkdirSync(store.directory, { recursive: true });
    for (let n = 0; n < ${count}; n += 1) {
      const content = 'image ${number} ' + n;
      const file = store.directory + '/made-${number}-' + process.pid;
      writeFileSync(file, content);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const facts = { name: 'w${number}', source: 'docker://x', digest: null, sha256, bytes: content.length, builtAt: new Date().toISOString(), builtBy: 'x' };
      const added = await store.add(file, facts);
      if (!added.ok) { console.log(JSON.stringify(added.failure)); process.exit(1); }
      console.log(n);
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function hashes(): Promise<string[]> {
  const images = await openImageStore({ dataDir }).list();
  if (!images.ok) throw new Error(JSON.stringify(images.failure));
  for (const image of images.value) expect(sha256(readFileSync(image.path, 'utf8'))).toBe(image.sha256);
  return images.value.map((image) => image.sha256);
}

describe('images added by several processes', () => {
  it('are all there: 8 processes with 10 each leave 80, in the index too', async () => {
    const exits = await Promise.all(Array.from({ length: 8 }, (_, number) => once(writer(number, 10), 'exit')));
    expect(exits.map(([code]) => code)).toEqual(Array(8).fill(0));
    const expected = Array.from({ length: 80 }, (_, n) => sha256(contentOf(n % 8, Math.floor(n / 8))));
    expect((await hashes()).sort()).toEqual(expected.sort());
    const index: { images: { sha256: string }[] } = JSON.parse(readFileSync(join(directory(), 'index.json'), 'utf8'));
    expect(index.images.map((image) => image.sha256).sort()).toEqual(expected);
  }, 60_000);

  it('are there whole or not at all when their writer is killed', async () => {
    let locksLeft = 0;
    let round = 0;
    for (; round < 8 || (locksLeft === 0 && round < 60); round += 1) {
      const child = writer(round, 10_000);
      let said = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await once(child.stdout ?? child, 'data');
      await sleep(Math.random() * 60);
      child.kill('SIGKILL');
      await once(child, 'close');
      const announced = said
        .split('\n')
        .slice(0, -1)
        .map((n) => sha256(contentOf(round, Number(n))));
      const known = await hashes();
      expect(known).toEqual(expect.arrayContaining(announced));
      const lock = join(directory(), 'index.json.lock');
      if (existsSync(lock)) {
        locksLeft += 1;
        utimesSync(lock, new Date(0), new Date(0));
      }
    }
    console.log(`kill -9 of an image's writer: ${locksLeft} of ${round} died holding the lock`);
    expect(locksLeft).toBeGreaterThan(0);
    const [code] = await once(writer(round, 1), 'exit');
    expect(code).toBe(0);
    const swept = await openImageStore({ dataDir }).sweep({ dryRun: false });
    expect(swept).toMatchObject({ ok: true });
    const count = (await hashes()).length;
    const names = readdirSync(directory()).filter((name) => /\.(?:sif|json|new)$/.test(name) && name !== 'index.json');
    expect(names).toHaveLength(2 * count);
  }, 90_000);
});
