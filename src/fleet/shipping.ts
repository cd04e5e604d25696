import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import type { Look } from '../login/observation.ts';
import { deliveredDigest, sendToken } from '../login/token-delivery.ts';
import type { Transport } from '../transports/transport.ts';
import { distributionToShip, type ShippedDistribution } from './distribution.ts';
import { imageUsers } from './image-users.ts';
import { imageToShip, type ShippedImage } from './site-image.ts';
import type { SiteJob } from './site-job.ts';
import type { PlannedShipment } from './site-report.ts';

/** What jobs need on the login host, and how what is missing gets there: without the lock, for it can take long. */

/** What is not there; null: it is. */
export interface Missing {
  /** The token's text. */
  token: string | null;
  image: ShippedImage | null;
  distribution: ShippedDistribution | null;
}

/** Where profiles and images of this machine are. */
interface Places {
  configDir: string;
  dataDir: string;
}

/** Whether this pass has shipped what was missing already. */
export interface ShippingState {
  shipped: boolean;
}

/** What must be shipped before this job can be submitted; null: nothing. Fails for what can be got from nowhere. */
export async function missingThere(
  profile: Profile,
  job: SiteJob,
  look: Look,
  state: ShippingState,
  places: Places,
): Promise<Result<Missing | null>> {
  const image = await imageToShip(profile, places, look.images);
  if (!image.ok) return image;
  const distribution = await distributionToShip(profile, look.distributions);
  if (!distribution.ok) return distribution;
  const token = needsToken(job, look, state) ? job.token : null;
  const missing = { token, image: image.value, distribution: distribution.value };
  return ok(Object.values(missing).every((one) => one === null) ? null : missing);
}

// After ours was put there, another one is another client's, who checked it as we did: two clients with different
// tokens must not keep each other from submitting.
function needsToken(job: SiteJob, look: Look, { shipped }: ShippingState): boolean {
  if (look.tokenDigest === null) return true;
  return !shipped && look.tokenDigest !== deliveredDigest(job.token);
}

/** Ships what is missing. */
export async function ship(
  transport: Transport,
  { token, image, distribution }: Missing,
  profile: Profile,
  places: Places,
  context: Context,
): Promise<Result<void>> {
  if (token !== null) {
    const place = { site: profile.name, jobsDirectory: profile.connection.jobDir };
    const sent = await sendToken(transport, token, place, context);
    if (!sent.ok) return sent;
  }
  const shipped =
    distribution === null ? ok(undefined) : await shipDistribution(transport, distribution, profile, context);
  return shipped.ok && image !== null ? shipImage(transport, image, profile, places, context) : shipped;
}

async function shipImage(
  transport: Transport,
  image: ShippedImage,
  profile: Profile,
  places: Places,
  context: Context,
): Promise<Result<void>> {
  const { pushImage } = await import('../image/push.ts');
  const users = await imageUsers(profile, places);
  const pushed = await pushImage(transport, { site: profile.name, ...image }, users, context);
  return pushed.ok ? ok(undefined) : pushed;
}

async function shipDistribution(
  transport: Transport,
  { source, directory, name, shipment }: ShippedDistribution,
  profile: Profile,
  context: Context,
): Promise<Result<void>> {
  const { deliverFile } = await import('../login/file-delivery.ts');
  const { digest, bytes, content } = shipment;
  // A self-extracting file is run; a tar file is only read.
  const mode = shipment.kind === 'file' ? '700' : '600';
  const delivery = { site: profile.name, what: 'the CVMFS distribution', source, directory, name, mode } as const;
  const delivered = await deliverFile(transport, { ...delivery, digest, bytes, content }, context);
  return delivered.ok ? ok(undefined) : delivered;
}

/** Where the missing things were to be, for messages. */
export function placesOf({ token, image, distribution }: Missing, profile: Profile): string {
  const places = [
    ...(token === null ? [] : [`the token that was sent to ${profile.connection.jobDir}`]),
    ...(image === null ? [] : [`the image that was sent to ${image.directory}`]),
    ...(distribution === null ? [] : [`the CVMFS distribution that was sent to ${distribution.directory}`]),
  ];
  return `${places.join(' and ')} is not there`;
}

/** What a dry run tells of it: the token goes without saying. */
export function wouldShip(missing: Missing | null): PlannedShipment[] {
  const { image = null, distribution = null } = missing ?? {};
  const shipped = [...(distribution === null ? [] : [{ ...distribution, bytes: distribution.shipment.bytes }])];
  const all = [...shipped, ...(image === null ? [] : [image])];
  return all.map(({ source, directory, name, bytes }) => ({ source, path: `${directory}/${name}`, bytes }));
}
