import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../config/json-text.ts';
import { hasCode, readLocalText, systemReason, unusable } from '../config/local-file.ts';
import { ok, type Result } from '../failure.ts';
import { type ImageFacts, imageFacts, parseIndex, type StoreIndex, written } from './image-facts.ts';
import { newestFirst, newestOf, type StoredImage } from './stored-image.ts';

/**
 * The images that were built, each a file named by its content, with a small file beside it that says what it is, and an
 * index of all. Either of the two is enough: an index that is lost, torn or behind is made anew from the small files.
 */
export interface ImageStore {
  /** Where the images are. It need not exist. */
  readonly directory: string;
  /** All that are there whole, newest first. */
  list(): Promise<Result<StoredImage[]>>;
  /** What a name means: its newest generation. null: there is none. */
  named(name: string): Promise<Result<StoredImage | null>>;
  /** The newest that was built from a source, whatever its name. */
  ofSource(source: string): Promise<Result<StoredImage | null>>;
  /** Takes a file, which must be on the store's disk, into the store: it is moved. Killed at any moment, it is there or not. */
  add(file: string, facts: ImageFacts): Promise<Result<StoredImage>>;
  /** Takes one generation out. Its file goes with the last name that has it. One that is not there is no failure. */
  remove(image: Pick<StoredImage, 'name' | 'sha256'>): Promise<Result<void>>;
  /** Removes files of the store that belong to no image, as a process that was killed leaves them. Answers which there were. */
  sweep(options: { dryRun: boolean }): Promise<Result<StrayFile[]>>;
}

/** A file of the store that belongs to no image. */
export interface StrayFile {
  path: string;
  bytes: number;
}

/** The store of these directories. Nothing is read or made before it is needed. */
export function openImageStore({ dataDir }: { dataDir: string }): ImageStore {
  const directory = join(dataDir, 'images');
  const list = () => listed(directory);
  return {
    directory,
    list,
    named: (name) => newestWhere(list, (image) => image.name === name),
    ofSource: (source) => newestWhere(list, (image) => image.source === source),
    add: (file, facts) => added(directory, file, facts),
    remove: (image) => removed(directory, image),
    sweep: ({ dryRun }) => (dryRun ? strayFiles(directory) : swept(directory)),
  };
}

async function newestWhere(
  list: ImageStore['list'],
  fits: (image: StoredImage) => boolean,
): Promise<Result<StoredImage | null>> {
  const images = await list();
  return images.ok ? ok(newestOf(images.value.filter(fits))) : images;
}

/** Makes the store's directory, for us alone. */
export async function makeStoreDirectory(directory: string): Promise<Result<void>> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    return ok(undefined);
  } catch (error) {
    return unusable(directory, systemReason(error));
  }
}

async function listed(directory: string): Promise<Result<StoredImage[]>> {
  const facts = await knownFacts(directory);
  if (!facts.ok) return facts;
  const images = await Promise.all(facts.value.map((one) => whole(directory, one)));
  return ok(newestFirst(images.filter((image) => image !== null)));
}

/** null: its file is not there, or not of the size it had. */
async function whole(directory: string, facts: ImageFacts): Promise<StoredImage | null> {
  const path = imageFile(directory, facts.sha256);
  try {
    return (await stat(path)).size === facts.bytes ? { ...facts, path } : null;
  } catch {
    return null;
  }
}

/** What the index and the small files say together. A name and a content are one image: the later facts count. */
async function knownFacts(directory: string): Promise<Result<ImageFacts[]>> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    return hasCode(error, 'ENOENT') ? ok([]) : unusable(directory, systemReason(error));
  }
  const index = await readIndex(directory);
  if (!index.ok) return index;
  const beside = await Promise.all(
    names.filter((name) => factsName.test(name)).map((name) => readFacts(directory, name)),
  );
  const all = new Map<string, ImageFacts>();
  for (const facts of [...index.value, ...beside.filter((one) => one !== null)]) {
    const before = all.get(key(facts));
    if (before === undefined || before.builtAt < facts.builtAt) all.set(key(facts), facts);
  }
  return ok([...all.values()]);
}

async function added(directory: string, file: string, facts: ImageFacts): Promise<Result<StoredImage>> {
  const made = await makeStoreDirectory(directory);
  if (!made.ok) return made;
  return changed(directory, async (before) => {
    const path = imageFile(directory, facts.sha256);
    await writeFacts(directory, facts);
    await chmod(file, 0o600);
    await onDisk(file);
    await rename(file, path);
    const after = [...before.filter((one) => key(one) !== key(facts)), facts];
    return { after, value: { ...facts, path } };
  });
}

