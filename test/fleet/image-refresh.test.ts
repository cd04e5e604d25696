import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import type { Context, Event } from '../../src/context.ts';
import { warnOfStaleImages } from '../../src/fleet/image-news.ts';
import { refreshImages } from '../../src/fleet/image-refresh.ts';
import { buildImage } from '../../src/image/build.ts';
import { openImageStore } from '../../src/image/store.ts';
import type { StoredImage } from '../../src/image/stored-image.ts';
import { exampleWith } from '../support/example-profile.ts';
import { type MovingRegistry, movingRegistry } from '../support/moving-registry.ts';

const builder = fileURLToPath(new URL('../support/stand-in-builder', import.meta.url));
const hour = 3_600_000;

let dataDir: string;
let registry: MovingRegistry;
let now: number;
let events: Event[];
let context: Context;
/** Set, the registry answers no more. */
let isMute: boolean;
const environment = { ...process.env };

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'glidein-refresh-'));
  isMute = false;
  registry = await movingRegistry({ before: () => (isMute ? new Promise<void>(() => {}) : undefined) });
  registry.put('x', Buffer.from('one'));
  now = Date.UTC(2026, 10, 20);
  events = [];
  const emit = (event: Event) => void (event.kind === 'step' || events.push(event));
  context = { signal: new AbortController().signal, now: () => now, emit, ask: null };
  process.env['PATH'] = `${builder}${delimiter}${environment['PATH']}`;
  process.env['TMPDIR'] = dataDir;
});
afterEach(async () => {
  for (const name of ['PATH', 'TMPDIR', 'BUILDER_CONTENT', 'BUILDER_FAILS', 'BUILDER_SECONDS']) {
    if (environment[name] === undefined) delete process.env[name];
    else process.env[name] = environment[name];
  }
  await registry.close();
  rmSync(dataDir, { recursive: true });
});

function profile(image: Record<string, unknown> = {}): Profile {
  const written = Object.fromEntries(
    Object.entries({ source: registry.source('x'), ...image }).map(([key, value]) => [`image.${key}`, value]),
  );
  const checked = checkProfile(exampleWith(written), { site: 'campus', file: null });
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
  return checked.value;
}

async function built(): Promise<StoredImage> {
  const order = { name: 'x', source: registry.source('x'), runtime: null };
  const image = await buildImage(openImageStore({ dataDir }), order, context);
  if (!image.ok) throw new Error(JSON.stringify(image.failure));
  return image.value;
}

async function images(): Promise<StoredImage[]> {
  const all = await openImageStore({ dataDir }).list();
  if (!all.ok) throw new Error(JSON.stringify(all.failure));
  return all.value;
}

const refresh = (dryRun = false) => refreshImages([profile(), profile({ name: 'x' })], { dataDir, dryRun }, context);
const warnings = () => events.flatMap((event) => (event.kind === 'warning' || event.kind === 'mishap' ? [event] : []));

