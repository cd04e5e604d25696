import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { loginClock } from '../support/login-clock.ts';
import { mustRun } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('a site that nobody looks after, on real Slurm', (cluster) => {
  let here: Campus;
  beforeEach(async () => {
    here = await campus(cluster, 3);
    await here.set(`pilot.runtime=${join(cluster.prefix, 'runtime-of-the-day')}`);
    pilots(lives);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(cluster.users.ada);
  });

  const broken = join(cluster.prefix, 'broken-$SLURMD_NODENAME');
  const lives = `trap 'exit 0' TERM; while [ ! -e ${broken} ]; do sleep 0.2; done; exit 255`;
  const dies = "echo 'FATAL:   image format not recognized' >&2; exit 255";
  /** What a container runtime does from now on. */
  const pilots = (run: string) => {
    const text = `#!/bin/sh\ncase $1 in\n--version) echo 'apptainer version 1.4.5 (stand-in)' ;;\nexec) ${run} ;;\nesac\n`;
    writeFileSync(join(cluster.prefix, 'runtime-of-the-day'), text, { mode: 0o755 });
  };
  const topUp = () => here.site(['top-up', 'campus']);
  const living = async () => (await livingJobs(cluster)).length;
  const areLeft = (count: number) => waitUntil(`${count} are left`, 30, async () => (await living()) === count);
  const allRun = (count: number) =>
    waitUntil(`${count} run`, 20, async () => {
      const jobs = await livingJobs(cluster);
      return jobs.filter(({ state }) => state === 'RUNNING').length === count;
    });

  it('stops when the image dies at once, says why, and goes on when a person says so', async () => {
    pilots(dies);
    expect(await topUp()).toMatchObject({ code: 0, submitted: 3 });
    await areLeft(0);
    const paused = await topUp();
    expect(paused, paused.stderr).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
    expect(paused.reason).toContain('3 pilots in a row died within 10 minutes of their start');
    for (let more = 0; more < 3; more += 1) expect(await topUp()).toMatchObject({ code: 4, submitted: 0 });
    const shown = await here.glidein(['status', 'campus']);
    expect(shown.code).toBe(4);
    expect(shown.stdout).toContain('| FATAL:   image format not recognized');
    expect(shown.stdout).toContain('glidein resume campus');
    pilots(lives);
    expect(await here.site(['resume', 'campus'])).toMatchObject({ code: 0, state: 'ok' });
    expect(await topUp()).toMatchObject({ code: 0, submitted: 3 });
    await allRun(3);
  });

  it('keeps pilots off a node that kills them, and goes on', async () => {
    const clock = loginClock(cluster);
    await here.set(withShims([clock]));
    await topUp();
    await allRun(3);
    const [first = ''] = await nodesOf();
    writeFileSync(join(cluster.prefix, `broken-${first}`), '');
    await areLeft(2);
    // Slurm takes the first free node, and that is the one that kills.
    expect(await topUp()).toMatchObject({ submitted: 1 });
    await areLeft(2);
    clock.ahead(1200);
    const avoiding = await topUp();
    expect(avoiding, avoiding.stderr).toMatchObject({ code: 0, state: 'ok', submitted: 1 });
    expect(avoiding.reason).toContain(`pilots die on ${first} and live elsewhere`);
    await allRun(3);
    expect(await nodesOf()).not.toContain(first);
    rmSync(join(cluster.prefix, `broken-${first}`));
    clock.remove();
  });

  it('submits nothing that could run past the end of the allocation, and cancels what would start too late', async () => {
    const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 16);
    await here.set('target=10', `limits.until=${inMinutes(120)}`);
    expect(await topUp()).toMatchObject({ code: 0, submitted: 10 });
    await allRun(8);
    await here.set(`limits.until=${inMinutes(20)}`);
    expect(await topUp()).toMatchObject({ code: 4, state: 'paused', submitted: 0, cancelled: 2 });
    await areLeft(8);
    const again = await topUp();
    expect(again).toMatchObject({ code: 4, state: 'paused', submitted: 0, cancelled: 0, running: 8 });
    expect(again.reason).toContain('limits.until');
  });

  it('uses no more node hours than it may', async () => {
    await here.set('limits.nodeHours=1');
    expect(await topUp()).toMatchObject({ code: 0, submitted: 2 });
    await allRun(2);
    expect(await topUp()).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
    expect(await here.site(['submit', 'campus'])).toMatchObject({ code: 4, submitted: 0 });
    // What was used is not given back.
    const [one] = await livingJobs(cluster);
    await here.site(['cancel', 'campus', one?.id ?? '']);
    await areLeft(1);
    expect(await topUp()).toMatchObject({ code: 4, submitted: 0 });
    await here.set('limits.nodeHours=2');
    expect(await topUp()).toMatchObject({ code: 0, submitted: 2, state: 'ok' });
    expect(await living()).toBe(3);
  });

  async function nodesOf(): Promise<string[]> {
    const { stdout } = await mustRun('squeue', ['-h', '-t', 'RUNNING', '-o', '%N'], { env: slurmEnv(cluster) });
    return stdout.trim().split('\n').sort();
  }
});
