import type { RegistryAnswer } from './registry.ts';
import type { StoredImage } from './stored-image.ts';

/** Whether an image is still what its tag stands for. Pure. */
export interface Freshness {
  /**
   * `current`: the tag stands for just this. `newer`: it stands for something else by now. `old`: nobody can say, and it is older
   * than it may be. `unknown`: nobody can say, and it is young enough.
   */
  state: 'current' | 'newer' | 'old' | 'unknown';
  ageHours: number;
  /** What the tag stands for now; null: nobody could say. */
  registryDigest: string | null;
  /** Why nobody can say; null: somebody could. */
  reason: string | null;
}

/**
 * Judges an image by what the registry says now. An image that is what its tag stands for is as new as there is, whatever its
 * age: that counts where the tag tells nothing.
 */
export function freshnessOf(
  image: Pick<StoredImage, 'builtAt' | 'digest'>,
  answer: RegistryAnswer,
  { nowMilliseconds, maxAgeHours }: { nowMilliseconds: number; maxAgeHours: number },
): Freshness {
  const ageHours = Math.max(0, (nowMilliseconds - Date.parse(image.builtAt)) / 3_600_000);
  const registryDigest = answer.kind === 'known' ? answer.digest : null;
  if (registryDigest !== null && image.digest !== null) {
    return { state: registryDigest === image.digest ? 'current' : 'newer', ageHours, registryDigest, reason: null };
  }
  const reason =
    answer.kind === 'silent' ? answer.reason : 'when it was built, the registry could not be asked what it is';
  return { state: ageHours > maxAgeHours ? 'old' : 'unknown', ageHours, registryDigest, reason };
}
