import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Freshness, freshnessOf } from '../image/freshness.ts';
import { openImageStore } from '../image/store.ts';
import { type ImageInUse, imagesOf } from './image-wishes.ts';
import { isDue, readTimes, writeTimes } from './remembered-times.ts';

/** Once a day a pass asks whether the images that its sites use are still the newest, and says where they are not. */

const everyMilliseconds = 24 * 3_600_000;
/** A pass waits for no registry for longer: it is asked again a day later. */
const askSeconds = 4;
/** Where it is remembered. */
const memory = 'image-news';

/** Warns of images that are not what their tags stand for. To be called after the work: it may wait for a registry. */
export async function warnOfStaleImages(
  profiles: readonly Profile[],
  dataDir: string,
  context: Context,
): Promise<void> {
  const images = await openImageStore({ dataDir }).list();
  if (!images.ok) return;
  const now = context.now();
  const asked = await readTimes(dataDir, memory);
  const due = imagesOf(profiles, images.value).filter(({ image }) =>
    isDue(asked.get(keyOf(image)), everyMilliseconds, now),
  );
  if (due.length === 0) return;
  // Written first: whoever is killed while a slow registry is asked must not ask it again at each pass.
  const times = new Map([...asked, ...due.map(({ image }) => [keyOf(image), now] as const)]);
  await writeTimes(dataDir, memory, { times, keepMilliseconds: 2 * everyMilliseconds }, context);
  await Promise.all(due.map((one) => warnOf(one, now, context)));
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
