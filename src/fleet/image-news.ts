import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlainObject } from '../config/profile-keys.ts';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Freshness, freshnessOf } from '../image/freshness.ts';
import { openImageStore } from '../image/store.ts';
import { type ImageInUse, imagesOf } from './image-wishes.ts';

/** Once a day a pass asks whether the images that its sites use are still the newest, and says where they are not. */

const everyMilliseconds = 24 * 3_600_000;
/** A pass waits for no registry for longer: it is asked again a day later. */
const askSeconds = 4;

/** Warns of images that are not what their tags stand for. To be called after the work: it may wait for a registry. */
export async function warnOfStaleImages(
  profiles: readonly Profile[],
  dataDir: string,
  context: Context,
): Promise<void> {
  const images = await openImageStore({ dataDir }).list();
  if (!images.ok) return;
  const now = context.now();
  const asked = await readAsked(dataDir);
  const due = imagesOf(profiles, images.value).filter(({ image }) => isDue(asked.get(keyOf(image)), now));
  if (due.length === 0) return;
  // Written first: whoever is killed while a slow registry is asked must not ask it again at each pass.
  await writeAsked(dataDir, new Map([...asked, ...due.map(({ image }) => [keyOf(image), now] as const)]), context);
  await Promise.all(due.map((one) => warnOf(one, now, context)));
}

/** A clock that was set back must not silence it for longer. */
function isDue(askedAt: number | undefined, now: number): boolean {
  return askedAt === undefined || now < askedAt || now - askedAt >= everyMilliseconds;
}

async function warnOf({ image, maxAgeHours }: ImageInUse, now: number, context: Context): Promise<void> {
  // TLS takes longer to load than all the rest of a pass that finds nothing to do.
  const { askSource } = await import('../image/standing.ts');
  const answer = await askSource(image.source, askSeconds, context);
  const text = staleWords(freshnessOf(image, answer, { nowMilliseconds: now, maxAgeHours }), maxAgeHours);
  if (text === null) return;
  const remedy = `glidein image build ${image.name}, or top-up with --refresh`;
  context.emit({ kind: 'warning', site: image.name, text: `${text}; type: ${remedy}`, needsYou: true });
}

function staleWords({ state, ageHours, reason }: Freshness, maxAgeHours: number): string | null {
  switch (state) {
    case 'newer':
      return 'a newer image exists';
    case 'old':
      return `the image is ${Math.floor(ageHours)} hours old (image.maxAgeHours is ${maxAgeHours}), and whether there is a newer one is not known: ${reason}`;
    default:
      return null;
  }
}

/** By generation: a new one is asked about anew. */
function keyOf({ name, sha256 }: ImageInUse['image']): string {
  return `${name} ${sha256}`;
}

async function readAsked(dataDir: string): Promise<Map<string, number>> {
  const text = await readFile(fileIn(dataDir), 'utf8').catch(() => '');
  try {
    const value: unknown = JSON.parse(text);
    const entries = isPlainObject(value) ? Object.entries(value) : [];
    return new Map(entries.flatMap(([key, at]) => (typeof at === 'number' ? [[key, at] as const] : [])));
  } catch {
    return new Map();
  }
}

/** Only a saving: a machine that cannot keep it asks at each pass. */
async function writeAsked(dataDir: string, asked: Map<string, number>, context: Context): Promise<void> {
  const now = context.now();
  const recent = [...asked].filter(([, at]) => now - at < 2 * everyMilliseconds);
  const file = fileIn(dataDir);
  const own = `${file}.${process.pid}.new`;
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(own, JSON.stringify(Object.fromEntries(recent)), { mode: 0o600 });
    await rename(own, file);
  } catch (error) {
    const text = `when the images were asked about cannot be remembered: ${error instanceof Error ? error.message : error}`;
    context.emit({ kind: 'note', site: null, text });
  }
}

function fileIn(dataDir: string): string {
  return join(dataDir, 'image-news.json');
}
