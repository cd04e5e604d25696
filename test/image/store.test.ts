import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageStore, openImageStore } from '../../src/image/store.ts';
import type { StoredImage } from '../../src/image/stored-image.ts';

let dataDir: string;
let store: ImageStore;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glidein-store-'));
  store = openImageStore({ dataDir });
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

/** Adds an image with this content, built so many seconds after a certain time. */
async function add(
  name: string,
  content: string,
  second: number,
  more: Partial<StoredImage> = {},
): Promise<StoredImage> {
  mkdirSync(store.directory, { recursive: true });
  const file = join(store.directory, 'made');
  writeFileSync(file, content);
  const added = await store.add(file, {
    name,
    source: `docker://r.example.org/${name}:x`,
    digest: null,
    sha256: sha256(content),
    bytes: content.length,
    builtAt: new Date(Date.UTC(2026, 10, 1, 0, 0, second)).toISOString(),
    builtBy: 'apptainer 1.4.5',
    ...more,
  });
  return must(added);
}

function must<T>(result: { ok: true; value: T } | { ok: false; failure: object }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return result.value;
}

const list = async () => must(await store.list());
const index = () => join(store.directory, 'index.json');
const files = () => readdirSync(store.directory).sort();

describe('the image store', () => {
  it('is empty before it is there, and makes nothing to say so', async () => {
    expect(await list()).toEqual([]);
    expect(await store.named('x')).toEqual({ ok: true, value: null });
    expect(await store.sweep({ dryRun: true })).toEqual({ ok: true, value: [] });
    expect(existsSync(store.directory)).toBe(false);
  });

  it('keeps each image under its content, for its owner alone', async () => {
    const added = await add('25-release', 'one', 1, { digest: 'sha256:aa' });
    expect(added.path).toBe(join(dataDir, 'images', `${sha256('one')}.sif`));
    expect(readFileSync(added.path, 'utf8')).toBe('one');
    expect(await list()).toEqual([added]);
    expect(statSync(store.directory).mode & 0o777).toBe(0o700);
    for (const name of files()) expect(statSync(join(store.directory, name)).mode & 0o777).toBe(0o600);
    expect(files()).toEqual([`${sha256('one')}.25-release.json`, `${sha256('one')}.sif`, 'index.json']);
  });

  it('means by a name or a source its newest generation', async () => {
    const old = await add('a', 'old', 1);
    const young = await add('a', 'young', 3);
    const other = await add('b', 'other', 2, { source: old.source });
    expect(await store.named('a')).toEqual({ ok: true, value: young });
    expect(await store.ofSource(old.source)).toEqual({ ok: true, value: young });
    expect(await store.named('b')).toEqual({ ok: true, value: other });
    expect(await list()).toEqual([young, other, old]);
    await store.remove(young);
    expect(await store.named('a')).toEqual({ ok: true, value: old });
    expect(await store.ofSource(old.source)).toEqual({ ok: true, value: other });
  });

  it('keeps a content as long as a name has it', async () => {
    const a = await add('a', 'same', 1);
    const b = await add('b', 'same', 2);
    expect(a.path).toBe(b.path);
    await store.remove(a);
    expect(await list()).toEqual([b]);
    expect(existsSync(b.path)).toBe(true);
    await store.remove(b);
    expect(await list()).toEqual([]);
    expect(files()).toEqual(['index.json']);
  });

  it('takes the later facts of what is built again with the same content', async () => {
    await add('a', 'same', 1, { digest: 'sha256:old' });
    const again = await add('a', 'same', 2, { digest: 'sha256:new' });
    expect(await list()).toEqual([again]);
  });

  it.each([
    ['lost', () => rmSync(index())],
    ['empty', () => writeFileSync(index(), '')],
    ['torn', () => truncateSync(index(), 40)],
    ['something else', () => writeFileSync(index(), '{"images":[{"name":1},null,"x"],"y":2}')],
  ])('loses nothing when the index is %s, and has a whole one again after the next change', async (_how, harm) => {
    const a = await add('a', 'one', 1);
    const b = await add('b', 'two', 2);
    harm();
    expect(await list()).toEqual([b, a]);
    const c = await add('c', 'three', 3);
    expect(await list()).toEqual([c, b, a]);
    const written = JSON.parse(readFileSync(index(), 'utf8')) as { images: { name: string }[] };
    expect(written.images.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
  });

  it('loses nothing when the small files are lost, as long as there is the index', async () => {
    const a = await add('a', 'one', 1);
    rmSync(join(store.directory, `${a.sha256}.a.json`));
    expect(await list()).toEqual([a]);
  });

  it('names nothing that is not there whole', async () => {
    const a = await add('a', 'one', 1);
    const b = await add('b', 'other', 2);
    truncateSync(a.path, 2);
    rmSync(b.path);
    expect(await list()).toEqual([]);
    expect(await store.named('a')).toEqual({ ok: true, value: null });
  });

  it('believes no index that others may write to', async () => {
    await add('a', 'one', 1);
    chmodSync(index(), 0o666);
    expect(await store.list()).toMatchObject({ ok: false, failure: { kind: 'file-unusable', file: index() } });
  });

  it('sweeps away what belongs to no image, and nothing else', async () => {
    const a = await add('a', 'one', 1);
    const lost = sha256('lost');
    writeFileSync(join(store.directory, `${lost}.sif`), 'lost');
    writeFileSync(join(store.directory, `${lost}.x.json.new`), '{');
    writeFileSync(join(store.directory, `${lost}.x.json`), '{}');
    writeFileSync(join(store.directory, 'somebody else’s'), '');
    const strays = must(await store.sweep({ dryRun: true }));
    expect(strays.map(({ path }) => path).sort()).toEqual(
      ['.sif', '.x.json', '.x.json.new'].map((ending) => join(store.directory, `${lost}${ending}`)),
    );
    expect(must(await store.sweep({ dryRun: false }))).toEqual(strays);
    expect(files()).toEqual([`${a.sha256}.a.json`, `${a.sha256}.sif`, 'index.json', 'somebody else’s']);
    expect(await list()).toEqual([a]);
  });

  it('is what was added and not removed, whatever is lost between', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('add' as const),
        name: fc.constantFrom('a', 'b'),
        content: fc.constantFrom('1', '2', '3'),
      }),
      fc.record({
        kind: fc.constant('remove' as const),
        name: fc.constantFrom('a', 'b'),
        content: fc.constantFrom('1', '2', '3'),
      }),
      fc.constant({ kind: 'lose the index' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        rmSync(store.directory, { recursive: true, force: true });
        const model = new Map<string, StoredImage>();
        let second = 0;
        for (const one of steps) {
          second += 1;
          if (one.kind === 'lose the index') rmSync(index(), { force: true });
          else if (one.kind === 'add') model.set(`${one.name}${one.content}`, await add(one.name, one.content, second));
          else {
            mkdirSync(store.directory, { recursive: true });
            expect(await store.remove({ name: one.name, sha256: sha256(one.content) })).toMatchObject({ ok: true });
            model.delete(`${one.name}${one.content}`);
          }
          expect(await list()).toEqual([...model.values()].sort((x, y) => (x.builtAt < y.builtAt ? 1 : -1)));
        }
        const contents = new Set([...model.values()].map((image) => image.sha256));
        expect(must(await store.sweep({ dryRun: true }))).toEqual([]);
        if (existsSync(store.directory))
          expect(files().filter((name) => name.endsWith('.sif'))).toHaveLength(contents.size);
      }),
      { numRuns: 40 },
    );
  });
});
