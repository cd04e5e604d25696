import { access, open, readdir, stat } from 'node:fs/promises';
import type { Profile } from '../config/schema.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { Shipment } from '../image/shipment.ts';
import type { Distributions } from '../login/observation.ts';
import { distributionsDirectory } from '../login/remote-programs.ts';
import { localPath } from './site-token.ts';

/** The CVMFS distribution that a profile names: made by `makedist`, on this machine or on the cluster. */

/** One that is shipped. */
export interface ShippedDistribution {
  /** Where it is here. */
  source: string;
  /** Where it is to be on the login host. `~` is the home directory there. */
  directory: string;
  /** By its content: `DIGEST.tar` of a directory, `DIGEST` of a self-extracting file. */
  name: string;
  shipment: Shipment;
}

type Found =
  | { kind: 'none' }
  | ({ kind: 'here' } & ShippedDistribution)
  /** Not on this machine: it must be on the cluster already, at this path. */
  | { kind: 'there'; path: string };

/** As the profile has it; null where it names none, or where nothing would use it. */
export function distributionPath({ pilot }: Profile): string | null {
  if (pilot.cvmfs === 'bind' || pilot.cvmfs === 'container' || pilot.cvmfs === 'none') return null;
  return pilot.cvmfsOptions?.dist ?? null;
}

/**
 * Where the site's jobs find the distribution: a path on the cluster, which may begin with `~`. It ends in `/DIGEST.tar`
 * for a directory of this machine and in `/DIGEST` for a self-extracting file of it; else it is the profile's own, where
 * either may be. Null: the profile names none. Needs no connection.
 */
export async function distributionOnCluster(profile: Profile): Promise<Result<string | null>> {
  const found = await distributionOf(profile);
  if (!found.ok) return found;
  switch (found.value.kind) {
    case 'none':
      return ok(null);
    case 'here':
      return ok(`${found.value.directory}/${found.value.name}`);
    case 'there':
      return ok(found.value.path);
  }
}

/** What must be shipped before a job can find the distribution; null: nothing. Fails where there is none, here or there. */
export async function distributionToShip(
  profile: Profile,
  seen: Distributions,
): Promise<Result<ShippedDistribution | null>> {
  const found = await distributionOf(profile);
  if (!found.ok) return found;
  const { value } = found;
  if (value.kind === 'here') return ok(seen.shipped.has(value.name) ? null : value);
  if (value.kind === 'none' || seen.isAtItsPath) return ok(null);
  return failed({ kind: 'distribution-missing', site: profile.name, here: localPath(value.path), there: value.path });
}

/** Reading it whole takes its time: once for each reading of the profile, so that a job names what was shipped for it. */
const known = new WeakMap<Profile, Promise<Result<Found>>>();

function distributionOf(profile: Profile): Promise<Result<Found>> {
  const before = known.get(profile);
  if (before !== undefined) return before;
  const finding = find(profile);
  known.set(profile, finding);
  return finding;
}

async function find(profile: Profile): Promise<Result<Found>> {
  const path = distributionPath(profile);
  if (path === null) return ok({ kind: 'none' });
  const source = localPath(path);
  const isHere = await access(source).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
  if (!isHere) return ok({ kind: 'there', path });
  const unfit = await unfitness(source);
  if (unfit !== null) return failed(unfit);
  const { shipmentOf } = await import('../image/shipment.ts');
  const shipment = await shipmentOf(source, leftAtHome);
  if (!shipment.ok) return shipment;
  const { digest, kind } = shipment.value;
  const directory = `${profile.connection.jobDir.replace(/\/+$/, '')}/${distributionsDirectory}`;
  const name = kind === 'directory' ? `${digest}.tar` : digest;
  return ok({ kind: 'here', source, directory, name, shipment: shipment.value });
}

/** `makedist` works in a checkout of cvmfsexec: its history is no part of what it made. */
const leftAtHome = ['.git'];
/** A directory that `makedist` made holds at least one of these. */
const programs = ['cvmfsexec', 'mountrepo', 'singcvmfs'];

/** Why this is nothing that `makedist` made: somebody's home directory must not be sent by mistake. */
async function unfitness(path: string): Promise<Failure | null> {
  const unusable = (reason: string): Failure => ({ kind: 'file-unusable', file: path, reason });
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) {
      const names = await readdir(path);
      if (names.includes('dist') && programs.some((name) => names.includes(name))) return null;
      return unusable(`it is no distribution of makedist: it does not hold dist and ${programs.join(', ')}`);
    }
    if (!facts.isFile()) return unusable('it is neither a directory nor a file');
    if ((await firstTwo(path)) === '#!') return null;
    return unusable('it is no self-extracting file of makedist -o: it does not begin with #!');
  } catch (error) {
    return unusable(error instanceof Error ? error.message : String(error));
  }
}

async function firstTwo(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return buffer.toString('latin1', 0, bytesRead);
}
