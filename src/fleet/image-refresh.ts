import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { buildImage } from '../image/build.ts';
import { freshnessOf } from '../image/freshness.ts';
import { askSource } from '../image/standing.ts';
import { type ImageStore, openImageStore } from '../image/store.ts';
import type { StoredImage } from '../image/stored-image.ts';
import { imagesOf } from './image-wishes.ts';
import { isDue, readTimes, writeTimes } from './remembered-times.ts';

/** Newer generations of the images that sites use, before their passes plan their jobs. */

const askSeconds = 20;
/** What could not be built is not tried at each pass: each try pulls gigabytes. */
const afterFailureHours = 6;
const afterFailureMilliseconds = afterFailureHours * 3_600_000;
/** Where it is remembered. */
const memory = 'image-refresh-failures';

/**
 * Builds each image anew whose tag stands for something else by now. Where that does not come about the old one stays in
 * use, and it is said. `dryRun`: only says what would be built.
 */
export async function refreshImages(
  profiles: readonly Profile[],
  { dataDir, dryRun }: { dataDir: string; dryRun: boolean },
  context: Context,
): Promise<void> {
  const store = openImageStore({ dataDir });
  const images = await store.list();
  if (!images.ok) return mishap(context, null, 'the images cannot be refreshed', images);
  for (const { image, maxAgeHours } of imagesOf(profiles, images.value)) {
    if (context.signal.aborted) return;
    await refresh(store, image, { maxAgeHours, dryRun, dataDir }, context);
  }
}

async function refresh(
  store: ImageStore,
  image: StoredImage,
  { maxAgeHours, dryRun, dataDir }: { maxAgeHours: number; dryRun: boolean; dataDir: string },
  context: Context,
): Promise<void> {
  const { name, source } = image;
  const stays = `the one of ${image.builtAt.slice(0, 10)} stays in use`;
  const answer = await askSource(source, askSeconds, context);
  if (answer.kind === 'silent') {
    const text = `whether there is a newer image is not known: ${answer.reason}; ${stays}`;
    return context.emit({ kind: 'warning', site: name, text });
  }
  const { state } = freshnessOf(image, answer, { nowMilliseconds: context.now(), maxAgeHours });
  if (state === 'current' || state === 'unknown') return;
  if (dryRun) return context.emit({ kind: 'warning', site: name, text: 'a newer image exists, and would be built' });
  const failures = await readTimes(dataDir, memory);
  const key = `${name} ${answer.digest}`;
  if (!isDue(failures.get(key), afterFailureMilliseconds, context.now())) {
    const text = `building the newer image failed less than ${afterFailureHours} hours ago, and ${stays}; to try now: glidein image build ${name}`;
    return context.emit({ kind: 'note', site: name, text });
  }
  // Another process may have built it while this one waited for its turn.
  const unless = async (): Promise<Result<StoredImage | null>> => {
    const newest = await store.named(name);
    return newest.ok && newest.value?.digest !== answer.digest ? ok(null) : newest;
  };
  const built = await buildImage(store, { name, source, runtime: null, unless }, context);
  if (!built.ok) {
    const times = new Map([...failures, [key, context.now()] as const]);
    if (!context.signal.aborted)
      await writeTimes(dataDir, memory, { times, keepMilliseconds: afterFailureMilliseconds }, context);
    return mishap(context, name, `no newer image was built, and ${stays}`, built);
  }
  context.emit({ kind: 'note', site: name, text: `a newer image was built: ${built.value.path}` });
}

function mishap(context: Context, site: string | null, text: string, { failure }: Result<never> & { ok: false }): void {
  context.emit({ kind: 'mishap', site, text, failure });
}
