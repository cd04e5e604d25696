import { stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { failed, ok, type Result } from '../failure.ts';

/** Where a build unpacks and packs, so that a small home directory is not filled: by free space, and by which disk it is. */

/** A directory in which a build may work. */
export interface Place {
  directory: string;
  /** Two places of one disk share its space. */
  disk: number;
  freeBytes: number;
  /** What is written there is kept in memory. */
  isMemory: boolean;
}

/** How many bytes a build takes beside the image itself, for each byte that is pulled: the layers, and what they unpack to. */
const workPerPulled = 4;
/** How large the image gets: it is compressed as its layers are, sometimes less well. */
const imagePerPulled = 1.25;
/** What is reckoned with where the registry does not say: the OSG image is a little smaller. Nothing is refused on it. */
const usuallyPulled = 1.5e9;

export interface Room {
  /** What the build is called in a failure. */
  what: string;
  /** null: nobody said. */
  pulledBytes: number | null;
  /** Where the image is kept. */
  store: Place;
  /** In the order in which they are wished for. */
  places: readonly Place[];
}

/** What a build takes: for the image, and where it works. Pure. */
export function roomFor(pulledBytes: number | null): { imageBytes: number; workBytes: number } {
  const pulled = pulledBytes ?? usuallyPulled;
  return { imageBytes: Math.ceil(pulled * imagePerPulled), workBytes: Math.ceil(pulled * workPerPulled) };
}

/** The first place with the room for a build. With nothing known, the one with the most where none has what is usual. Pure. */
export function placeFor({ what, pulledBytes, store, places }: Room): Result<Place> {
  const { imageBytes: forImage, workBytes } = roomFor(pulledBytes);
  const needs = (place: Place) => workBytes + (place.disk === store.disk ? forImage : 0);
  const roomy = places.find((place) => place.freeBytes >= needs(place));
  const [most = store] = [...places].sort((one, other) => other.freeBytes - one.freeBytes);
  if (pulledBytes === null) return ok(roomy ?? most);
  const lacking = (place: Place, neededBytes: number) =>
    failed({ kind: 'no-space-here', what, directory: place.directory, neededBytes, freeBytes: place.freeBytes });
  if (store.freeBytes < forImage) return lacking(store, forImage);
  return roomy === undefined ? lacking(most, needs(most)) : ok(roomy);
}

/**
 * The order of wishes: what the person named for it; then the store's own disk, unless that is the home directory's and there
 * are others: a home may be on a quota that nobody can see. Memory only where it was named. Pure.
 */
export function inOrder(
  named: readonly Place[],
  store: Place,
  others: readonly Place[],
  homeDisk: number | null,
): Place[] {
  const onDisk = others.filter((place) => !place.isMemory);
  if (store.disk !== homeDisk) return [...named, store, ...onDisk];
  const elsewhere = onDisk.filter((place) => place.disk !== homeDisk);
  return [...named, ...elsewhere, store, ...onDisk.filter((place) => place.disk === homeDisk)];
}

/** Looks at the places that this machine has. `storeDirectory` must exist. */
export async function lookAtPlaces(storeDirectory: string): Promise<Pick<Room, 'store' | 'places'> | null> {
  const { env } = process;
  const [store, home, named, others] = await Promise.all([
    look(storeDirectory),
    look(env['HOME'] || homedir()),
    lookAtAll([env['APPTAINER_TMPDIR'], env['SINGULARITY_TMPDIR'], env['TMPDIR']]),
    lookAtAll(['/var/tmp', '/tmp']),
  ]);
  return store === null ? null : { store, places: inOrder(named, store, others, home?.disk ?? null) };
}

async function lookAtAll(directories: readonly (string | undefined)[]): Promise<Place[]> {
  const found = await Promise.all(directories.map((one) => (one?.startsWith('/') ? look(one) : null)));
  return found.filter((place) => place !== null);
}

/** Linux's numbers of file systems in memory: tmpfs and ramfs. */
const inMemory = [0x01021994, 0x858458f6];

/** null: it is no directory that can be looked at. */
async function look(directory: string): Promise<Place | null> {
  try {
    const [facts, { bavail, bsize, type }] = await Promise.all([stat(directory), statfs(directory)]);
    if (!facts.isDirectory()) return null;
    return { directory, disk: facts.dev, freeBytes: bavail * bsize, isMemory: inMemory.includes(type) };
  } catch {
    return null;
  }
}
