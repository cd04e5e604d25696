import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { run } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('a site kept at its target, on real Slurm over real SSH', (cluster) => {
  let here: Campus;
  beforeEach(async () => {
    here = await campus(cluster, 5);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(cluster.users.ada);
  });
  const count = async () => (await livingJobs(cluster)).length;
  const allRun = (jobs: number) =>
    waitUntil(`${jobs} run`, 20, async () => {
      const living = await livingJobs(cluster);
      return living.length === jobs && living.every((job) => job.state === 'RUNNING');
    });

  it('goes from nothing to the target in one pass, and a second pass submits nothing', async () => {
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, state: 'ok', submitted: 5, reason: null });
    expect(await count()).toBe(5);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, state: 'ok', submitted: 0, cancelled: 0 });
    expect(await count()).toBe(5);
  });

  it('replaces exactly the one pilot that was cancelled by hand', async () => {
    const { ids } = await here.site(['top-up', 'campus']);
    await allRun(5);
    await run('scancel', [ids[2] ?? ''], { env: slurmEnv(cluster) });
    await waitUntil('it is gone', 20, async () => (await count()) === 4);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
    expect(await count()).toBe(5);
  });

  it('replaces exactly those that were cancelled by hand while they waited, one or a whole array', async () => {
    await here.set('target=8');
    await here.site(['top-up', 'campus']);
    await allRun(8);
    await here.set('target=11');
    const { ids } = await here.site(['top-up', 'campus']);
    // Slurm shows no trace of a waiting task that was cancelled, and one line for a whole waiting array.
    await run('scancel', [ids[1] ?? ''], { env: slurmEnv(cluster) });
    await waitUntil('one is gone', 20, async () => (await count()) === 10);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 1, unknown: 0 });
    expect(await count()).toBe(11);
    await run('scancel', [(ids[0] ?? '').replace(/_.*/, '')], { env: slurmEnv(cluster) });
    await waitUntil('the array is gone', 20, async () => (await count()) === 9);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 2, unknown: 0 });
    expect(await count()).toBe(11);
  });

  it('cancels pending pilots first, newest first, when the target shrinks', async () => {
    await here.set('target=8');
    const first = await here.site(['top-up', 'campus']);
    await allRun(8);
    await here.set('target=11');
    const second = await here.site(['top-up', 'campus']);
    expect(second).toMatchObject({ submitted: 3 });
    await here.set('target=9');
    const shrunk = await here.site(['top-up', 'campus']);
    expect(shrunk).toMatchObject({ code: 0, cancelled: 2, ids: [second.ids[2], second.ids[1]] });
    await waitUntil('two are gone', 20, async () => (await count()) === 9);
    await here.set('target=2');
    // Running ones are not ended: they take no new jobs, and it says so.
    const rest = await here.site(['top-up', 'campus']);
    expect(rest).toMatchObject({ code: 0, cancelled: 1, drained: 6 });
    expect(rest.ids[0]).toBe(second.ids[0]);
    expect(rest.reason).toContain('6 above the target take no new jobs');
    await waitUntil('the pending one is gone', 20, async () => (await count()) === 8);
    const left = (await livingJobs(cluster)).map((job) => job.id).sort();
    expect(left).toEqual([...first.ids].sort());
  });

  it('shows in status what squeue shows', async () => {
    await here.set('target=10');
    await here.site(['top-up', 'campus']);
    await waitUntil(
      'eight run',
      20,
      async () => (await livingJobs(cluster)).filter((job) => job.state === 'RUNNING').length === 8,
    );
    const status = await here.site(['status', 'campus']);
    expect(status).toMatchObject({ code: 0, state: 'ok', running: 8, pending: 2, unknown: 0, inDoubt: 0 });
    const ours = status.pilots?.map((pilot) => `${pilot.id} ${pilot.state.toUpperCase()}`).sort();
    expect(ours).toEqual((await livingJobs(cluster)).map((job) => `${job.id} ${job.state}`).sort());
    expect(status.pilots?.filter((pilot) => pilot.node !== null)).toHaveLength(8);
    const text = await here.glidein(['status', 'campus']);
    expect(text.stdout).toContain('10 of 10 pilots');
  });

  it('gives each pilot a whole node', async () => {
    await here.set('scheduler.queue=shared', 'target=3');
    await here.site(['top-up', 'campus']);
    await allRun(3);
    const nodes = await run('squeue', ['-h', '-o', '%N %C'], { env: slurmEnv(cluster) });
    expect(new Set(nodes.stdout.trim().split('\n')).size).toBe(3);
    expect(nodes.stdout).toMatch(/^(node\d 4\n){3}$/);
  });

  it('submits once whatever the target, and a pass leaves those alone', async () => {
    await here.set('target=1');
    await here.site(['top-up', 'campus']);
    // What still waits would be cancelled as the surplus; the one that runs is left.
    await allRun(1);
    expect(await here.site(['submit', 'campus', '-n', '2'])).toMatchObject({ code: 0, submitted: 2 });
    expect(await count()).toBe(3);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 0, cancelled: 0 });
    expect(await count()).toBe(3);
  });

  it('cancels what it is told to, and nothing by default', async () => {
    const { ids } = await here.site(['top-up', 'campus']);
    expect((await here.glidein(['cancel', 'campus'])).code).toBe(2);
    expect(await here.site(['cancel', 'campus', 'no-such'])).toMatchObject({ code: 2 });
    expect(await count()).toBe(5);
    expect(await here.site(['cancel', 'campus', ids[0] ?? ''])).toMatchObject({ stderr: '', code: 0, cancelled: 1 });
    await waitUntil('one is gone', 20, async () => (await count()) === 4);
    expect(await here.site(['cancel', 'campus', '--all'])).toMatchObject({ code: 0, cancelled: 4 });
    await waitUntil('all are gone', 20, async () => (await count()) === 0);
    expect(await here.site(['status', 'campus'])).toMatchObject({ running: 0, pending: 0, unknown: 0 });
  });

  it('says with --dry-run what it would do, and changes nothing', async () => {
    const planned = await here.site(['top-up', 'campus', '--dry-run']);
    expect(planned).toMatchObject({ code: 0, submitted: 0, planned: { submit: 5, cancel: [] } });
    expect(await count()).toBe(0);
    await here.site(['top-up', 'campus']);
    await here.set('target=0');
    const { planned: cancelling } = (await here.site(['top-up', 'campus', '--dry-run'])) as unknown as {
      planned: { cancel: string[] };
    };
    expect(cancelling.cancel.length).toBeGreaterThanOrEqual(0);
    expect(await count()).toBe(5);
  });

  it('works without arrays, one submission a pilot', async () => {
    await here.set('scheduler.arrays=false', 'target=3');
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 3 });
    expect((await livingJobs(cluster)).every((job) => !job.id.includes('_'))).toBe(true);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 0, unknown: 0 });
    expect(await count()).toBe(3);
  });

  it('is told by the scheduler why a job is refused, and exits 1', async () => {
    await here.set('scheduler.constraint=nosuchfeature');
    const refused = await here.site(['top-up', 'campus']);
    expect(refused).toMatchObject({ code: 1, state: 'short', submitted: 0 });
    expect(refused.stderr).toContain('Invalid feature specification');
    expect(await count()).toBe(0);
    // A refusal is an outcome: nothing stays in doubt.
    expect(await here.site(['status', 'campus'])).toMatchObject({ code: 0, inDoubt: 0 });
  });
});
