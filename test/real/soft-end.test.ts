import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { endingOf, type PilotBed, pilotBed } from '../support/pilot-bed.ts';
import { mustRun } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const untilTerm = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
/** Like a pilot below a FUSE mount: a signal to all processes of the job ends what it stands on, and itself with 135. */
const onAMount = `(trap 'kill -BUS $$' TERM; while :; do sleep 0.1; done) & mount=$!
trap 'sleep 0.5; kill -KILL $mount; exit 0' TERM; while :; do sleep 0.1; done`;

describeOnCluster('the soft end of pilots on real Slurm', (cluster) => {
  let here: Campus;
  let bed: PilotBed;
  beforeEach(async () => {
    here = await campus(cluster, 1);
    bed = pilotBed(cluster);
    await here.set(...bed.settings);
    bed.acts(untilTerm);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    bed.remove();
    clearRemote(cluster.users.ada);
  });

  const remote = (...names: string[]) => join(here.remoteDir, ...names);
  const marks = () => readdirSync(remote('drain')).sort();
  const running = async () => (await livingJobs(cluster)).filter((job) => job.state === 'RUNNING').map((job) => job.id);
  const start = async (count: number) => {
    const { ids } = await here.site(['top-up', 'campus']);
    await waitUntil(`${count} run in their containers`, 30, () => bed.started().length === count);
    await waitUntil('Slurm knows', 10, async () => (await running()).length === count);
    return ids;
  };
  const reasons = async () => {
    const { stdout } = await here.glidein(['status', 'campus', '--json']);
    const { sites } = JSON.parse(stdout) as { sites: { pilots: { id: string; reason: string | null }[] }[] };
    return sites[0]?.pilots.filter(({ reason }) => reason?.startsWith('draining')).map(({ id }) => id) ?? [];
  };
  /** A template of the user's own in which minutes are seconds. */
  const hurry = () => {
    const text = readFileSync(fileURLToPath(new URL('../../templates/partials/pilot.sh.hbs', import.meta.url)), 'utf8');
    const fast = text.replaceAll('{{settleSeconds}}', '3').replaceAll('{{loopSeconds}}', '1');
    mkdirSync(join(here.configDir, 'templates/partials'), { recursive: true, mode: 0o700 });
    writeFileSync(join(here.configDir, 'templates/partials/pilot.sh.hbs'), fast, { mode: 0o600 });
  };

  /** The shell that runs the only pilot's script: it waits for what waits for the container. */
  const jobShell = () => {
    const container = Number(readFileSync(join(bed.scratches()[0] ?? '', 'process'), 'utf8'));
    const parentOf = (pid: number) => Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return parentOf(parentOf(container));
  };

  it('a smaller target drains those nearest their end, once, and replaces nothing while they are there', async () => {
    await here.set('target=5');
    const ids = await start(5);
    const soonest = [ids[3], ids[0], ids[4]].map((id) => id ?? '');
    for (const [position, id] of soonest.entries()) {
      await mustRun('scontrol', ['update', `JobId=${id}`, `TimeLimit=${20 + position}`], { env: slurmEnv(cluster) });
    }
    await here.set('target=2');
    const dry = await here.site(['top-up', 'campus', '--dry-run']);
    expect(dry).toMatchObject({ drained: 0, planned: { submit: 0, cancel: [], drain: soonest } });
    expect(marks()).toEqual([]);
    const shrunk = await here.site(['top-up', 'campus']);
    expect(shrunk).toMatchObject({ code: 0, state: 'ok', running: 5, cancelled: 0, drained: 3, ids: soonest });
    expect(shrunk.reason).toContain('3 above the target');
    expect(marks()).toEqual([...soonest].sort());
    const { mode, uid } = statSync(remote('drain', soonest[0] ?? ''));
    expect([mode & 0o777, uid]).toEqual([0o600, cluster.users.ada.uid]);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ cancelled: 0, drained: 0, submitted: 0, ids: [] });
    expect(await reasons()).toEqual([...soonest].sort());
    await here.set('target=5');
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 0, drained: 0, running: 5 });
    expect(marks()).toHaveLength(3);
    expect(await running()).toHaveLength(5);
  });

  it('drain lets an idle pilot end in order and give its node back, and cancels what waits', async () => {
    hurry();
    await here.set('target=9');
    const { ids } = await here.site(['top-up', 'campus']);
    await waitUntil('eight run', 30, () => bed.started().length === 8);
    const waiting = ids.filter((id) => !bed.started().some(({ attributes }) => attributes.includes(`"${id}"`)));
    expect(waiting).toHaveLength(1);
    expect(await here.glidein(['drain', 'campus'])).toMatchObject({ code: 2 });
    const [first = ''] = ids.filter((id) => !waiting.includes(id));
    const began = Date.now();
    expect(await here.site(['drain', 'campus', first])).toMatchObject({ cancelled: 0, drained: 1, ids: [first] });
    await waitUntil('it has ended', 20, () => endingOf(here, first) !== null);
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(endingOf(here, first)).toMatchObject({ code: '0', reason: 'drained' });
    await waitUntil('the one that waited has its node', 20, () => bed.started().length === 9);
    await here.set('target=0');
    const all = await here.site(['drain', 'campus', '--all']);
    expect(all, all.stderr).toMatchObject({ code: 0, cancelled: 0, drained: 8 });
    await waitUntil('none is left', 30, async () => (await livingJobs(cluster)).length === 0);
    for (const id of all.ids) expect(endingOf(here, id)).toMatchObject({ code: '0', reason: 'drained' });
  });

  it('drain --all cancels pilots that have not started, and says both', async () => {
    await here.set('target=10');
    const { ids } = await here.site(['top-up', 'campus']);
    await waitUntil('eight run', 30, async () => (await running()).length === 8);
    const runs = await running();
    const waiting = ids.filter((id) => !runs.includes(id));
    const all = await here.site(['drain', 'campus', '--all']);
    expect(all, all.stderr).toMatchObject({ code: 0, cancelled: 2, drained: 8, running: 8, pending: 0 });
    expect([...all.ids].sort()).toEqual([...ids].sort());
    expect(all.ids.slice(0, 2).sort()).toEqual(waiting.sort());
    await waitUntil('only these run', 10, async () => (await livingJobs(cluster)).length === 8);
    const again = await here.site(['drain', 'campus', '--all']);
    expect(again).toMatchObject({ code: 0, cancelled: 0, drained: 0, ids: [] });
    expect(again.reason).toContain('8 of these were asked to drain before');
  });

  it('cancel ends a running pilot in order: its mark, its exit code, its log', async () => {
    bed.acts(onAMount);
    const [id = ''] = await start(1);
    const gone = await here.site(['cancel', 'campus', id]);
    expect(gone, gone.stderr).toMatchObject({ code: 0, cancelled: 1, running: 0, ids: [id] });
    await waitUntil('it has ended', 20, () => endingOf(here, id) !== null);
    expect(endingOf(here, id)).toMatchObject({ code: '0', reason: 'signalled' });
    const log = remote('logs', `${id}.log`);
    await waitUntil(
      'its log is whole',
      10,
      () => existsSync(log) && readFileSync(log, 'utf8').includes('ended with 0'),
    );
    await waitUntil('Slurm knows', 10, async () => (await livingJobs(cluster)).length === 0);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 1, unknown: 0 });
  });

  it('cancel of one whose shell hangs is seen, counts, and is the hard way a minute later', async () => {
    const [id = ''] = await start(1);
    process.kill(jobShell(), 'SIGSTOP');
    expect(await here.site(['cancel', 'campus', id])).toMatchObject({ code: 0, cancelled: 1 });
    const look = await here.site(['status', 'campus']);
    expect(look).toMatchObject({ running: 1, unknown: 0 });
    expect(look.pilots?.[0]).toMatchObject({ id, state: 'running', reason: expect.stringContaining('told to end') });
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ submitted: 0, running: 1 });
    expect(await here.site(['cancel', 'campus', id])).toMatchObject({ code: 0, cancelled: 1 });
    expect(await running()).toEqual([id]);
    // A minute goes by.
    const journal = remote('journal');
    const ago = (text: string) =>
      text.replaceAll(/(told \S+ - )(\d+)/g, (_, words, at) => `${words}${Number(at) - 61}`);
    writeFileSync(journal, ago(readFileSync(journal, 'utf8')));
    chownSync(journal, cluster.users.ada.uid, cluster.users.ada.gid);
    expect(await here.site(['cancel', 'campus', id])).toMatchObject({ code: 0, cancelled: 1 });
    await waitUntil('it is gone', 20, async () => (await livingJobs(cluster)).length === 0);
  });
});
