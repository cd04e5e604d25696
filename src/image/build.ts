import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withFileLock } from '../config/file-lock.ts';
import { systemReason, unusable } from '../config/local-file.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { lastWords, plainLine } from '../login/builder-words.ts';
import { lookAtPlaces, placeFor } from './build-place.ts';
import { type BuildSite, buildLock, clearDeadBuilds, closeBuildSite, openBuildSite } from './build-site.ts';
import { type Builder, findBuilder } from './builder.ts';
import { runGuarded } from './guarded-run.ts';
import type { ImageFacts } from './image-facts.ts';
import { isImageName } from './image-name.ts';
import { type ImageSource, isLoopback, parseSource, pinnedUri } from './image-source.ts';
import { askRegistry } from './registry.ts';
import { type ImageStore, makeStoreDirectory } from './store.ts';
import type { StoredImage } from './stored-image.ts';

/** Builds an image on this machine, with its own Apptainer or Singularity, into the store. */
export interface BuildOrder {
  name: string;
  /** `docker://…` or `oci:/…`. */
  source: string;
  /** The program that builds; null: the one on the PATH. */
  runtime: string | null;
  /** Asked when all other builds of this name are over: no build is needed where it answers an image. */
  unless?(): Promise<Result<StoredImage | null>>;
}

/** The registry is asked before a build, which takes minutes itself. */
const askSeconds = 20;
/** A runtime that hangs must not keep others from building for ever. */
const mostSeconds = 2 * 3600;

/** Builds, and answers what is in the store then. A build that fails or is killed leaves nothing but what was there before. */
export async function buildImage(store: ImageStore, order: BuildOrder, context: Context): Promise<Result<StoredImage>> {
  const source = checked(order);
  if (!source.ok) return source;
  const builder = await findBuilder(order.runtime);
  if (!builder.ok) return builder;
  const made = await makeStoreDirectory(store.directory);
  if (!made.ok) return made;
  await clearDeadBuilds(store.directory);
  context.emit({ kind: 'site-begins', site: order.name });
  try {
    return await alone(store, order, context, () => inBuildSite(store, order, source.value, builder.value, context));
  } finally {
    context.emit({ kind: 'site-ends', site: order.name });
  }
}

/** What a build would do. */
export interface PlannedBuild {
  name: string;
  source: string;
  builder: Builder;
  /** null: nobody could say. */
  pulledBytes: number | null;
  /** Where it would unpack. */
  place: string;
}

/** Looks at all that a build needs, and makes nothing. */
export async function planBuild(store: ImageStore, order: BuildOrder, context: Context): Promise<Result<PlannedBuild>> {
  const source = checked(order);
  if (!source.ok) return source;
  const builder = await findBuilder(order.runtime);
  if (!builder.ok) return builder;
  const { pulledBytes } = await originOf(order, source.value, context);
  const place = await workPlace(await nearestDirectory(store.directory), order.name, pulledBytes);
  if (!place.ok) return place;
  return ok({ name: order.name, source: order.source, builder: builder.value, pulledBytes, place: place.value });
}

/** The directory, or the nearest above it that exists. */
async function nearestDirectory(directory: string): Promise<string> {
  const exists = await stat(directory).then(
    () => true,
    () => false,
  );
  return exists || dirname(directory) === directory ? directory : nearestDirectory(dirname(directory));
}

function checked({ name, source }: BuildOrder): Result<ImageSource> {
  const parsed = parseSource(source);
  if (parsed === null) {
    const shown = JSON.stringify(source.slice(0, 200));
    return misused(`${shown} is no source of an image: docker://REGISTRY/NAME:TAG or oci:/PATH`);
  }
  if (isImageName(name)) return ok(parsed);
  const shown = JSON.stringify(name.slice(0, 64));
  return misused(`${shown} cannot be the name of an image: 1 to 128 of A-Z, a-z, 0-9, _, . and -, no . or - in front`);
}

function misused(message: string): Result<never> {
  return failed({ kind: 'usage', message, hint: 'glidein image build --help' });
}

/** One build of a name at a time: who comes second waits, and may then find that there is nothing to do. */
async function alone(
  { directory }: ImageStore,
  { name, unless }: BuildOrder,
  context: Context,
  build: () => Promise<Result<StoredImage>>,
): Promise<Result<StoredImage>> {
  const file = await buildLock(directory, name);
  const attempt = async () => {
    const there = unless === undefined ? ok(null) : await unless();
    if (!there.ok || there.value === null) return there.ok ? build() : there;
    return ok(there.value);
  };
  for (;;) {
    const built = await withFileLock(file, attempt, waitMilliseconds);
    const isBusy = !built.ok && built.failure.kind === 'file-busy' && built.failure.file === file;
    if (!isBusy) return built;
    if (context.signal.aborted) return failed({ kind: 'interrupted' });
    context.emit({ kind: 'step', site: name, step: 'build', detail: 'waiting for another build of it' });
  }
}

const waitMilliseconds = 1_000;

