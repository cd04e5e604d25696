import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { endingOf, type PilotBed, pilotBed } from '../support/pilot-bed.ts';
import { processesWith } from '../support/processes-with.ts';
import { mustRun, run } from '../support/run-program.ts';
import { waitForNodes } from '../support/slurm-daemons.ts';
import { cancelAllJobs, livingJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const untilTerm = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

describeOnCluster('jobs of several nodes on real Slurm', (cluster) => {
  let here: Campus;
  let bed: PilotBed;
  beforeEach(async () => {
    here = await campus(cluster, 4);
    bed = pilotBed(cluster);
    await here.set(...bed.settings, 'scheduler.nodesPerJob=2');
    bed.acts(untilTerm);
    place = dirname(bed.settings[0]?.split('=')[1] ?? '');
    hurry();
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    bed.remove();
    clearRemote(cluster.users.ada);
  });

  /** A template of the user's own in which minutes are seconds. */
  const hurry = () => {
    const text = readFileSync(fileURLToPath(new URL('../../templates/partials/pilot.sh.hbs', import.meta.url)), 'utf8');
    const fast = text.replaceAll('{{settleSeconds}}', '2').replaceAll('{{loopSeconds}}', '1');
    mkdirSync(join(here.configDir, 'templates/partials'), { recursive: true, mode: 0o700 });
    writeFileSync(join(here.configDir, 'templates/partials/pilot.sh.hbs'), fast, { mode: 0o600 });
  };
  let place = '';
  /** What pilots started, by their environment, and what starts pilots: srun and the shells on the nodes. */
  const processes = () => [...processesWith(place), ...processesWith('/.glidein/campus/nodes/campus-')];
  const remote = (...names: string[]) => join(here.remoteDir, ...names);
  const text = (...names: string[]) => (existsSync(remote(...names)) ? readFileSync(remote(...names), 'utf8') : '');
  const startAll = async () => {
    const pass = await here.site(['top-up', 'campus']);
    expect(pass, pass.stderr).toMatchObject({ code: 0, submitted: 4 });
    expect(pass.ids).toHaveLength(2);
    await waitUntil('four run in their containers', 30, () => bed.started().length === 4);
    await waitUntil('Slurm knows', 10, async () =>
      (await livingJobs(cluster)).every(({ state }) => state === 'RUNNING'),
    );
    return pass.ids;
  };
  const pilotsOf = (id: string) => [`${id}_n0`, `${id}_n1`];
  const ended = async (id: string) => {
    await waitUntil(`${id} has ended`, 30, () => [id, ...pilotsOf(id)].every((one) => endingOf(here, one) !== null));
    await waitUntil('Slurm knows', 20, async () => !(await livingJobs(cluster)).some((job) => job.id === id));
  };
  const reasons = (id: string) => [id, ...pilotsOf(id)].map((one) => endingOf(here, one)?.reason);
  const codes = (id: string) => [id, ...pilotsOf(id)].map((one) => endingOf(here, one)?.code);
  const nothingLeft = async (scratches: number) => {
    await waitUntil('scratch is gone', 15, () => bed.scratches().length === scratches);
    if (scratches > 0) {
      expect(processes()).not.toEqual([]);
      return;
    }
    await waitUntil('no process is left', 15, () => processes().length === 0);
    expect(readdirSync(remote('nodes'))).toEqual([]);
  };
  interface Status {
    running: number;
    pilots: { id: string; nodes: number; state: string }[];
    ended: { id: string; reason: string; exitCode: number; node: string }[];
  }
  const status = async (): Promise<Status> => {
    const { stdout } = await here.glidein(['status', 'campus', '--json']);
    const [site] = (JSON.parse(stdout) as { sites: Status[] }).sites;
    if (site === undefined) throw new Error(stdout);
    return site;
  };

  it('are one pilot a node, counted so, each with its own name, scratch and log, and end in every order', async () => {
    const [first = '', second = ''] = await startAll();
    const names = [first, second].flatMap(pilotsOf);
    const advertised = bed.started().map(({ attributes }) => /^PilotBatchId = "(.*)"$/m.exec(attributes)?.[1]);
    expect(advertised.sort()).toEqual(names.sort());
    expect(bed.scratches()).toHaveLength(4);
    for (const { environment } of bed.started()) expect(environment).toContain(`NUM_CPUS=${cluster.nodeCores}`);
    const look = await status();
    expect(look).toMatchObject({ running: 4, pilots: [{ nodes: 2 }, { nodes: 2 }] });
    expect(look.pilots.map(({ id }) => id).sort()).toEqual([first, second].sort());
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 0, running: 4, unknown: 0 });
    // The shell alone hears of it, and tells the others.
    expect(await here.site(['cancel', 'campus', first])).toMatchObject({
      code: 0,
      cancelled: 2,
      running: 2,
      ids: [first],
    });
    await ended(first);
    expect(reasons(first)).toEqual(['signalled', 'signalled', 'signalled']);
    expect(codes(first)).toEqual(['0', '0', '0']);
    await nothingLeft(2);
    expect(await here.site(['drain', 'campus', second])).toMatchObject({ drained: 2, running: 2, ids: [second] });
    await ended(second);
    expect(reasons(second)).toEqual(['exited', 'drained', 'drained']);
    await nothingLeft(0);
    for (const name of names) expect(text('logs', `${name}.log`)).toContain(`glidein: pilot ${name} of campus on node`);
    const log = await here.glidein(['logs', 'campus', `${first}_n1`, '--json']);
    expect(log.stdout).toContain('the pilot ended with 0 (signalled)');
    const { ended: told } = await status();
    expect(told.map(({ id }) => id).sort()).toEqual(names);
    expect(new Set(told.filter(({ id }) => id.startsWith(first)).map(({ node }) => node)).size).toBe(2);
  });

  it('lose no pilot because another fails, and count as long as they are there', async () => {
    bed.acts(`if [ "$SLURM_PROCID" = 1 ]; then exit 37; fi; ${untilTerm}`);
    const [first = '', second = ''] = await startAll();
    for (const id of [first, second]) await waitUntil('one fails', 20, () => endingOf(here, `${id}_n1`) !== null);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 0, running: 4 });
    expect(endingOf(here, `${first}_n0`)).toBeNull();
    // Slurm's own way, to every process of the job on every node.
    await run('scancel', [first], { env: slurmEnv(cluster) });
    await mustRun('scancel', ['--batch', '--signal=TERM', second], { env: slurmEnv(cluster) });
    for (const id of [first, second]) await ended(id);
    expect(codes(first)).toEqual(['37', '0', '37']);
    expect(reasons(second)).toEqual(['signalled', 'signalled', 'exited']);
    await nothingLeft(0);
    const job = await mustRun('scontrol', ['show', 'job', second], { env: slurmEnv(cluster) });
    expect(job.stdout).toContain('ExitCode=37:0');
    const { ended: told } = await status();
    expect(told.filter(({ exitCode }) => exitCode === 37)).toHaveLength(2);
  });

  it('are as many pilots fewer when one of their nodes fails, and the others go on', async () => {
    const [first = ''] = await startAll();
    const { stdout } = await mustRun('squeue', ['-h', '-j', first, '-o', '%N'], { env: slurmEnv(cluster) });
    const [, last = ''] = /^node\[\d[-,](\d)\]$/.exec(stdout.trim()) ?? [];
    await mustRun('scontrol', ['update', `NodeName=node${last}`, 'State=DOWN', 'Reason=test'], {
      env: slurmEnv(cluster),
    });
    await waitUntil('it is gone', 20, async () => (await status()).running === 3);
    await run('scontrol', ['update', `NodeName=node${last}`, 'State=RESUME'], { env: slurmEnv(cluster) }); // Or it came back by itself.
    await waitForNodes(cluster);
    const pass = await here.site(['top-up', 'campus']);
    expect(pass).toMatchObject({ submitted: 0, running: 3, reason: expect.stringContaining('scheduler.nodesPerJob') });
    expect(endingOf(here, `${first}_n0`)).toBeNull();
    await here.site(['cancel', 'campus', '--all']);
    await waitUntil('none is left', 20, async () => (await livingJobs(cluster)).length === 0);
    expect(reasons(first)[1]).toBe('signalled');
    // 22.05.8 starts nothing more on a node that a job lost and that came back, until it reads its configuration again (run).
    await mustRun('scontrol', ['reconfigure'], { env: slurmEnv(cluster) });
    await waitForNodes(cluster);
  });

  it('have the cores and the memory on each node that were asked for', async () => {
    await here.set('scheduler.queue=shared', 'scheduler.cores=2', 'scheduler.memoryMB=1500');
    await startAll();
    for (const { environment } of bed.started())
      expect(environment).toEqual(expect.arrayContaining(['NUM_CPUS=2', 'MEMORY=1400']));
  });

  it('count for all their nodes while they wait, too, and shrink by whole jobs', async () => {
    await here.set('target=10');
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 10 });
    await waitUntil('eight run', 30, () => bed.started().length === 8);
    expect(await here.site(['status', 'campus'])).toMatchObject({ running: 8, pending: 2 });
    await here.set('target=6');
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ cancelled: 2, drained: 2, running: 8, pending: 0 });
    expect(readdirSync(remote('drain'))).toHaveLength(1);
  });

  it('are submitted by hand in whole jobs', async () => {
    const refused = await here.glidein(['submit', 'campus', '-n', '3']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('2 or 4 would');
    expect(await here.site(['submit', 'campus'])).toMatchObject({ code: 0, submitted: 2 });
    await waitUntil('two run', 30, () => bed.started().length === 2);
  });
});
