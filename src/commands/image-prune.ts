import { failed, ok, type Result } from '../failure.ts';
import { imageWishes } from '../fleet/image-wishes.ts';
import { dispensable } from '../image/generations.ts';
import { openImageStore, type StrayFile } from '../image/store.ts';
import type { StoredImage } from '../image/stored-image.ts';

export interface ImagePruneOptions {
  configDir: string;
  dataDir: string;
  dryRun: boolean;
}

/** What went, or with `dryRun` would. */
export interface ImagePruneReport {
  removed: readonly StoredImage[];
  /** What processes left that were killed. */
  strays: readonly StrayFile[];
  /** Of all of these; a file that another name has, too, stays. */
  bytes: number;
  kept: number;
  dryRun: boolean;
}

/** Removes what no profile uses, but for the two generations before each that is in use. */
export async function imagePrune(options: ImagePruneOptions): Promise<Result<ImagePruneReport>> {
  const { configDir, dryRun } = options;
  const store = openImageStore(options);
  const profiles = await imageWishes(configDir);
  if (!profiles.ok) return profiles;
  // Nobody knows what a profile uses that cannot be read.
  const [unread] = profiles.value.unread;
  if (unread !== undefined) return failed(unread.failure);
  const images = await store.list();
  if (!images.ok) return images;
  const removed = dispensable(profiles.value.wishes, images.value);
  if (!dryRun) {
    for (const image of removed) {
      const gone = await store.remove(image);
      if (!gone.ok) return gone;
    }
    const { clearDeadBuilds } = await import('../image/build-site.ts');
    await clearDeadBuilds(store.directory);
  }
  const strays = await store.sweep({ dryRun });
  if (!strays.ok) return strays;
  const kept = images.value.filter((image) => !removed.includes(image));
  return ok({ removed, strays: strays.value, bytes: bytesOf(removed, kept, strays.value), kept: kept.length, dryRun });
}

function bytesOf(removed: readonly StoredImage[], kept: readonly StoredImage[], strays: readonly StrayFile[]): number {
  const files = new Map(removed.map(({ sha256, bytes }) => [sha256, bytes]));
  for (const { sha256 } of kept) files.delete(sha256);
  return [...files.values(), ...strays.map(({ bytes }) => bytes)].reduce((sum, bytes) => sum + bytes, 0);
}
