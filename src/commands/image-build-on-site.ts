import { assign } from '../config/assignment.ts';
import { isPlainObject } from '../config/profile-keys.ts';
import { changeProfile, loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { buildOnSite, type ImageOnSite } from '../fleet/image-on-site.ts';
import { pilotImage } from '../pilot/pilot-images.ts';

export interface ImageBuildOnSiteOptions {
  configDir: string;
  dataDir: string;
  site: string;
  /** null: the one of the profile. */
  source: string | null;
  gpus: boolean;
  dryRun: boolean;
  /** The longest that a batch job that builds may wait for its node; null: the login host builds. */
  batchWaitSeconds: number | null;
}

/** What the cluster built; null with `dryRun`. Its profile names it by now. */
export interface ImageBuildOnSiteReport {
  site: string;
  source: string;
  image: ImageOnSite | null;
  inBatch: boolean;
  seconds: number;
}

/** Builds an image on a site's login host or by a batch job there, and has the profile name it as `image.remotePath`. */
export async function imageBuildOnSite(
  options: ImageBuildOnSiteOptions,
  context: Context,
): Promise<Result<ImageBuildOnSiteReport>> {
  const { configDir, dataDir, site, dryRun, batchWaitSeconds } = options;
  const inBatch = batchWaitSeconds !== null;
  const profile = await loadProfile(configDir, site);
  if (!profile.ok) return profile;
  const source = options.source ?? (options.gpus ? pilotImage(1) : profile.value.image.source);
  if (dryRun) return ok({ site, source, image: null, inBatch, seconds: 0 });
  const begun = context.now();
  context.emit({ kind: 'site-begins', site });
  const image = await buildOnSite(profile.value, { source, configDir, dataDir, batchWaitSeconds }, context);
  context.emit({ kind: 'site-ends', site });
  if (!image.ok) return image;
  const named = await name(configDir, site, image.value.path);
  const seconds = (context.now() - begun) / 1000;
  return named.ok ? ok({ site, source, image: image.value, inBatch, seconds }) : named;
}

async function name(configDir: string, site: string, path: string): Promise<Result<unknown>> {
  return changeProfile(configDir, site, { mustExist: true, dryRun: false }, ({ raw }) =>
    ok(assign(isPlainObject(raw) ? raw : {}, [{ path: ['image', 'remotePath'], value: path }]).raw),
  );
}
