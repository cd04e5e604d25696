import type { Profile } from '../config/schema.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { StoredImage } from '../image/stored-image.ts';
import { localPath } from './site-token.ts';

/** The image that a profile's pilots start from: on the cluster, on this machine, or in a registry. */

/** One of this machine, as the login host is to have it. */
export interface ShippedImage {
  /** Where it is here. */
  source: string;
  /** Where it is to be on the login host. `~` is the home directory there. */
  directory: string;
  /** By its content: `SHA256.sif`. */
  name: string;
  /** In hex. */
  sha256: string;
  bytes: number;
  /** Nobody changes its bytes here: the store keeps it. */
  isFixed: boolean;
  /** How people call it: its name in the store, else its file. */
  calledBy: string;
}

export type SiteImage =
  | ({ kind: 'here' } & ShippedImage)
  /** Not ours: it must be on the cluster already, at this path. */
  | { kind: 'there'; path: string }
  /** On no machine that we know: every node pulls it. */
  | { kind: 'pulled'; uri: string };

/** The same, before anything large is read. */
type ChosenImage =
  | Exclude<SiteImage, { kind: 'here' }>
  | { kind: 'stored'; image: StoredImage }
  | { kind: 'file'; path: string; bytes: number };

/**
 * Which image it is, in this order: `image.remotePath` · `image.name`, of the store · the newest of the store that was built
 * from `image.source` · a local SIF · else the URI itself. Fails for a name that the store does not have, and for a file
 * that is no image.
 */
export async function chosenImage(
  { name: site, image }: Profile,
  { dataDir }: { dataDir: string },
): Promise<Result<ChosenImage>> {
  if (image.remotePath !== null) return ok({ kind: 'there', path: image.remotePath });
  if (image.name === null && isLocalSif(image.source)) return localSif(localPath(image.source));
  const { openImageStore } = await import('../image/store.ts');
  const store = openImageStore({ dataDir });
  const found = image.name === null ? await store.ofSource(image.source) : await store.named(image.name);
  if (!found.ok) return found;
  if (found.value !== null) return ok({ kind: 'stored', image: found.value });
  if (image.name === null) return ok({ kind: 'pulled', uri: image.source });
  const all = await store.list();
  if (!all.ok) return all;
  const known = [...new Set(all.value.map((one) => one.name))];
  return failed({ kind: 'image-unknown', site, name: image.name, known });
}

/** Whether a profile's source is a file of this machine. */
export function isLocalSif(source: string): boolean {
  return source.startsWith('/') || source.startsWith('~/');
}

async function localSif(path: string): Promise<Result<ChosenImage>> {
  const { sifBytes } = await import('../image/sif-file.ts');
  const bytes = await sifBytes(path);
  return bytes.ok ? ok({ kind: 'file', path, bytes: bytes.value }) : bytes;
}

/** Reading a file whole takes its time: once for each reading of the profile, so that a job names what was shipped for it. */
const known = new WeakMap<Profile, Promise<Result<SiteImage>>>();

/** The image, known by its content where it is on this machine. */
export function siteImage(profile: Profile, places: { dataDir: string }): Promise<Result<SiteImage>> {
  const before = known.get(profile);
  if (before !== undefined) return before;
  const finding = find(profile, places);
  known.set(profile, finding);
  return finding;
}

async function find(profile: Profile, places: { dataDir: string }): Promise<Result<SiteImage>> {
  const chosen = await chosenImage(profile, places);
  if (!chosen.ok) return chosen;
  const { value } = chosen;
  if (value.kind === 'there' || value.kind === 'pulled') return ok(value);
  const { dir: directory } = profile.image;
  if (value.kind === 'stored') {
    const { path: source, sha256, bytes, name } = value.image;
    return ok(here({ source, directory, sha256, bytes, isFixed: true, calledBy: name }));
  }
  const { shipmentOf } = await import('../image/shipment.ts');
  const shipment = await shipmentOf(value.path, []);
  if (!shipment.ok) return shipment;
  const { digest: sha256, bytes } = shipment.value;
  return ok(here({ source: value.path, directory, sha256, bytes, isFixed: false, calledBy: value.path }));
}

function here(image: Omit<ShippedImage, 'name'>): SiteImage {
  return { kind: 'here', ...image, name: `${image.sha256}.sif` };
}

/** What the site's jobs name: a path on the cluster, which may begin with `~`, or a URI. */
export function imageInJob(image: SiteImage): string {
  switch (image.kind) {
    case 'here':
      return `${image.directory.replace(/\/+$/, '')}/${image.name}`;
    case 'there':
      return image.path;
    case 'pulled':
      return image.uri;
  }
}

/** What must be shipped before a job can start from it; null: nothing. `seen`: the names that are in `image.dir`. */
export async function imageToShip(
  profile: Profile,
  places: { dataDir: string },
  seen: ReadonlySet<string>,
): Promise<Result<ShippedImage | null>> {
  const image = await siteImage(profile, places);
  if (!image.ok) return image;
  return ok(image.value.kind === 'here' && !seen.has(image.value.name) ? image.value : null);
}
