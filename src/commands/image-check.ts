import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { imageWishes, maxAgeHoursOf } from '../fleet/image-wishes.ts';
import { type Freshness, freshnessOf } from '../image/freshness.ts';
import { askSource } from '../image/standing.ts';
import { openImageStore } from '../image/store.ts';
import { newestOf, type StoredImage } from '../image/stored-image.ts';

export interface ImageCheckOptions {
  configDir: string;
  dataDir: string;
  /** None: all there are. */
  names: readonly string[];
}

/** Whether each name's newest generation is what its tag stands for. */
export interface ImageCheckReport {
  images: readonly CheckedImage[];
}

export interface CheckedImage {
  image: StoredImage;
  maxAgeHours: number;
  freshness: Freshness;
}

/** What the OSG advises, for images that no profile uses. */
const usualMaxAgeHours = 72;
const askSeconds = 20;

/** Asks the registries, each source once and all at the same time. One that says nothing holds up no other. */
export async function imageCheck(options: ImageCheckOptions, context: Context): Promise<Result<ImageCheckReport>> {
  const images = await openImageStore(options).list();
  if (!images.ok) return images;
  const chosen = choose(images.value, options.names);
  if (!chosen.ok) return chosen;
  const profiles = await imageWishes(options.configDir);
  if (!profiles.ok) return profiles;
  const sources = [...new Set(chosen.value.map(({ source }) => source))];
  const answers = new Map(
    await Promise.all(sources.map(async (source) => [source, await askSource(source, askSeconds, context)] as const)),
  );
  const nowMilliseconds = context.now();
  const checked = chosen.value.flatMap((image): CheckedImage[] => {
    const maxAgeHours = maxAgeHoursOf(image, profiles.value.wishes) ?? usualMaxAgeHours;
    const answer = answers.get(image.source);
    return answer === undefined
      ? []
      : [{ image, maxAgeHours, freshness: freshnessOf(image, answer, { nowMilliseconds, maxAgeHours }) }];
  });
  return ok({ images: checked });
}

function choose(images: readonly StoredImage[], names: readonly string[]): Result<StoredImage[]> {
  const known = [...new Set(images.map(({ name }) => name))].sort();
  const chosen: StoredImage[] = [];
  for (const name of names.length === 0 ? known : new Set(names)) {
    const newest = newestOf(images.filter((image) => image.name === name));
    if (newest === null) return failed({ kind: 'image-unknown', site: null, name, known });
    chosen.push(newest);
  }
  return ok(chosen);
}
