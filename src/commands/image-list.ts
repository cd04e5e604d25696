import { ok, type Result } from '../failure.ts';
import { imageWishes } from '../fleet/image-wishes.ts';
import { imageInUse } from '../image/generations.ts';
import { openImageStore } from '../image/store.ts';
import type { StoredImage } from '../image/stored-image.ts';

/** The images of this machine, newest first. */
export interface ImageListReport {
  images: readonly StoredImage[];
  /** Those that a profile's next pilots use. */
  inUse: ReadonlySet<StoredImage>;
  directory: string;
}

export async function imageList(options: { configDir: string; dataDir: string }): Promise<Result<ImageListReport>> {
  const store = openImageStore(options);
  const images = await store.list();
  if (!images.ok) return images;
  const profiles = await imageWishes(options.configDir);
  if (!profiles.ok) return profiles;
  const used = profiles.value.wishes.map((wish) => imageInUse(wish, images.value)).filter((image) => image !== null);
  return ok({ images: images.value, inUse: new Set(used), directory: store.directory });
}
