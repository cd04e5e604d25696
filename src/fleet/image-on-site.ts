import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { type Place, placeFor, roomFor } from '../image/build-place.ts';
import { isLoopback, nameOf, parseSource, pinnedUri } from '../image/image-source.ts';
import { askRegistry } from '../image/registry.ts';
import { type BuiltOnHost, buildOnHost } from '../login/building.ts';
import { type PlaceThere, preparation } from '../login/building-program.ts';
import { buildInBatch } from './image-in-batch.ts';
import { connect } from './site-connection.ts';

/** An image that a site's own login host builds, where the pilots of the site find it. */
export interface ImageOnSite extends BuiltOnHost {
  source: string;
  /** What the tag stood for; null: nobody could say. */
  digest: string | null;
  /** On the cluster; may begin with `~`. */
  path: string;
}

const askSeconds = 20;

/** What is to be built, and by whom. */
export interface ImageOnSiteOptions {
  source: string;
  configDir: string;
  dataDir: string;
  /** The longest that a batch job that builds may wait for its node; null: the login host builds. */
  batchWaitSeconds: number | null;
}

/** Builds it there. The profile does not know of it yet. */
export async function buildOnSite(
  profile: Profile,
  { source, configDir, dataDir, batchWaitSeconds: waitSeconds }: ImageOnSiteOptions,
  context: Context,
): Promise<Result<ImageOnSite>> {
  const parsed = parseSource(source);
  if (parsed?.kind !== 'registry') {
    const message = `${JSON.stringify(source.slice(0, 200))} is no image of a registry, which a cluster could build`;
    return failed({ kind: 'usage', message, hint: `glidein image build --on ${profile.name} --source docker://…` });
  }
  // The registry may be reached from there alone.
  const answer = await askRegistry(parsed, { seconds: askSeconds, sizes: true, signal: context.signal });
  const digest = answer.kind === 'known' ? answer.digest : null;
  const pulledBytes = answer.kind === 'known' ? answer.compressedBytes : null;
  const connected = await connect(profile, dataDir, context);
  if (!connected.ok) return connected;
  await using transport = connected.value;
  const { name: site, image, pilot, connection } = profile;
  const name = nameOf(parsed);
  const directory = image.dir.replace(/\/+$/, '');
  const order = {
    ...{ name, source, directory, uri: pinnedUri(source, digest) },
    options: isLoopback(parsed.host) ? ['--no-https'] : [],
    runtimes: pilot.runtime === 'auto' ? ['apptainer', 'singularity'] : [pilot.runtime],
  };
  const built =
    waitSeconds === null
      ? await buildOnHost(
          transport,
          {
            ...{ ...order, site, preparation: preparation(connection.prologue, pilot.modules) },
            choose: (places) => placeThere(places, { site, name, directory, pulledBytes }),
          },
          context,
        )
      : await buildInBatch(
          transport,
          profile,
          {
            ...{ ...order, configDir, dataDir, waitSeconds },
            room: { ...roomFor(pulledBytes), isKnown: pulledBytes !== null },
          },
          context,
        );
  if (!built.ok) return built;
  return ok({ ...built.value, source, digest, path: `${directory}/${built.value.sha256}.sif` });
}

/** The directory of images is the last that the host names: its disk is the store's. */
function placeThere(
  places: readonly PlaceThere[],
  { site, name, directory, pulledBytes }: { site: string; name: string; directory: string; pulledBytes: number | null },
): Result<PlaceThere> {
  const devices = [...new Set(places.map(({ device }) => device))];
  const known = places.map(({ key, device, freeBytes }): Place & { key: string } => {
    return { key, directory: key, disk: devices.indexOf(device), freeBytes, isMemory: device === 'tmpfs' };
  });
  const store = known.at(-1);
  if (store === undefined) {
    const what = 'the login host does not say how much space its disks have';
    return failed({ kind: 'login-host-unusable', site, what, said: '' });
  }
  const onDisk = known.filter((place) => !place.isMemory);
  const what = `building ${name}`;
  const place = placeFor({ what, pulledBytes, store, places: onDisk.length === 0 ? known : onDisk });
  const chosen = place.ok ? places.find(({ key }) => key === place.value.directory) : undefined;
  if (chosen !== undefined) return ok(chosen);
  const { neededBytes = 0, freeBytes = 0 } = !place.ok && place.failure.kind === 'no-space-here' ? place.failure : {};
  return failed({ kind: 'no-space', site, what, directory, neededBytes, freeBytes });
}
