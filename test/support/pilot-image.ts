import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SidFiles } from './debian-sid.ts';
import { type ImageFiles, serveImage } from './image-registry.ts';
import type { Apptainer } from './real-apptainer.ts';
import { mustRun } from './run-program.ts';

/** The variables the OSG image declares in its own ENV, with its own values: those beat exported ones under Apptainer. */
const ENV = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ...['GLIDEIN_Start_Extra=', 'OSG_PROJECT_NAME=', 'NUM_CPUS=', 'MEMORY=', 'EXTRA_JOB_ENV='],
  ...['ACCEPT_JOBS_FOR_HOURS=336', 'RETIREMENT_HOURS=24', 'ACCEPT_IDLE_MINUTES=30', 'GLIDEIN_RANDOMIZE_NAME=false'],
];

/** Where each of the image's own files is kept here, and goes to in it. */
const PLACES = {
  start: 'usr/local/sbin/entrypoint.sh',
  advertise: 'usr/local/libexec/advertise',
  condor_config: 'etc/pilot/condor_config',
};
/** Mount points: an image that cannot be written to needs them beforehand. */
const DIRECTORIES = ['pilot', 'cvmfs', 'etc/osg', 'etc/condor/tokens-orig.d', 'usr/local/libexec', 'usr/local/sbin'];
const EMPTY_FILES = ['etc/osg/extra-attributes.cfg', 'etc/condor/tokens-orig.d/flock.opensciencegrid.org'];

const ownFile = (name: string) => fileURLToPath(new URL(`./pilot-image/${name}`, import.meta.url));

/**
 * The image of a pilot, as a SIF: the contract of the OSG image with HTCondor in it, pulled from a registry as that one is.
 * `environment` is shell text that the image runs after the runtime has set its variables. Made once for the versions
 * and files it is made from.
 */
export async function pilotImage(sid: SidFiles, apptainer: Apptainer, environment = ''): Promise<string> {
  const sources = [...Object.keys(PLACES).map(ownFile), fileURLToPath(import.meta.url)];
  const name = `pilot-${keyOf(sources.map((file) => readFileSync(file, 'utf8')).join('\0'))}`;
  const image = join(sid.directory, `${name}-${keyOf(environment)}.sif`);
  if (existsSync(image)) return image;
  for (const file of await readdir(sid.directory)) {
    const isOld = file.startsWith('image-') || (file.startsWith('pilot-') && !file.startsWith(name));
    if (isOld) await rm(join(sid.directory, file), { recursive: true, force: true });
  }
  await build(sid, apptainer, image, environment);
  return image;
}

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The image as a registry has it: its one layer, a tar file in the directory `work`, and its configuration. */
export async function pilotImageFiles(sid: SidFiles, work: string, environment = ''): Promise<ImageFiles> {
  const layerFile = join(work, 'layer.tar');
  await layer(sid.root, join(work, 'own'), layerFile, environment);
  return { layerFile, config: { Env: ENV, Entrypoint: [`/${PLACES.start}`], Cmd: [] } };
}

async function build(sid: SidFiles, apptainer: Apptainer, image: string, environment: string): Promise<void> {
  const work = await mkdtemp(join(sid.directory, 'image-'));
  try {
    const registry = await serveImage(await pilotImageFiles(sid, work, environment));
    const env = { ...process.env, APPTAINER_CACHEDIR: join(work, 'cache'), APPTAINER_TMPDIR: work };
    // It is unpacked at each start, so the quickest way counts and not the size.
    const packing = ['--mksquashfs-args', '-noI -noD -noF -noX'];
    try {
      const made = join(work, 'pilot.sif');
      await mustRun(apptainer.builder, ['build', '--no-https', ...packing, made, registry.source], {
        env,
        seconds: 120,
      });
      await chmod(made, 0o644);
      await rename(made, image);
    } finally {
      registry.close();
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** HTCondor's root with the image's own files in it, as one tar file. `own` is where the latter are put together. */
async function layer(root: string, own: string, layerFile: string, environment: string): Promise<void> {
  for (const name of DIRECTORIES) await mkdir(join(own, name), { recursive: true });
  for (const name of EMPTY_FILES) await writeFile(join(own, name), '');
  await mkdir(join(own, 'etc/pilot'));
  for (const [name, place] of Object.entries(PLACES)) {
    await copyFile(ownFile(name), join(own, place));
    await chmod(join(own, place), 0o755);
  }
  await writeFile(join(own, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(own, 'etc/group'), 'root:x:0:\n');
  if (environment !== '') {
    await mkdir(join(own, '.singularity.d/env'), { recursive: true });
    await writeFile(join(own, '.singularity.d/env/99-zz.sh'), `#!/bin/sh\n${environment}\n`, { mode: 0o755 });
  }
  const owner = ['--owner=0', '--group=0'];
  await mustRun('tar', ['-c', '-f', layerFile, ...owner, '-C', root, '.'], { seconds: 60 });
  await mustRun('tar', ['-r', '-f', layerFile, ...owner, '-C', own, '.'], { seconds: 60 });
}
