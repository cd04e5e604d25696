import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Campus, campus, clearRemote, type SiteJson } from './campus.ts';
import type { Cluster } from './cluster.ts';
import type { PoolPilot } from './condor-pool.ts';
import { type Ending, endingOf } from './pilot-bed.ts';
import type { Pool } from './real-pool.ts';
import { mustRun } from './run-program.ts';
import { cancelAllJobs, slurmEnv } from './slurm-jobs.ts';
import { waitUntil } from './wait-until.ts';

/**
 * Many small pilots in the real pool at once: ada's sites, each with a profile, a limit and a resource of its own, one core a
 * pilot. Resource and site have the same name.
 */
export interface PoolSites {
  here: Campus;
  /** Writes a site's profile, as a person's editor would: nothing looks at it. */
  add(name: string, changes?: { pilot?: object; connection?: object; scheduler?: object }): void;
  /** One `top-up` of these, and what became of each. */
  topUp(names: readonly string[]): Promise<Map<string, SiteJson>>;
  /** The pilots of these resources, as soon as all are in the pool. */
  inPool(resources: readonly string[]): Promise<Map<string, PoolPilot>>;
  /** The last mark of a site's pilot; null while there is none. */
  ending(name: string, id: string): Ending | null;
  /** Ends all jobs and pilots, in order. */
  remove(): Promise<void>;
}

const small = { kind: 'slurm', walltime: '00:30:00', queue: 'shared', cores: 1, memoryMB: 500 };

/** Makes ada's side, with no site. */
export async function poolSites(cluster: Cluster, pool: Pool): Promise<PoolSites> {
  const here = await campus(cluster, 1);
  writeFileSync(here.tokenFile, `${pool.token}\n`, { mode: 0o600 });
  const file = (name: string) => join(here.configDir, 'sites', `${name}.json`);
  const base = JSON.parse(readFileSync(file('campus'), 'utf8')) as { pilot: object; connection: object };
  const pilots = async () => new Map((await pool.pilots()).map((pilot) => [pilot.resource, pilot]));
  return {
    here,
    add(name, { pilot = {}, connection = {}, scheduler = {} } = {}) {
      const { program: runtime } = pool.apptainer;
      const onPool = { runtime, scratch: pool.scratch, env: { POOL: pool.address }, resource: name };
      const profile = {
        ...{ ...base, name, image: { remotePath: pool.unpacked } },
        scheduler: { ...small, ...scheduler },
        connection: { ...base.connection, ...connection },
        pilot: { ...base.pilot, ...onPool, ...pilot },
      };
      writeFileSync(file(name), JSON.stringify(profile), { mode: 0o600 });
    },
    async topUp(names) {
      const { code, stdout, stderr } = await here.glidein(['top-up', ...names, '--json']);
      const { sites } = JSON.parse(stdout) as { sites: (SiteJson & { site: string })[] };
      return new Map(sites.map((site) => [site.site, { ...site, code, stderr }]));
    },
    async inPool(resources) {
      let there = await pilots();
      const missing = () => resources.filter((resource) => !there.has(resource));
      const deadline = Date.now() + 90_000;
      while (missing().length > 0) {
        if (Date.now() > deadline) throw new Error(`${missing().join(' ')} did not join the pool within 90 s`);
        await sleep(500);
        there = await pilots();
      }
      return there;
    },
    ending: (name, id) => endingOf({ remoteDir: join(here.user.home, '.glidein', name) }, id),
    async remove() {
      await endPilots(cluster, pool);
      here.remove();
      clearRemote(cluster.users.ada);
    },
  };
}

/** Ends the pool's jobs, then every job of the cluster in its own time: a pilot that ends in order signs off at the pool. */
export async function endPilots(cluster: Cluster, pool: Pool): Promise<void> {
  await pool.removeJobs();
  await mustRun('scancel', ['--quiet', '--batch', '--signal=TERM', '-u', cluster.users.ada.name], {
    env: slurmEnv(cluster),
  });
  try {
    await waitUntil('the pilots have left the pool', 90, async () => (await pool.pilots()).length === 0, 250);
  } finally {
    await cancelAllJobs(cluster); // Whatever is left would keep the next tests' pilots from their nodes.
  }
}
