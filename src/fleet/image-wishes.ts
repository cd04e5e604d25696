import type { Profile } from '../config/schema.ts';
import { listSites, loadProfile } from '../config/store.ts';
import { type Failure, ok, type Result } from '../failure.ts';
import { imageInUse, isWished } from '../image/generations.ts';
import type { StoredImage } from '../image/stored-image.ts';

/** What all profiles say of their images. */

export interface ImageWishes {
  wishes: readonly Profile['image'][];
  /** Profiles that cannot be read: nobody knows what they use. */
  unread: readonly { site: string; failure: Failure }[];
}

/** Reads every profile. No directory of profiles: no wishes. */
export async function imageWishes(configDir: string): Promise<Result<ImageWishes>> {
  const sites = await listSites(configDir);
  if (!sites.ok) return sites;
  const loaded = await Promise.all(
    sites.value.map(async (site) => ({ site, profile: await loadProfile(configDir, site) })),
  );
  const wishes = loaded.flatMap(({ profile }) => (profile.ok ? [profile.value.image] : []));
  const unread = loaded.flatMap(({ site, profile }) => (profile.ok ? [] : [{ site, failure: profile.failure }]));
  return ok({ wishes, unread });
}

/** For how many hours an image may be old: what the strictest of the profiles that use it says; null: none uses it. */
export function maxAgeHoursOf(
  image: Pick<StoredImage, 'name' | 'source'>,
  wishes: readonly Profile['image'][],
): number | null {
  const users = wishes.filter((wish) => isWished(wish, image));
  return users.length === 0 ? null : Math.min(...users.map(({ maxAgeHours }) => maxAgeHours));
}

/** A stored image that sites use, with the hours that the strictest of them allows it. */
export interface ImageInUse {
  image: StoredImage;
  maxAgeHours: number;
}

/** The stored images that these sites use, each once. */
export function imagesOf(profiles: readonly Profile[], images: readonly StoredImage[]): ImageInUse[] {
  const used = new Map<StoredImage, number>();
  for (const { image: wish } of profiles) {
    const image = imageInUse(wish, images);
    if (image !== null) used.set(image, Math.min(used.get(image) ?? wish.maxAgeHours, wish.maxAgeHours));
  }
  return [...used].map(([image, maxAgeHours]) => ({ image, maxAgeHours }));
}
