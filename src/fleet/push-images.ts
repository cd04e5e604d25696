import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import type { Failure, Result } from '../failure.ts';
import type { Delivered } from '../login/segmented-delivery.ts';
import type { Transport } from '../transports/transport.ts';
import { imageUsers } from './image-users.ts';
import { loginHostOf } from './login-host-of.ts';
import { type Directories, overEach } from './over-sites.ts';
import { forSite, type SiteAccess } from './site-connection.ts';
import { imageInJob, type ShippedImage, siteImage } from './site-image.ts';

/** Brings the images of sites to their login hosts. */

/** What came of one site. */
export interface PushReport {
  site: string;
  /** `there`: it had it. `missing`: with a dry run, it would be sent. `none`: its pilots need none of ours. */
  state: 'sent' | 'there' | 'missing' | 'none' | 'failed';
  /** Null where none is to be brought, or nobody knows which. */
  image: ShippedImage | null;
  /** Where it is there; of a site that needs none of ours, what its pilots start from. */
  path: string | null;
  sentBytes: number;
  /** Bytes that were there from an earlier push, which was cut. */
  keptBytes: number;
  seconds: number;
  /** Names of older images that were taken away there. */
  cleared: readonly string[];
  failure: Failure | null;
}

type Pushed = Delivered & { cleared: readonly string[] };

/** Pushes each site's image, side by side; what two sites have in one place is sent once. */
export function pushImages(
  directories: Directories,
  sites: readonly string[],
  { dryRun }: { dryRun: boolean },
  context: Context,
): Promise<PushReport[]> {
  const under = new Map<string, Promise<Result<Pushed>>>();
  const work = async (site: SiteAccess): Promise<PushReport> => {
    const began = context.now();
    const report = await pushOne(site, directories, { dryRun, under }, context);
    return { ...report, seconds: (context.now() - began) / 1000 };
  };
  return overEach(directories, sites, context, { work, unread: (site, failure) => failedReport(site, null, failure) });
}

async function pushOne(
  site: SiteAccess,
  directories: Directories,
  { dryRun, under }: { dryRun: boolean; under: Map<string, Promise<Result<Pushed>>> },
  context: Context,
): Promise<PushReport> {
  const { profile } = site;
  const found = await siteImage(profile, directories);
  if (!found.ok) return failedReport(profile.name, null, found.failure);
  const image = found.value;
  if (image.kind === 'there') return { ...nothingDone(profile.name), state: 'none', path: image.path };
  if (image.kind === 'pulled') return failedReport(profile.name, null, notBuilt(profile, image.uri));
  const report = { ...nothingDone(profile.name), image, path: imageInJob(image) };
  if (dryRun) {
    const there = await isThereNow(site, image, context);
    return there.ok
      ? { ...report, state: there.value ? 'there' : 'missing' }
      : failedReport(profile.name, image, there.failure);
  }
  const key = JSON.stringify([loginHostOf(profile), image.directory, image.name]);
  const already = under.get(key);
  const pushing = already ?? push(site, image, directories, context);
  under.set(key, pushing);
  const pushed = await pushing;
  if (!pushed.ok) return failedReport(profile.name, image, forSite(pushed.failure, profile.name));
  if (already !== undefined) return { ...report, state: 'there' };
  const { kind, sentBytes, keptBytes, cleared } = pushed.value;
  return { ...report, state: kind, sentBytes, keptBytes, cleared };
}

function notBuilt({ name }: Profile, uri: string): Failure {
  const message = `${name}: no image was built from ${uri} on this machine, so there is none to push`;
  return { kind: 'usage', message, hint: `glidein image build --source ${uri}` };
}

async function isThereNow(site: SiteAccess, image: ShippedImage, context: Context): Promise<Result<boolean>> {
  const { isThere } = await import('../login/file-there.ts');
  return onHost(site, (transport) => isThere(transport, { site: site.profile.name, ...image }, context));
}

async function push(
  site: SiteAccess,
  image: ShippedImage,
  directories: Directories,
  context: Context,
): Promise<Result<Pushed>> {
  // The code of a push loads while the login host answers.
  const [, { pushImage }] = await Promise.all([site.connect(), import('../image/push.ts')]);
  const users = await imageUsers(site.profile, directories);
  return onHost(site, (transport) => pushImage(transport, { site: site.profile.name, ...image }, users, context));
}

// Without an `import()` in it: TypeScript 6.0 leaves the `.ts` of one that stands beside an `await using`.
async function onHost<T>(site: SiteAccess, work: (transport: Transport) => Promise<Result<T>>): Promise<Result<T>> {
  const connected = await site.connect();
  if (!connected.ok) return connected;
  await using transport = connected.value;
  return await work(transport);
}

function nothingDone(site: string): PushReport {
  const nothing = { image: null, path: null, sentBytes: 0, keptBytes: 0, seconds: 0, cleared: [], failure: null };
  return { site, state: 'none', ...nothing };
}

function failedReport(site: string, image: ShippedImage | null, failure: Failure): PushReport {
  return { ...nothingDone(site), state: 'failed', image, failure };
}
