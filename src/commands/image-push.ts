import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type Chosen, chooseSites } from '../fleet/choose-sites.ts';
import { type PushReport, pushImages } from '../fleet/push-images.ts';

export type { PushReport };

export interface ImagePushOptions extends Chosen {
  configDir: string;
  dataDir: string;
  dryRun: boolean;
}

/** Brings the sites' images to their login hosts, where they are not there yet. */
export async function imagePush(options: ImagePushOptions, context: Context): Promise<Result<PushReport[]>> {
  const sites = await chooseSites(options.configDir, options, false, 'image push');
  if (!sites.ok) return sites;
  return ok(await pushImages(options, sites.value, options, context));
}
