import { Option } from 'commander';
import type { Result } from '../failure.ts';
import type { Adder } from './command-adder.ts';
import type { Outcome } from './outcome.ts';
import type { World } from './request.ts';
import { dryRun, everySite, type JobFlags, jobWait, usualJobWait } from './shared-options.ts';

/** `image`: the images of the pilots. */
export function addImageCommands(program: Adder): void {
  const image = program.group('image', 'the image of the pilots: built once on this machine, and kept');
  addImageBuild(image);
  image.add('list', 'the images that are kept here, newest first', () => async ({ configDir, dataDir, context }) => {
    const { imageList } = await import('../commands/image-list.ts');
    const { imageListOutcome } = await import('./image-outcomes.ts');
    return imageListOutcome(await imageList({ configDir, dataDir }), context.now());
  });
  image.add(
    'check [names...]',
    'whether each is still what its tag stands for; asks the registry, pulls nothing',
    (names) =>
      async ({ configDir, dataDir, context }) => {
        const { imageCheck } = await import('../commands/image-check.ts');
        const { imageCheckOutcome } = await import('./image-outcomes.ts');
        return imageCheckOutcome(await imageCheck({ configDir, dataDir, names }, context));
      },
  );
  image.add<JobFlags & { all?: boolean }>(
    'push [sites...]',
    'bring the image of each site to its login host, where it is not there yet; goes on where a push was cut',
    (sites, flags) =>
      async ({ configDir, dataDir, context }) => {
        const { imagePush } = await import('../commands/image-push.ts');
        const { pushOutcome } = await import('./image-push-outcome.ts');
        const { all = false, dryRun: dry = false } = flags;
        return pushOutcome(await imagePush({ configDir, dataDir, sites, all, dryRun: dry }, context));
      },
    [everySite, dryRun],
  );
  image.add<JobFlags>(
    'prune',
    'remove what no profile uses; the two generations before one in use stay',
    (_args, flags) =>
      async ({ configDir, dataDir }) => {
        const { imagePrune } = await import('../commands/image-prune.ts');
        const { pruneOutcome } = await import('./image-outcomes.ts');
        return pruneOutcome(await imagePrune({ configDir, dataDir, dryRun: flags.dryRun ?? false }));
      },
    [dryRun],
  );
}

function addImageBuild(image: Adder): void {
  image.add<JobFlags & Partial<BuildOnSiteFlags>>(
    'build [name]',
    "build an image with this machine's apptainer or singularity; without NAME the one of the OSG",
    ([name = null], flags) =>
      async ({ configDir, dataDir, context }) => {
        if (flags.on !== undefined)
          return builtOnSite({ ...flags, on: flags.on, name }, { configDir, dataDir }, context);
        if (flags.batch) {
          const { failed } = await import('../failure.ts');
          const message = '--batch needs --on: the site whose batch system builds';
          return failed({ kind: 'usage', message, hint: 'glidein image build --on SITE --batch' });
        }
        const { imageBuild } = await import('../commands/image-build.ts');
        const { buildOutcome } = await import('./image-outcomes.ts');
        const { source = null, gpus = false, runtime = null, dryRun: dry = false } = flags;
        return buildOutcome(
          await imageBuild({ configDir, dataDir, name, source, gpus, runtime, dryRun: dry }, context),
        );
      },
    [
      new Option('--source <uri>', 'what to build it from: docker://REGISTRY/NAME:TAG or oci:/PATH'),
      new Option('--gpus', 'the image for pilots with GPUs'),
      new Option('--on <site>', 'build on the login host of a site, whose profile then names the image there'),
      new Option('--batch', 'with --on: by a batch job, where the login host forbids it; waits for it'),
      jobWait('batch'),
      new Option('--runtime <program>', 'the program that builds, where it is not on the PATH'),
      dryRun,
    ],
  );
}

interface BuildOnSiteFlags extends JobFlags {
  name: string | null;
  on: string;
  source?: string;
  gpus?: boolean;
  runtime?: string;
  batch?: boolean;
  wait?: number;
}

async function builtOnSite(
  { name, on: site, source, gpus = false, runtime, batch, wait, dryRun: dry = false }: BuildOnSiteFlags,
  directories: { configDir: string; dataDir: string },
  context: World['context'],
): Promise<Result<Outcome>> {
  const { failed } = await import('../failure.ts');
  if (name !== null || runtime !== undefined) {
    const message = 'with --on the image is known by its content, and pilot.runtime of the profile builds it';
    return failed({ kind: 'usage', message, hint: `glidein image build --on ${site} --source docker://…` });
  }
  const { imageBuildOnSite } = await import('../commands/image-build-on-site.ts');
  const { buildOnSiteOutcome } = await import('./image-outcomes.ts');
  const batchWaitSeconds = batch ? (wait ?? usualJobWait) : null;
  const options = { ...directories, site, source: source ?? null, gpus, dryRun: dry, batchWaitSeconds };
  return buildOnSiteOutcome(await imageBuildOnSite(options, context));
}
