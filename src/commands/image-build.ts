import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { imageWishes } from '../fleet/image-wishes.ts';
import { buildImage, type PlannedBuild, planBuild } from '../image/build.ts';
import { nameOf, parseSource } from '../image/image-source.ts';
import { type ImageStore, openImageStore } from '../image/store.ts';
import type { StoredImage } from '../image/stored-image.ts';
import { pilotImage, pilotImageTagged } from '../pilot/pilot-images.ts';

export type { PlannedBuild } from '../image/build.ts';

export interface ImageBuildOptions {
  configDir: string;
  dataDir: string;
  /** null: the source's tag. */
  name: string | null;
  /** null: the source that the name had before, that a profile has with it, or the image of the OSG. */
  source: string | null;
  /** The image for pilots with GPUs. */
  gpus: boolean;
  /** The program that builds; null: the one on the PATH. */
  runtime: string | null;
  dryRun: boolean;
}

/** What was built, or with `dryRun` would be. */
export type ImageBuildReport =
  | { kind: 'built'; image: StoredImage; seconds: number }
  | { kind: 'planned'; build: PlannedBuild };

/** Builds an image into the store of this machine. */
export async function imageBuild(options: ImageBuildOptions, context: Context): Promise<Result<ImageBuildReport>> {
  const store = openImageStore(options);
  const named = await namedSource(options, store);
  if (!named.ok) return named;
  const order = { ...named.value, runtime: options.runtime };
  if (options.dryRun) {
    const build = await planBuild(store, order, context);
    return build.ok ? ok({ kind: 'planned', build: build.value }) : build;
  }
  const begun = context.now();
  const image = await buildImage(store, order, context);
  return image.ok ? ok({ kind: 'built', image: image.value, seconds: (context.now() - begun) / 1000 }) : image;
}

interface NamedSource {
  name: string;
  source: string;
}

/** Name and source, each from what was said of the other. */
async function namedSource(options: ImageBuildOptions, store: ImageStore): Promise<Result<NamedSource>> {
  const { name } = options;
  if (options.source !== null && options.gpus) {
    return failed({
      kind: 'usage',
      message: '--gpus names a source, and so does --source',
      hint: 'glidein image build --help',
    });
  }
  const gpuSource = options.gpus ? pilotImage(1) : null;
  const source = options.source ?? gpuSource;
  if (name === null) return ok(ownName(source ?? pilotImage(0)));
  if (source !== null) return ok({ name, source });
  const known = await knownSource(name, options.configDir, store);
  return known.ok ? ok({ name, source: known.value ?? pilotImageTagged(name) ?? pilotImage(0) }) : known;
}

function ownName(source: string): NamedSource {
  const parsed = parseSource(source);
  return { name: parsed === null ? '' : nameOf(parsed), source };
}

/** What the image of this name was built from, else what the profiles that name it say. null: nobody does. */
async function knownSource(name: string, configDir: string, store: ImageStore): Promise<Result<string | null>> {
  const before = await store.named(name);
  if (!before.ok) return before;
  if (before.value !== null) return ok(before.value.source);
  const profiles = await imageWishes(configDir);
  if (!profiles.ok) return profiles;
  const sources = [...new Set(profiles.value.wishes.flatMap((wish) => (wish.name === name ? [wish.source] : [])))];
  if (sources.length < 2) return ok(sources[0] ?? null);
  const message = `profiles name ${name} with several sources: ${sources.join(', ')}`;
  return failed({ kind: 'usage', message, hint: `glidein image build ${name} --source ${sources[0]}` });
}
