import { isPlainObject } from '../config/profile-keys.ts';
import { isImageName } from './image-name.ts';
import type { StoredImage } from './stored-image.ts';

/** What the store writes down of an image: all but where it is, for the store may be moved. */
export type ImageFacts = Omit<StoredImage, 'path'>;

/** The store's index. */
export interface StoreIndex {
  images: readonly ImageFacts[];
}

/** The facts as they are written down. */
export function written({ name, source, digest, sha256, bytes, builtAt, builtBy }: ImageFacts): ImageFacts {
  return { name, source, digest, sha256, bytes, builtAt, builtBy };
}

/** What a JSON value says of an image; null for what was not written down here. */
export function imageFacts(value: unknown): ImageFacts | null {
  if (!isPlainObject(value)) return null;
  const { name, source, digest, sha256, bytes, builtAt, builtBy } = value;
  if (typeof name !== 'string' || !isImageName(name) || typeof source !== 'string') return null;
  if (digest !== null && typeof digest !== 'string') return null;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return null;
  if (typeof bytes !== 'number' || typeof builtAt !== 'string' || Number.isNaN(Date.parse(builtAt))) return null;
  return typeof builtBy === 'string' ? { name, source, digest, sha256, bytes, builtAt, builtBy } : null;
}

/** What an index says; whatever in it is no image is passed over. */
export function parseIndex(value: unknown): ImageFacts[] {
  if (!isPlainObject(value) || !Array.isArray(value['images'])) return [];
  return value['images'].map(imageFacts).filter((one) => one !== null);
}
