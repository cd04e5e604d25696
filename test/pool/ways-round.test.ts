import { chmodSync, chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PoolPilot } from '../support/condor-pool.ts';
import { describeOnPool } from '../support/pool.ts';
import { type PoolSites, poolSites } from '../support/pool-sites.ts';
import { mustRun } from '../support/run-program.ts';
import { slurmEnv } from '../support/slurm-jobs.ts';
import { asUser } from '../support/test-users.ts';

/** Ada's own jobs, but for one kind. A dollar comes out wrong where nothing evaluates the runtime's variables. */
const kind = 'a$b';
const startExtra = `TARGET.Kind =!= "${kind}"`;
const limit = `(((TARGET.Owner =?= "ada") && (TARGET.User =?= "ada@ap.example.org")) && ((${startExtra}) =?= true))`;
const whole = `${limit} && (TARGET.ITB_Sites =!= true)`;

/** The jobs each pilot is offered, in this order: of another owner, of ada and that kind, of ada. */
const offered = ['bobs', 'excluded', 'adas'] as const;
/** Whether they were taken. */
type Fate = Record<(typeof offered)[number], 'runs' | 'waits' | undefined>;
const kept: Fate = { bobs: 'waits', excluded: 'waits', adas: 'runs' };
const open: Fate = { bobs: 'runs', excluded: 'runs', adas: 'runs' };

/** A way round the limit. */
interface Way {
  /** What the user's own start-up files export at login. */
  exported?: Record<string, string>;
  /** Lines of the attributes file. */
  attributes?: string;
  /** What becomes of the jobs where nothing is done against it; null: there is no pilot. */
  without: Fate | null;
}

const ways: Record<string, Way> = {
  'nothing at all': { without: kept },
  '_CONDOR_START exported at login': { exported: { _CONDOR_START: 'True' }, without: open },
  '_CONDOR_START_EXTRA exported at login': { exported: { _CONDOR_START_EXTRA: 'True' }, without: open },
  '_condor_start exported at login': { exported: { _condor_start: 'True' }, without: open },
  'APPTAINERENV__CONDOR_START exported at login': { exported: { APPTAINERENV__CONDOR_START: 'True' }, without: open },
  'START among the attributes': { attributes: 'START = True\n', without: open },
  'APPTAINER_NO_EVAL exported at login': {
    exported: { APPTAINER_NO_EVAL: '1' },
    without: { ...kept, excluded: 'runs' },
  },
  'APPTAINER_BINDPATH naming nothing': { exported: { APPTAINER_BINDPATH: '/no/such/place' }, without: null },
};
const names = Object.keys(ways);
const byHand = (name: string) => `hand-${names.indexOf(name)}`;
const byGlidein = (name: string) => `glidein-${names.indexOf(name)}`;
/** Those ways that a profile can carry at all. */
const carried = names.filter((name) => ways[name]?.attributes === undefined);