async function removed(
  directory: string,
  { name, sha256 }: Pick<StoredImage, 'name' | 'sha256'>,
): Promise<Result<void>> {
  return changed(directory, async (before) => {
    const after = before.filter((one) => one.name !== name || one.sha256 !== sha256);
    const isLast = !after.some((one) => one.sha256 === sha256);
    // The content goes first: without it, what is said of it counts for nothing.
    if (isLast) await rm(imageFile(directory, sha256), { force: true });
    await rm(factsFile(directory, { name, sha256 }), { force: true });
    return { after, value: undefined };
  });
}

/** Nobody adds an image meanwhile: what belongs to none now belongs to none at all. */
async function swept(directory: string): Promise<Result<StrayFile[]>> {
  const before = await strayFiles(directory);
  if (!before.ok || before.value.length === 0) return before;
  const { withFileLock } = await import('../config/file-lock.ts');
  return withFileLock(indexFile(directory), async () => {
    const strays = await strayFiles(directory);
    if (!strays.ok) return strays;
    try {
      for (const { path } of strays.value) await rm(path, { force: true });
      return strays;
    } catch (error) {
      return unusable(directory, systemReason(error));
    }
  });
}

const ownFile = /^[0-9a-f]{64}\.(?:sif|.+\.json(?:\.new)?)$/;

async function strayFiles(directory: string): Promise<Result<StrayFile[]>> {
  const images = await listed(directory);
  if (!images.ok) return images;
  const used = new Set(images.value.flatMap((image) => [image.path, factsFile(directory, image)]));
  try {
    const names = await readdir(directory).catch((error: unknown) => nothingIfMissing(error));
    const paths = names.filter((name) => ownFile.test(name)).map((name) => join(directory, name));
    const strays = paths.filter((path) => !used.has(path));
    return ok(await Promise.all(strays.map(async (path) => ({ path, bytes: (await stat(path)).size }))));
  } catch (error) {
    return unusable(directory, systemReason(error));
  }
}

function nothingIfMissing(error: unknown): string[] {
  if (hasCode(error, 'ENOENT')) return [];
  throw error;
}

/** Changes files and index under the store's lock. */
async function changed<T>(
  directory: string,
  change: (before: readonly ImageFacts[]) => Promise<{ after: readonly ImageFacts[]; value: T }>,
): Promise<Result<T>> {
  const { writeConfFile } = await import('../config/conf-file.ts');
  const { withFileLock } = await import('../config/file-lock.ts');
  const file = indexFile(directory);
  return withFileLock(file, async () => {
    const before = await listed(directory);
    if (!before.ok) return before;
    try {
      const { after, value } = await change(before.value.map(({ path: _path, ...facts }) => facts));
      const index: StoreIndex = { images: after };
      const kept = await writeConfFile(file, { ...index });
      return kept.ok ? ok(value) : kept;
    } catch (error) {
      return unusable(directory, systemReason(error));
    }
  });
}

/** One that cannot be read as an index is as good as lost. */
async function readIndex(directory: string): Promise<Result<readonly ImageFacts[]>> {
  const text = await readLocalText(indexFile(directory), { guarded: true });
  if (!text.ok) return text.failure.kind === 'file-broken' ? ok([]) : text;
  const json = parseJson(text.value ?? '');
  return ok(json.ok ? parseIndex(json.value) : []);
}

/** null for what is no such file. */
async function readFacts(directory: string, name: string): Promise<ImageFacts | null> {
  const text = await readLocalText(join(directory, name), { guarded: true });
  if (!text.ok || text.value === null) return null;
  const json = parseJson(text.value);
  const facts = json.ok ? imageFacts(json.value) : null;
  return facts !== null && join(directory, name) === factsFile(directory, facts) ? facts : null;
}

async function writeFacts(directory: string, facts: ImageFacts): Promise<void> {
  const file = factsFile(directory, facts);
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(written(facts))}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/** A file that is named by its content must have it, also after the power failed. */
async function onDisk(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const factsName = /^[0-9a-f]{64}\..+\.json$/;

function key({ name, sha256 }: Pick<StoredImage, 'name' | 'sha256'>): string {
  return `${sha256}.${name}`;
}

function imageFile(directory: string, sha256: string): string {
  return join(directory, `${sha256}.sif`);
}

function factsFile(directory: string, image: Pick<StoredImage, 'name' | 'sha256'>): string {
  return join(directory, `${key(image)}.json`);
}

function indexFile(directory: string): string {
  return join(directory, 'index.json');
}
