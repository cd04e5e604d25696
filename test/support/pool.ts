import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Cluster, describeOnCluster } from './cluster.ts';
import { type CondorPool, startPool } from './condor-pool.ts';
import { type SidFiles, sidFiles } from './debian-sid.ts';
import { pilotImage } from './pilot-image.ts';
import { type Apptainer, realApptainer } from './real-apptainer.ts';

/** What pilots of the cluster need to be real: a container runtime, an image, and a pool to join. */
export interface Pool extends CondorPool {
  apptainer: Apptainer;
  /** A SIF that everybody on the nodes can read. */
  image: string;
  /** The image with lines of shell in it that run after the runtime has set its variables. */
  imageThat(environment: string): Promise<string>;
  /** A directory on the nodes that everybody may write to. */
  scratch: string;
}

/**
 * A `describe` whose tests need a real pool beside the cluster: it is started for them alone, and ends with them. The
 * first time on a machine that takes some 20 s more, for what is fetched and built then.
 */
export function describeOnPool(name: string, body: (cluster: Cluster, pool: () => Pool) => void): void {
  if (!fits()) {
    describe.skip(name, () => it('needs HTCondor and Apptainer, which are not tested here', () => {}));
    return;
  }
  describeOnCluster(name, (cluster) => {
    let pool: Pool | null = null;
    let directory = '';
    beforeAll(async () => {
      directory = mkdtempSync(join(cluster.prefix, 'pool-'));
      chmodSync(directory, 0o755);
      pool = await startAll(directory);
    }, 300_000);
    afterAll(async () => {
      await pool?.stop();
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    });
    body(cluster, () => {
      if (pool === null) throw new Error('the pool did not start');
      return pool;
    });
  });
}

/** The packages are taken as they are for this one kind of machine. */
function fits(): boolean {
  if (process.arch === 'x64') return true;
  const obstacle = `HTCondor and Apptainer are set up for x86_64 only, and this is ${process.arch}`;
  if (process.env['CI'] === 'true') throw new Error(`the real tests must run when CI=true, but ${obstacle}`);
  say(`NOT TESTED: pilots in a real pool, because ${obstacle}`);
  return false;
}

async function startAll(directory: string): Promise<Pool> {
  process.umask(0o022); // The users of the nodes must be able to read what root writes here.
  const sid: SidFiles = await sidFiles(say);
  const apptainer = realApptainer(sid, directory);
  const scratch = join(directory, 'scratch');
  mkdirSync(scratch);
  chmodSync(scratch, 0o1777);
  const image = await pilotImage(sid, apptainer);
  const imageThat = (environment: string) => pilotImage(sid, apptainer, environment);
  return { ...(await startPool(sid, directory)), apptainer, image, imageThat, scratch };
}

function say(line: string): void {
  process.stderr.write(`real tests: ${line}\n`);
}