describeOnPool('each way round the owner limit', (cluster, pool) => {
  const { ada } = cluster.users;
  let sites: PoolSites;
  let pilots: Map<string, PoolPilot>;
  const slurmIds = new Map<string, string>();
  const fates = new Map<string, Fate>();

  /** A job that passes the limit as it must be passed, and does nothing more. */
  async function submitByHand(name: string, { exported = {}, attributes = '' }: Way): Promise<string> {
    const directory = mkdtempSync(join(ada.home, 'hand-'));
    const mount = '/etc/osg/extra-attributes.cfg';
    const script = `#!/bin/bash
export TOKEN='${pool().token}' POOL=${pool().address} GLIDEIN_Site=Campus GLIDEIN_ResourceName=${byHand(name)}
export APPTAINERENV_GLIDEIN_Start_Extra='${limit.replaceAll(/[\\$`]/g, '\\$&')}'
export APPTAINERENV_NUM_CPUS=1 APPTAINERENV_MEMORY=400
mkdir ${directory}/pilot
exec ${pool().apptainer.program} run --contain --bind ${directory}/pilot:/pilot --bind ${directory}/attributes:${mount} ${pool().unpacked}
`;
    writeFileSync(join(directory, 'job'), script, { mode: 0o600 });
    writeFileSync(join(directory, 'attributes'), attributes, { mode: 0o600 });
    for (const path of [directory, join(directory, 'job'), join(directory, 'attributes')]) {
      chownSync(path, ada.uid, ada.gid);
    }
    chmodSync(directory, 0o700);
    const line = `sbatch --parsable -p shared -c 1 --mem=500 -t 10 -o ${directory}/log ${directory}/job`;
    const submitted = await asUser(cluster, ada, line, { env: exported });
    expect(submitted, submitted.stderr).toMatchObject({ code: 0 });
    return submitted.stdout.trim();
  }

  /** Starts, of every way, a pilot by hand and one by glidein. */
  async function startPilots(): Promise<void> {
    for (const [name, way] of Object.entries(ways)) slurmIds.set(name, await submitByHand(name, way));
    for (const name of carried) {
      const exported = Object.entries(ways[name]?.exported ?? {});
      const prologue = exported.map(([variable, value]) => `export ${variable}=${value}`);
      sites.add(byGlidein(name), { connection: { prologue }, pilot: { startExtra } });
    }
    const passes = await sites.topUp(carried.map(byGlidein));
    for (const [name, pass] of passes) expect(pass, `${name}: ${pass.stderr}`).toMatchObject({ submitted: 1 });
    const started = names.filter((name) => ways[name]?.without !== null);
    pilots = await sites.inPool([...started.map(byHand), ...carried.map(byGlidein)]);
  }

  /** Offers its jobs to each pilot, and notes what became of them. */
  async function offerJobs(): Promise<void> {
    const jobs = new Map<string, string>();
    for (const job of offered) {
      for (const resource of pilots.keys()) {
        const here = `requirements = TARGET.GLIDEIN_ResourceName == "${resource}"`;
        const more = job === 'excluded' ? [here, `+Kind = "${kind}"`] : [here];
        jobs.set(`${job} ${resource}`, await pool().submit(job === 'bobs' ? 'bob' : 'ada', 1, more));
      }
    }
    const look = async () => {
      const states = new Map(
        (await pool().jobs()).map(({ id, starts }) => [id, starts > 0 ? 'runs' : 'waits'] as const),
      );
      const state = (job: string, resource: string) => states.get(jobs.get(`${job} ${resource}`) ?? '');
      for (const resource of pilots.keys()) {
        const [bobs, excluded, adas] = offered.map((job) => state(job, resource));
        fates.set(resource, { bobs, excluded, adas });
      }
    };
    const deadline = Date.now() + 90_000;
    do {
      await sleep(250);
      await look();
    } while (Date.now() < deadline && ![...pilots.keys()].every((resource) => runsWhatItMay(resource)));
    // By now the pool, which looks for jobs every second, has weighed all the others often. A late one is seen in this time.
    await sleep(6000);
    await look();
  }

  /** Whether all jobs run that are expected to. What else should not have run, the tests say, each for its pilot. */
  function runsWhatItMay(resource: string): boolean {
    const way = names.find((name) => byHand(name) === resource);
    const expected = (way === undefined ? kept : ways[way]?.without) ?? kept;
    return offered.every((job) => expected[job] !== 'runs' || fates.get(resource)?.[job] === 'runs');
  }

  // All at once, since most of it is waiting.
  beforeAll(async () => {
    sites = await poolSites(cluster, pool());
    await startPilots();
    await offerJobs();
  });
  afterAll(() => sites.remove());

  it.for(names)('by %s: what becomes of a pilot where nothing is done against it', async (name) => {
    const { without = null } = ways[name] ?? {};
    if (without !== null) {
      expect(fates.get(byHand(name))).toEqual(without);
      return;
    }
    const seen = ['-h', '-t', 'all', '-o', '%T', '-j', slurmIds.get(name) ?? ''];
    expect((await mustRun('squeue', seen, { env: slurmEnv(cluster) })).stdout.trim()).toBe('FAILED');
    expect(pilots.has(byHand(name))).toBe(false);
  });

  it.for(carried)('by %s: a pilot of glidein keeps to its limit', (name) => {
    const { start } = pilots.get(byGlidein('nothing at all')) ?? {};
    expect(pilots.get(byGlidein(name))).toMatchObject({ startExtra: whole, start });
    expect(fates.get(byGlidein(name))).toEqual(kept);
  });

  it('by START among the attributes: is refused by the profile, and nothing is submitted', async () => {
    const refused = await sites.here.glidein(['site', 'set', 'campus', 'pilot.attributes={"START":"True"}']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('pilot.attributes.START') });
    sites.add('written', { pilot: { attributes: { Start: 'True' } } });
    const pass = (await sites.topUp(['written'])).get('written');
    expect(pass).toMatchObject({ code: 2, state: 'invalid', submitted: 0 });
  });
});
