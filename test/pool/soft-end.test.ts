import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CondorJob } from '../support/condor-pool.ts';
import { hurry } from '../support/hurried-template.ts';
import { describeOnPool } from '../support/pool.ts';
import { type PoolSites, poolSites } from '../support/pool-sites.ts';
import { livingJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The job's clock runs so much faster: 30 minutes are one. */
const factor = 30;
/** After so much of it a pilot of 30 minutes is ended, whatever it runs: 2 minutes before its wall clock ends. */
const promisedSeconds = (1800 - 120) / factor;
/** What no clock turns faster, of these 2 minutes: the pilot's own end, KILL after 20 s if need be. */
const ownEndSeconds = 30;
/** README.md: an idle pilot gives its node back about 6 minutes after the command. */
const drainedSeconds = 360 / factor;
const endSeconds = 8;

const names = ['idle-drained', 'busy-drained', 'idle-to-the-end', 'busy-to-the-end'] as const;
type Name = (typeof names)[number];

describeOnPool('the soft end of a pilot in a real pool', (cluster, pool) => {
  let sites: PoolSites;
  const ids = new Map<Name, string>();
  const jobs = new Map<Name, string>();

  const submit = (name: Name, seconds: number) =>
    pool().submit('ada', seconds, [`requirements = TARGET.GLIDEIN_ResourceName == "${name}"`]);
  const jobOf = async (id: string): Promise<CondorJob | undefined> =>
    (await pool().jobs()).find((job) => job.id === id);
  const inPool = async (name: Name) => (await pool().pilots()).find(({ resource }) => resource === name);
  const drain = async (name: Name) => {
    const id = ids.get(name) ?? '';
    const { code, stdout, stderr } = await sites.here.glidein(['drain', name, id, '--json']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ sites: [{ drained: 1, cancelled: 0, ids: [id] }] });
  };
  /** Waits until it takes no jobs; answers the id of one that is queued then. */
  async function closed(name: Name, seconds: number): Promise<string> {
    await waitUntil(`${name} takes no jobs`, seconds, async () => (await inPool(name))?.takesJobs === false, 250);
    return submit(name, 1);
  }
  /** Waits until the pilot has left the pool and then its node. Answers when each was, in ms since the epoch. */
  async function left(name: Name, seconds: number): Promise<{ poolAt: number; nodeAt: number }> {
    await waitUntil(`${name} has left the pool`, seconds, async () => (await inPool(name)) === undefined, 250);
    const poolAt = Date.now();
    const living = async () => (await livingJobs(cluster)).some(({ id }) => id === ids.get(name));
    await waitUntil(`${name} has left its node`, 10, async () => !(await living()), 250);
    return { poolAt, nodeAt: Date.now() };
  }
  const ending = (name: Name) => sites.ending(name, ids.get(name) ?? '');

  // All at once, since most of it is waiting: the two whose wall clock ends have their time from here.
  beforeAll(async () => {
    sites = await poolSites(cluster, pool());
    hurry(sites.here, factor);
    for (const name of names) sites.add(name);
    for (const [name, { ids: submitted, stderr }] of await sites.topUp(names)) {
      expect(submitted, stderr).toHaveLength(1);
      ids.set(name as Name, submitted[0] ?? '');
    }
    await sites.inPool(names);
    jobs.set('busy-drained', await submit('busy-drained', drainedSeconds + 4));
    jobs.set('busy-to-the-end', await submit('busy-to-the-end', 600));
    for (const job of jobs.values()) {
      await waitUntil('the jobs run', 30, async () => (await jobOf(job))?.starts === 1, 250);
    }
  });
  afterAll(() => sites.remove());

  it('drain lets the job that runs finish and starts no other, then the pilot leaves the pool and its node', async () => {
    const running = jobs.get('busy-drained') ?? '';
    await drain('busy-drained');
    const next = await closed('busy-drained', 10);
    await waitUntil('the job has run to its end', 40, async () => (await jobOf(running))?.state === 'done', 250);
    expect(await jobOf(running)).toMatchObject({ starts: 1 });
    await left('busy-drained', 10);
    expect(await jobOf(next)).toMatchObject({ starts: 0 });
    expect(ending('busy-drained')).toMatchObject({ code: '0', reason: 'drained' });
  });

  it('drain makes an idle pilot give its node back within the time that the manual says', async () => {
    const before = Date.now();
    await drain('idle-drained');
    const next = await closed('idle-drained', 10);
    const { nodeAt } = await left('idle-drained', 60);
    expect((nodeAt - before) / 1000).toBeLessThan(drainedSeconds + endSeconds);
    expect(await jobOf(next)).toMatchObject({ starts: 0 });
    expect(ending('idle-drained')).toMatchObject({ code: '0', reason: 'drained' });
  });

  it('a pilot of 30 minutes takes no more jobs near its end, and has left the pool before its wall clock ends', async () => {
    const next = await closed('idle-to-the-end', promisedSeconds);
    const [idle, busy] = await Promise.all([
      left('idle-to-the-end', promisedSeconds),
      left('busy-to-the-end', promisedSeconds),
    ]);
    expect(await jobOf(next)).toMatchObject({ starts: 0 });
    for (const [name, { poolAt }] of [
      ['idle-to-the-end', idle],
      ['busy-to-the-end', busy],
    ] as const) {
      const end = ending(name);
      expect(end, name).toMatchObject({ code: '0', reason: 'walltime' });
      const latest = (end?.startedAt ?? 0) + promisedSeconds + ownEndSeconds;
      expect(poolAt / 1000, name).toBeLessThan(latest);
      expect(end?.endedAt, name).toBeLessThan(latest);
    }
    // Taken from it at the end of the promised time.
    expect(await jobOf(jobs.get('busy-to-the-end') ?? '')).toMatchObject({
      starts: 1,
      state: expect.not.stringMatching('done'),
    });
  });
});
