import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { type CondorPool, type PoolPlace, poolAt, startPool } from './condor-pool.ts';
import { type SidFiles, sidFiles } from './debian-sid.ts';
import { pilotImage } from './pilot-image.ts';
import { type Apptainer, realApptainer } from './real-apptainer.ts';
import { asUser } from './test-users.ts';

/** What pilots of the cluster need to be real: a container runtime, an image, and a pool to join. */
export interface Pool extends CondorPool {
  apptainer: Apptainer;
  /** A SIF that everybody on the nodes can read. */
  image: string;
  /** The same, unpacked into a directory: it starts in a tenth of a second, for tests with many pilots. */
  unpacked: string;
  /** The image with lines of shell in it that run after the runtime has set its variables. */
  imageThat(environment: string): Promise<string>;
  /** A directory on the nodes that everybody may write to. */
  scratch: string;
}

/** All of it that is not a function; what the first process that needs a pool leaves for the others. */
interface PoolFiles {
  place: PoolPlace;
  sid: SidFiles;
  apptainer: Apptainer;
  image: string;
  unpacked: string;
  scratch: string;
}

/** Why there can be no pool on a machine that can have the cluster, or null: the packages are for one kind of processor. */
export function poolObstacle(): string | null {
  return process.arch === 'x64'
    ? null
    : `HTCondor and Apptainer are set up for x86_64 only, and this is ${process.arch}`;
}

/** The pool beside this cluster: the first who asks starts it, and it ends with the cluster. */
export async function realPool(cluster: Cluster): Promise<Pool> {
  process.umask(0o022); // The users of the nodes must be able to read what root writes here.
  const state = join(cluster.prefix, 'pool.json');
  if (!existsSync(state)) {
    const directory = mkdtempSync(join(cluster.prefix, 'pool-'));
    chmodSync(directory, 0o755);
    writeFileSync(state, JSON.stringify(await startAll(cluster, directory)), { mode: 0o600 });
  }
  const { place, sid, ...files } = JSON.parse(readFileSync(state, 'utf8')) as PoolFiles;
  const imageThat = (environment: string) => pilotImage(sid, files.apptainer, environment);
  return { ...poolAt(place), ...files, imageThat };
}

async function startAll(cluster: Cluster, directory: string): Promise<PoolFiles> {
  const sid = await sidFiles((line) => process.stderr.write(`pool tests: ${line}\n`));
  const apptainer = realApptainer(sid, directory);
  const scratch = join(directory, 'scratch');
  mkdirSync(scratch);
  chmodSync(scratch, 0o1777);
  const image = await pilotImage(sid, apptainer);
  const unpacked = join(scratch, 'image');
  const made = await asUser(cluster, cluster.users.ada, `${apptainer.program} build --sandbox ${unpacked} ${image}`);
  if (made.code !== 0) throw new Error(`Apptainer cannot unpack the image: ${made.stderr}`);
  return { place: await startPool(sid, directory), sid, apptainer, image, unpacked, scratch };
}