async function inBuildSite(
  store: ImageStore,
  order: BuildOrder,
  source: ImageSource,
  builder: Builder,
  context: Context,
): Promise<Result<StoredImage>> {
  const { directory } = store;
  try {
    const origin = await originOf(order, source, context);
    const place = await workPlace(directory, order.name, origin.pulledBytes);
    if (!place.ok) return place;
    const site = await openBuildSite(directory, order.name, place.value);
    return await built(store, { ...order, digest: origin.digest }, { site, source, builder }, context);
  } catch (error) {
    return unusable(directory, systemReason(error));
  } finally {
    await closeBuildSite(directory, order.name).catch((error: Error) => {
      const text = `what the build left could not all be removed: ${error.message}; the next one tries again`;
      context.emit({ kind: 'warning', site: order.name, text });
    });
  }
}

/** What the tag stands for now, so that just this is built and known of the image. */
async function originOf(
  { name }: BuildOrder,
  source: ImageSource,
  context: Context,
): Promise<{ digest: string | null; pulledBytes: number | null }> {
  if (source.kind === 'layout') return { digest: null, pulledBytes: null };
  context.emit({ kind: 'step', site: name, step: 'build', detail: `asking ${source.host}` });
  const answer = await askRegistry(source, { seconds: askSeconds, sizes: true, signal: context.signal });
  if (answer.kind === 'known') return { digest: answer.digest, pulledBytes: answer.compressedBytes };
  const text = `${source.host} could not be asked what ${source.reference} stands for (${answer.reason}): later, nobody can tell whether there is a newer one`;
  context.emit({ kind: 'warning', site: name, text });
  return { digest: null, pulledBytes: null };
}

async function workPlace(directory: string, name: string, pulledBytes: number | null): Promise<Result<string>> {
  const room = await lookAtPlaces(directory);
  if (room === null) return unusable(directory, 'how much space its disk has cannot be found out');
  const place = placeFor({ ...room, what: `building ${name}`, pulledBytes });
  return place.ok ? ok(place.value.directory) : place;
}

interface Means {
  site: BuildSite;
  source: ImageSource;
  builder: Builder;
}

async function built(
  store: ImageStore,
  order: BuildOrder & { digest: string | null },
  { site, source, builder }: Means,
  context: Context,
): Promise<Result<StoredImage>> {
  const { name, digest } = order;
  const file = join(site.directory, 'image.sif');
  const ran = await runBuilder(file, order, { site, source, builder }, context);
  if (!ran.ok) return ran;
  context.emit({ kind: 'step', site: name, step: 'build', detail: 'reading it for its digest' });
  const content = await contentOf(file);
  if (content === null) return buildFailed(order, `${builder.version} said nothing wrong, but made no image`);
  const builtAt = new Date(context.now()).toISOString();
  const facts: ImageFacts = { name, source: order.source, digest, ...content, builtAt, builtBy: builder.version };
  return store.add(file, facts);
}

async function runBuilder(
  file: string,
  order: BuildOrder & { digest: string | null },
  { site, source, builder }: Means,
  context: Context,
): Promise<Result<void>> {
  const { name, source: uri, digest } = order;
  const lines: string[] = [];
  const limit = AbortSignal.timeout(mostSeconds * 1000);
  const onLine = (line: string) => {
    lines.push(line);
    if (lines.length > 100) lines.shift();
    context.emit({ kind: 'step', site: name, step: 'build', detail: plainLine(line) });
  };
  // Only a registry on this machine is spoken to without TLS.
  const plainHttp = source.kind === 'registry' && isLoopback(source.host) ? ['--no-https'] : [];
  const args = ['build', ...plainHttp, file, pinnedUri(uri, digest)];
  const env = await environmentFor(site);
  const signal = AbortSignal.any([context.signal, limit]);
  const code = await runGuarded({ program: builder.program, args, env, signal, onLine });
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  if (code === 0) return ok(undefined);
  if (limit.aborted) return buildFailed(order, `it did not end within ${mostSeconds / 3600} hours`);
  return buildFailed(order, lastWords(lines) || (code === null ? 'it was killed' : `it ended with ${code}`));
}

function buildFailed({ name, source }: BuildOrder, said: string): Result<never> {
  return failed({ kind: 'build-failed', site: null, name, source, said });
}

/** What is pulled and unpacked goes where there is room, and not into the home directory. */
async function environmentFor({ scratch }: BuildSite): Promise<NodeJS.ProcessEnv> {
  const cache = join(scratch, 'cache');
  const temporary = join(scratch, 'tmp');
  for (const directory of [cache, temporary]) await mkdir(directory, { mode: 0o700 });
  return {
    ...process.env,
    APPTAINER_CACHEDIR: cache,
    SINGULARITY_CACHEDIR: cache,
    APPTAINER_TMPDIR: temporary,
    SINGULARITY_TMPDIR: temporary,
    TMPDIR: temporary,
  };
}

/** null: there is no file, or nothing in it. */
async function contentOf(file: string): Promise<{ sha256: string; bytes: number } | null> {
  const facts = await stat(file).catch(() => null);
  if (facts === null || !facts.isFile() || facts.size === 0) return null;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}