describe('refreshing the images that sites use', () => {
  it('builds the newer one where the tag has moved, once, and nothing where it has not', async () => {
    const old = await built();
    await refresh();
    expect(await images()).toEqual([old]);
    now += hour;
    const digest = registry.put('x', Buffer.from('two'));
    await refresh();
    const [newest, ...others] = await images();
    expect(newest).toMatchObject({ name: 'x', source: registry.source('x'), digest });
    expect(others).toEqual([old]);
    await refresh();
    expect(await images()).toHaveLength(2);
    expect(warnings()).toEqual([]);
  });

  it('leaves the old one in use, and says so, when the build fails', async () => {
    const old = await built();
    registry.put('x', Buffer.from('two'));
    process.env['BUILDER_FAILS'] = 'no more disk';
    await refresh();
    expect(await images()).toEqual([old]);
    expect(warnings()).toEqual([
      {
        kind: 'mishap',
        site: 'x',
        text: 'no newer image was built, and the one of 2026-11-20 stays in use',
        failure: {
          kind: 'build-failed',
          site: null,
          name: 'x',
          source: registry.source('x'),
          said: 'FATAL: no more disk',
        },
      },
    ]);
  });

  it('does not try at each pass what could not be built, but after six hours, or when the tag moves again', async () => {
    await built();
    registry.put('x', Buffer.from('two'));
    process.env['BUILDER_FAILS'] = 'no more disk';
    await refresh();
    expect(warnings()).toHaveLength(1);
    now += 5.9 * hour;
    await refresh();
    expect(warnings()).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ kind: 'note', text: expect.stringContaining('glidein image build x') });
    now += 0.2 * hour;
    await refresh();
    expect(warnings()).toHaveLength(2);
    registry.put('x', Buffer.from('three'));
    await refresh();
    expect(warnings()).toHaveLength(3);
    delete process.env['BUILDER_FAILS'];
    registry.put('x', Buffer.from('four'));
    await refresh();
    expect(await images()).toHaveLength(2);
  });

  it('leaves the old one in use, and says so, when nobody can say what the tag stands for', async () => {
    const old = await built();
    await registry.close();
    await refresh();
    expect(await images()).toEqual([old]);
    expect(warnings()).toMatchObject([{ kind: 'warning', site: 'x', text: expect.stringContaining('ECONNREFUSED') }]);
    expect(warnings()).toMatchObject([{ text: expect.stringContaining('the one of 2026-11-20 stays in use') }]);
  });

  it('by two passes at once builds it once', async () => {
    await built();
    now += hour;
    registry.put('x', Buffer.from('two'));
    process.env['BUILDER_SECONDS'] = '0.1';
    await Promise.all([refresh(), refresh()]);
    expect(await images()).toHaveLength(2);
    const manifests = registry.asked.filter((one) => one.startsWith('GET /v2/osg/pilot/manifests/x 200'));
    expect(manifests).toHaveLength(2);
  });

  it('only says what it would do in a dry run', async () => {
    const old = await built();
    registry.put('x', Buffer.from('two'));
    await refresh(true);
    expect(await images()).toEqual([old]);
    expect(warnings()).toMatchObject([{ site: 'x', text: 'a newer image exists, and would be built' }]);
  });

  it('leaves alone what no site uses', async () => {
    await built();
    registry.put('x', Buffer.from('two'));
    const others = [profile({ remotePath: '/on/the/cluster.sif' }), profile({ source: registry.source('y') })];
    await refreshImages(others, { dataDir, dryRun: false }, context);
    expect(await images()).toHaveLength(1);
    expect(registry.asked.filter((one) => one.startsWith('HEAD'))).toEqual([]);
  });
});

describe('news of the images that sites use', () => {
  const warn = (more: Record<string, unknown> = {}) =>
    warnOfStaleImages([profile(more), profile(more)], dataDir, context);

  it('are asked for once a day, and told', async () => {
    await built();
    registry.put('x', Buffer.from('two'));
    const asks = () => registry.asked.filter((one) => one.startsWith('HEAD') && one.endsWith('200')).length;
    await warn();
    expect(warnings()).toMatchObject([
      { kind: 'warning', site: 'x', text: expect.stringContaining('a newer image exists') },
    ]);
    expect(asks()).toBe(1);
    now += 23 * hour;
    await warn();
    expect(asks()).toBe(1);
    now += hour;
    await warn();
    expect(asks()).toBe(2);
    expect(warnings()).toHaveLength(2);
    now -= 48 * hour;
    await warn();
    expect(asks()).toBe(3);
  });

  it('are none of an image that is what its tag stands for, however old', async () => {
    await built();
    now += 1000 * hour;
    await warn();
    expect(warnings()).toEqual([]);
  });

  it('are its age, after no long wait, where the registry does not answer', async () => {
    await built();
    isMute = true;
    now += 71 * hour;
    const began = performance.now();
    await warn();
    expect(performance.now() - began).toBeLessThan(6_000);
    expect(warnings()).toEqual([]);
    now += 25 * hour;
    await warn();
    expect(warnings()).toMatchObject([{ text: expect.stringContaining('96 hours old (image.maxAgeHours is 72)') }]);
    now += 25 * hour;
    await warn({ maxAgeHours: 1000 });
    expect(warnings()).toHaveLength(1);
  }, 30_000);

  it('are asked for anew of a new generation', async () => {
    await built();
    await warn();
    process.env['BUILDER_CONTENT'] = 'other';
    now += hour;
    await built();
    registry.put('x', Buffer.from('two'));
    await warn();
    expect(warnings()).toHaveLength(1);
  });

  it('need no file that can be read, and make none where there are no images', async () => {
    await warnOfStaleImages([profile()], join(dataDir, 'nowhere'), context);
    expect(() => readFileSync(join(dataDir, 'nowhere/image-news.json'))).toThrow('ENOENT');
    await built();
    mkdirSync(join(dataDir, 'image-news.json'));
    chmodSync(join(dataDir, 'image-news.json'), 0o700);
    registry.put('x', Buffer.from('two'));
    await warn();
    expect(warnings()).toHaveLength(1);
  });
});
