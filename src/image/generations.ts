import { newestFirst, type StoredImage } from './stored-image.ts';

/** Which of the stored images are in use, and which may go. Pure. */

/** What a profile says of its image. */
export interface ImageWish {
  source: string;
  name: string | null;
  remotePath: string | null;
}

/** The stored image that a profile's jobs use: by its name, else the newest from its source. null: none that is stored here. */
export function imageInUse(
  { source, name, remotePath }: ImageWish,
  images: readonly StoredImage[],
): StoredImage | null {
  return generations({ source, name, remotePath }, images)[0] ?? null;
}

/** How many generations before the one in use are kept: what runs on a cluster may still be one of them. */
const keptBefore = 2;

/** What no profile uses, but for the generations before: those may go. The oldest first. */
export function dispensable(wishes: readonly ImageWish[], images: readonly StoredImage[]): StoredImage[] {
  const kept = new Set(wishes.flatMap((wish) => generations(wish, images).slice(0, 1 + keptBefore)));
  return newestFirst(images.filter((image) => !kept.has(image))).reverse();
}

/** Whether an image is one of those that a profile means, new or old. */
export function isWished(
  { source, name, remotePath }: ImageWish,
  image: Pick<StoredImage, 'name' | 'source'>,
): boolean {
  return remotePath === null && (name === null ? image.source === source : image.name === name);
}

function generations(wish: ImageWish, images: readonly StoredImage[]): StoredImage[] {
  return newestFirst(images.filter((image) => isWished(wish, image)));
}
