import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { endingOf, pilotBed } from '../support/pilot-bed.ts';
import { mustRun, run } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs, slurmEnv, slurmJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('what a cluster is asked beside its queue, on real Slurm over real SSH', (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let shims: Shim[];
  beforeEach(async () => {
    shims = [];
    here = await campus(cluster, 1);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    for (const one of [here, ...shims]) one.remove();
    clearRemote(ada);
  });
  const asRoot = async (file: string, ...args: string[]) =>
    (await mustRun(file, args, { env: slurmEnv(cluster) })).stdout.trimEnd();
  const inFront = (name: string, script: string) => {
    const made = shim(cluster, name, script);
    shims.push(made);
    return made;
  };
  /** A program that notes how it is called, and does what it always does. */
  const counted = (name: string) => inFront(name, 'echo "$*" >> $STATE/calls; exec $REAL "$@"');
  const callsOf = ({ state }: Shim, words = '') => {
    const file = join(state, 'calls');
    const calls = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    return calls.filter((call) => call.includes(words)).length;
  };
  const topUp = () => here.site(['top-up', 'campus']);
  const remembered = () => join(here.configDir, 'queues/campus.json');
  const remember = (change: (kept: { at: number; output: { stdout: string } }) => void) => {
    const kept = JSON.parse(readFileSync(remembered(), 'utf8')) as { at: number; output: { stdout: string } };
    change(kept);
    writeFileSync(remembered(), JSON.stringify(kept));
  };

  /** The partitions as Slurm's own commands name them to root. */
  async function partitionsThere() {
    const value = (line: string, key: string) => new RegExp(`(?:^| )${key}=(\\S+)`).exec(line)?.[1] ?? '';
    const lines = (await asRoot('scontrol', '--oneliner', 'show', 'partition')).split('\n');
    return Promise.all(
      lines.map(async (line) => {
        const name = value(line, 'PartitionName');
        const [cores, megabytes] = (await asRoot('sinfo', '-h', '-o', '%c %m', '-p', name)).split(' ').map(Number);
        const nodes = Number(value(line, 'TotalNodes'));
        const state = value(line, 'State');
        return {
          name,
          nodes,
          cores,
          megabytes,
          isDefault: value(line, 'Default') === 'YES',
          time: value(line, 'MaxTime'),
          state,
        };
      }),
    );
  }

  it('is named by discover as scontrol and sinfo name it, in JSON and as a table', async () => {
    await asRoot('scontrol', 'update', 'PartitionName=shared', 'State=DOWN', 'MaxTime=12:00:00');
    try {
      const there = await partitionsThere();
      expect(there.map(({ name }) => name).sort()).toEqual(['shared', 'whole']);
      const setting = async (name: string) =>
        Number(new RegExp(`^${name}\\s*= (\\d+)`, 'm').exec(await asRoot('scontrol', 'show', 'config'))?.[1]);
      const seconds: Record<string, number> = { '2-00:00:00': 172_800, '12:00:00': 43_200 };
      const json = await here.glidein(['discover', 'campus', '--json']);
      expect(json).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(json.stdout)).toEqual({
        site: 'campus',
        queues: there.map(({ name, nodes, cores, megabytes, isDefault, time, state }) => ({
          name,
          isDefault,
          isOpen: state === 'UP',
          nodes,
          coresPerNode: cores,
          memoryMBPerNode: megabytes,
          gpusPerNode: 0,
          gpuType: null,
          maxWalltimeSeconds: seconds[time],
          maxNodesPerJob: null,
          maxSubmitJobs: null,
          maxArraySize: null,
        })),
        limits: {
          maxArraySize: await setting('MaxArraySize'),
          maxSubmitJobs: null,
          maxJobsOfCluster: await setting('MaxJobCount'),
          accounts: null,
        },
        reason: null,
        mistakes: [],
      });
      const table = await here.glidein(['discover', 'campus']);
      const rows = table.stdout.split('\n').map((line) => line.split(/ {2,}/));
      expect(rows).toEqual(
        expect.arrayContaining([
          ['QUEUE', 'NODES', 'CORES', 'MEMORY', 'GPUS', 'WALLTIME', 'STATE'],
          ['whole*', `${cluster.nodes.length}`, `${cluster.nodeCores}`, '3.9 GB', '-', '2-00:00:00', 'open'],
          ['shared', `${cluster.nodes.length}`, `${cluster.nodeCores}`, '3.9 GB', '-', '0-12:00:00', 'closed'],
          ['the profile campus fits'],
        ]),
      );
      expect(table.stdout).toContain('arrays of at most 1001');
      // A queue that is closed for now takes jobs all the same; whoever asks is told.
      await here.set('scheduler.queue=shared');
      rmSync(remembered());
      const pass = await topUp();
      expect(pass, pass.stderr).toMatchObject({ code: 0, submitted: 1 });
      expect(pass.stderr).toContain('scheduler.queue is shared, which is closed now; open are whole');
      await here.set('scheduler.walltime=13:00:00');
      const unfit = await here.glidein(['discover', 'campus']);
      expect(unfit.code).toBe(0);
      expect(unfit.stdout).toContain('scheduler.walltime is 0-13:00:00, but shared allows at most 0-12:00:00');
    } finally {
      await asRoot('scontrol', 'update', 'PartitionName=shared', 'State=UP', 'MaxTime=2-00:00:00');
    }
  });

  it.each([
    [
      'a wall clock above its limit',
      'scheduler.walltime=3-00:00:00',
      'the default queue',
      'whole allows at most 2-00:00:00',
    ],
    ['a queue it does not have', 'scheduler.queue=shred', 'the queue shred', 'it has shared, whole'],
    ['more cores than its nodes have', 'scheduler.cores=5', 'the default queue', 'no node of whole has more than 4'],
  ])('refuses %s before anything is submitted', async (_what, assignment, queue, limit) => {
    const sbatch = counted('sbatch');
    await here.set(assignment, withShims([sbatch]));
    const jobs = (await slurmJobs(cluster)).map(({ id }) => id);
    for (const command of [
      ['top-up', 'campus'],
      ['submit', 'campus', '-n', '2'],
      ['top-up', 'campus', '--dry-run'],
    ]) {
      const refused = await here.site(command);
      expect(refused, command.join(' ')).toMatchObject({
        code: 2,
        state: 'invalid',
        submitted: 0,
        pending: 0,
        inDoubt: 0,
      });
      expect(refused.reason).toContain(`${queue} cannot run this job; nothing was submitted`);
      expect(refused.reason).toContain(limit);
      expect(refused.stderr).toContain(limit);
      expect(refused.stderr).toContain('next: glidein discover campus');
    }
    expect(callsOf(sbatch)).toBe(0);
    expect((await slurmJobs(cluster)).map(({ id }) => id)).toEqual(jobs);
    expect(readdirSync(join(here.remoteDir, 'intents'))).toEqual([]);
  });

  it('is remembered for a day, and what is remembered wrongly or not at all refuses nothing', async () => {
    const scontrol = counted('scontrol');
    await here.set('scheduler.queue=whole', withShims([scontrol]));
    const asked = () => callsOf(scontrol, 'show partition');
    const submitOne = async () => {
      const pass = await here.site(['submit', 'campus']);
      expect(pass, pass.stderr).toMatchObject({ code: 0, submitted: 1 });
    };
    await submitOne();
    expect(asked()).toBe(1);
    expect(statSync(remembered()).mode & 0o777).toBe(0o600);
    const right = readFileSync(remembered(), 'utf8');
    const output = () => (JSON.parse(readFileSync(remembered(), 'utf8')) as { output: object }).output;
    await submitOne();
    // A pass that has nothing to do has no use for it.
    expect(await topUp()).toMatchObject({ code: 0, submitted: 0 });
    expect(asked()).toBe(1);

    remember((kept) => {
      kept.at -= 25 * 3600;
    });
    await submitOne();
    expect(asked()).toBe(2);

    remember((kept) => {
      kept.output.stdout = kept.output.stdout.replaceAll('=whole ', '=gone ');
    });
    await submitOne();
    expect(asked()).toBe(3);
    expect(output()).toEqual((JSON.parse(right) as { output: object }).output);

    writeFileSync(remembered(), right.slice(0, right.length / 2));
    await submitOne();
    expect(asked()).toBe(4);
    expect(output()).toEqual((JSON.parse(right) as { output: object }).output);
    expect(await livingJobs(cluster)).toHaveLength(5);
  });

  it.each([
    ['scontrol', 'fails', 'echo "slurm_load_partitions: Unable to contact slurm controller" >&2; exit 1'],
    ['scontrol', 'hangs', 'exec sleep 60'],
    ['sinfo', 'hangs', 'exec sleep 60'],
  ])('keeps no pass from submitting, and refuses nothing, when %s %s', async (program, how, script) => {
    const broken = inFront(program, `echo "$*" >> $STATE/calls\n${script}`);
    await here.set('scheduler.walltime=3-00:00:00', 'connection.timeouts.list=2', withShims([broken]));
    const pass = await here.glidein(['top-up', 'campus']);
    expect(pass.stdout, pass.stderr).toContain('submitted 1');
    expect(pass.code).toBe(0);
    expect(pass.seconds).toBeLessThan(10);
    expect(await livingJobs(cluster)).toHaveLength(1);
    const calls = callsOf(broken);
    expect(calls).toBeGreaterThan(0);
    const discovered = await here.glidein(['discover', 'campus', '--json']);
    expect(callsOf(broken)).toBeGreaterThan(calls);
    expect(discovered.code).toBe(3);
    expect(JSON.parse(discovered.stdout)).toEqual({
      site: 'campus',
      queues: [],
      limits: null,
      reason: expect.stringContaining(how === 'hangs' ? 'no answer within the time limit' : 'Unable to contact'),
      mistakes: [],
    });
  });

  it('goes without what sinfo alone knows when that fails, and with all the rest', async () => {
    const sinfo = inFront('sinfo', 'echo "slurm_load_node: Socket timed out on send/recv operation" >&2; exit 1');
    await here.set('scheduler.walltime=3-00:00:00', 'scheduler.cores=5', withShims([sinfo]));
    const refused = await topUp();
    expect(refused).toMatchObject({ code: 2, state: 'invalid', submitted: 0 });
    expect(refused.reason).toContain('scheduler.walltime is 3-00:00:00, but whole allows at most 2-00:00:00');
    expect(refused.reason).not.toContain('scheduler.cores');
    await here.set('scheduler.walltime=01:00:00', 'scheduler.cores=null');
    expect(await topUp()).toMatchObject({ code: 0, submitted: 1 });
  });

  it('splits what one array may not hold, and counts every part', async () => {
    const scontrol = inFront('scontrol', '$REAL "$@" | sed "s/^\\(MaxArraySize *=\\).*/\\1 4/"');
    const sbatch = counted('sbatch');
    await here.set('target=10', withShims([scontrol, sbatch]));
    const pass = await topUp();
    expect(pass, pass.stderr).toMatchObject({ code: 0, state: 'ok', submitted: 10 });
    expect(callsOf(sbatch)).toBe(3);
    const jobs = await livingJobs(cluster);
    expect(jobs.map(({ id }) => id).sort()).toEqual([...pass.ids].sort());
    /** How many jobs have each of the words. */
    const sizes = (word: (job: { id: string; comment: string }) => string) => {
      const words = jobs.map(word);
      return [...new Set(words)].map((one) => words.filter((other) => other === one).length);
    };
    expect(sizes(({ id }) => id.replace(/_.*/, '')).sort()).toEqual([2, 4, 4]);
    expect(sizes(({ comment }) => comment).sort()).toEqual([2, 4, 4]);
    expect(await topUp()).toMatchObject({ code: 0, submitted: 0, cancelled: 0, unknown: 0, inDoubt: 0 });
    expect(await livingJobs(cluster)).toHaveLength(10);
  });

  describe('how a pilot went', () => {
    interface EndedJson {
      id: string;
      node: string | null;
      exitCode: number | null;
      reason: string;
      startedAt: string | null;
      endedAt: string | null;
    }
    const withBed = async (work: (bed: ReturnType<typeof pilotBed>) => Promise<void>) => {
      const bed = pilotBed(cluster);
      try {
        await here.set(...bed.settings);
        await work(bed);
      } finally {
        await cancelAllJobs(cluster);
        bed.remove();
      }
    };
    /** Starts one pilot that does this, and waits until it is in its container. */
    const start = async (bed: ReturnType<typeof pilotBed>, acts: string) => {
      const known = bed.started().length;
      bed.acts(acts);
      const { ids, stderr } = await here.site(['submit', 'campus']);
      expect(ids, stderr).toHaveLength(1);
      await waitUntil('it runs in its container', 20, () => bed.started().length === known + 1);
      return ids[0] ?? '';
    };
    /** By its own mark and for Slurm, and in an earlier second than whatever ends after it. */
    const hasEnded = (id: string) =>
      waitUntil(`${id} has ended`, 30, async () => {
        const endedAt = endingOf(here, id)?.endedAt ?? Number.POSITIVE_INFINITY;
        const state = (await slurmJobs(cluster)).find((job) => job.id === id)?.state ?? '';
        return Date.now() / 1000 > endedAt + 1 && /^(?:FAILED|CANCELLED)$/.test(state);
      });
    const untilTerm = 'trap "echo last words; exit 3" TERM; echo so far; while :; do sleep 0.1; done';

    it('is told by status from the marks they left, without an accounting', () =>
      withBed(async (bed) => {
        expect((await run('sacct', [], { env: slurmEnv(cluster) })).stderr).toContain('disabled');
        const failed = await start(bed, 'exit 37');
        await hasEnded(failed);
        const cancelled = await start(bed, untilTerm);
        const running = await start(bed, untilTerm);
        expect(await here.glidein(['cancel', 'campus', cancelled])).toMatchObject({ code: 0 });
        await hasEnded(cancelled);
        const status = await here.site(['status', 'campus']);
        const ended = (status as unknown as { ended: EndedJson[] }).ended;
        const told = (id: string, reason: string, exitCode: number) => {
          const mark = endingOf(here, id);
          const iso = (seconds = 0) => new Date(seconds * 1000).toISOString();
          return {
            id,
            node: mark?.node,
            exitCode,
            reason,
            startedAt: iso(mark?.startedAt),
            endedAt: iso(mark?.endedAt),
          };
        };
        expect(ended).toEqual([told(cancelled, 'signalled', 3), told(failed, 'exited', 37)]);
        expect(status).toMatchObject({ code: 0, running: 1, pilots: [{ id: running, state: 'running' }] });
        const { stdout } = await here.glidein(['status', 'campus']);
        expect(stdout).toMatch(new RegExp(`${failed}.*the pilot failed \\(exit 37\\)`));
        expect(stdout).toMatch(new RegExp(`${cancelled}.*ended by the batch system \\(exit 3\\)`));
      }));

    it('is read by logs while it runs, as it goes on, and when it has ended', () =>
      withBed(async (bed) => {
        const id = await start(bed, untilTerm);
        const running = await here.glidein(['logs', 'campus', id]);
        expect(running.code).toBe(0);
        expect(running.stdout).toContain(`glidein: pilot ${id}`);
        expect(running.stderr).toContain(`${id}`);
        expect(running.stderr).toContain('has not said that it ended');

        const follows = join(here.remoteDir, 'follow', id);
        const following = here.glidein(['logs', 'campus', id, '--follow']);
        await waitUntil('the pilot is asked for its log', 20, () => existsSync(follows));
        // It looks round every 30 s, and when it gets this.
        await asRoot('scancel', '--batch', '--signal=USR1', id);
        const log = join(here.remoteDir, 'logs', `${id}.log`);
        await waitUntil('it copied its log', 20, () => existsSync(log) && readFileSync(log, 'utf8').includes('so far'));
        await asRoot('scancel', id);
        const { code, stdout, stderr, seconds } = await following;
        expect(code, stderr).toBe(0);
        expect(seconds).toBeLessThan(40);
        for (const words of ['so far\n', 'last words\n']) expect(stdout.split(words), words).toHaveLength(2);
        expect(stderr).toMatch(new RegExp(`${id} ended \\S+ on \\S+: ended by the batch system \\(exit 3\\)`));
        expect(existsSync(follows)).toBe(false);

        // The newest is this one.
        const over = await here.glidein(['logs', 'campus']);
        expect(over.code).toBe(0);
        expect(over.stdout).toContain('last words\n');
        expect(over.stderr).toContain('ended by the batch system (exit 3)');
      }));
  });
});
