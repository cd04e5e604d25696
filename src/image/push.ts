import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { clearOldImages } from '../login/old-images.ts';
import { type Delivered, deliverInSegments } from '../login/segmented-delivery.ts';
import type { Transport } from '../transports/transport.ts';

/** An image of this machine, and where it is to be on a login host. */
export interface PushedImage {
  site: string;
  /** Where it is here. */
  source: string;
  /** Where it is to be there. `~` is the home directory there. */
  directory: string;
  /** `SHA256.sif`. */
  name: string;
  sha256: string;
  bytes: number;
  /** Nobody changes its bytes here. */
  isFixed: boolean;
}

/** What else is known of that directory. */
export interface PushedFor {
  /** `connection.remoteDir` of the sites whose jobs name images in it: their scripts say which. */
  siteDirectories: string[];
  /** Names of images in it that are wanted, too. */
  wanted: string[];
}

/**
 * Brings an image to a login host, where it is whole or not at all, and then takes older ones away that no job names;
 * none, where `users` is null. That these cannot be taken away is no failure: the next push tries again.
 */
export async function pushImage(
  transport: Transport,
  image: PushedImage,
  users: PushedFor | null,
  context: Context,
): Promise<Result<Delivered & { cleared: readonly string[] }>> {
  const { sha256: digest, ...where } = image;
  const delivered = await deliverInSegments(transport, { ...where, digest, what: 'the image' }, context);
  if (!delivered.ok) return delivered;
  if (delivered.value.kind === 'there' || users === null) return ok({ ...delivered.value, cleared: [] });
  const { siteDirectories, wanted } = users;
  const place = { directory: image.directory, siteDirectories, kept: [image.name, ...wanted] };
  return ok({ ...delivered.value, cleared: await clearOldImages(transport, place, context) });
}
