import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultSet } from '../../src/demo/faults.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import type { ListedJob, Output } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { run } from '../support/run-program.ts';
import { aliveIn, standIn, startJob, until } from '../support/stand-in.ts';

/** The dialect and the stand-in, through a real shell and real programs. */

let cluster: StandIn;
beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
});
afterEach(() => cluster[Symbol.asyncDispose]());

const script = '#!/bin/bash -p\n#SBATCH --job-name=g-campus\n#SBATCH --time=0-12:00:00\nexit 0\n';
const query = { site: 'campus', jobName: 'g-campus', secondLook: false };

async function shell(command: string, input = ''): Promise<Output> {
  const env = { ...cluster.environment, l: cluster.home };
  const { code, stdout, stderr } = await run('/bin/sh', ['-c', command], { env, input });
  return { code, stdout, stderr };
}
const submit = async (count: number, tag = 'campus-aaaaaaaaaa') =>
  slurm.parseSubmit(
    await shell(
      slurm.submitCommand(wholeNodeJob, { tag, count, array: true, logDirWord: '"$l"', scriptWord: 'x.sh' }),
      script,
    ),
  );
async function list(secondLook = false): Promise<readonly ListedJob[]> {
  const listing = slurm.parseList(await shell(slurm.listCommand({ ...query, secondLook })), query);
  if (listing.kind !== 'complete') throw new Error(listing.reason);
  return listing.jobs;
}
const words = (jobs: readonly ListedJob[]) => jobs.map(({ id, state, tag }) => `${id} ${state} ${tag}`);

describe('what the dialect does with the stand-in', () => {
  it('submits, lists in both forms, asks, cancels what waits, and sees states', async () => {
    expect(await submit(4)).toEqual({ kind: 'accepted', id: '101' });
    const all = [0, 1, 2, 3].map((index) => `101_${index} pending campus-aaaaaaaaaa`);
    expect(words(await list())).toEqual(all);
    expect(words(await list(true))).toEqual(all);
    startJob(cluster, '101_0');
    expect(words(await list())[0]).toBe('101_0 running campus-aaaaaaaaaa');
    const cancel = slurm.cancelCommand(['101_2', '101_0'], { onlyPending: true });
    expect(slurm.parseCancel(await shell(cancel), [])).toEqual({ kind: 'done' });
    expect(aliveIn(cluster)).toEqual(['101_0', '101_1', '101_3']);
    const asked = slurm.parseAsk(await shell(slurm.askCommand(['101_0', '101_1', '101_2', '101_7', '999'])));
    expect(Object.fromEntries(asked)).toEqual({
      '101_0': 'exists',
      '101_1': 'exists',
      '101_2': 'gone',
      '101_7': 'gone',
      '999': 'gone',
    });
    await shell('scontrol hold 101_1');
    expect((await list()).map(({ state }) => state)).toEqual(['running', 'held', 'finished', 'pending']);
    await shell(slurm.cancelCommand(['101'], { onlyPending: false }));
    await until(() => cluster.system.alive().length === 0);
    expect((await list()).every(({ state }) => state === 'finished')).toBe(true);
  });

  it('finds out what the queues offer', async () => {
    expect(slurm.parseDiscovery(await shell(slurm.discoverCommand()))).toMatchObject({
      kind: 'known',
      queues: [{ name: 'compute', isDefault: true, isOpen: true, nodes: 4, coresPerNode: 16, memoryMBPerNode: 64_000 }],
      limits: { maxArraySize: 1001 },
    });
  });

  it('learns from the accounting how pilots ended, where there is one', async () => {
    const command = slurm.finishedCommand({ jobName: 'g-campus', sinceSeconds: 0 });
    expect(slurm.parseFinished(await shell(command), query)).toMatchObject({ kind: 'unknown' });
    await using other = await standIn({ starts: 'when told', runs: 'nothing', hasAccounting: true });
    await cluster[Symbol.asyncDispose]();
    cluster = other;
    await submit(2);
    startJob(cluster, '101_0');
    cluster.system.loseNode('node1');
    expect(slurm.parseFinished(await shell(command), query)).toMatchObject({
      kind: 'known',
      jobs: [{ id: '101_0', state: 'NODE_FAIL', node: 'node1', tag: 'campus-aaaaaaaaaa' }],
    });
  });

  it('is not hidden from by SQUEUE_STATES, since a listing names its states', async () => {
    await submit(2);
    const hidden = `export SQUEUE_STATES=R; ${slurm.listCommand(query)}`;
    expect((await shell(hidden)).stdout.split('\n')).toHaveLength(3);
  });
});

describe('a fault', () => {
  const submissions: [Partial<FaultSet>, object, number][] = [
    [{ refuse: 'permanent' }, { kind: 'refused', refusal: 'permanent' }, 0],
    [{ refuse: 'capacity' }, { kind: 'refused', refusal: 'capacity' }, 0],
    [{ refuse: 'transient' }, { kind: 'refused', refusal: 'transient' }, 0],
    [{ refuseSaying: 'sbatch: error: no' }, { kind: 'refused', refusal: 'permanent', text: 'sbatch: error: no' }, 0],
    [{ mostAtOnce: 2 }, { kind: 'refused', refusal: 'capacity' }, 0],
    [{ mostAtOnce: 3 }, { kind: 'accepted' }, 3],
    [{ acceptThenTimeOut: true }, { kind: 'inDoubt' }, 3],
    [{ dropThenTimeOut: true }, { kind: 'inDoubt' }, 0],
    [{ down: true }, { kind: 'refused', refusal: 'transient' }, 0],
    [{ noise: 'Welcome!\n' }, { kind: 'accepted', id: '101' }, 3],
    [{ warning: 'sbatch: warning: the lustre is full\n' }, { kind: 'accepted', id: '101' }, 3],
  ];
  it.each(submissions)('%j of a submission is judged as %j, and %d jobs are there', async (fault, outcome, jobs) => {
    cluster.faults.set(fault);
    expect(await submit(3)).toMatchObject(outcome);
    expect(cluster.system.alive()).toHaveLength(jobs);
    expect(cluster.faults.fired()).toBe(fault.mostAtOnce === 3 ? 0 : 1);
  });

  const listings: [Partial<FaultSet>, 'complete' | 'incomplete', number][] = [
    [{ listFails: true }, 'incomplete', 0],
    [{ listErrorWithExit0: true }, 'incomplete', 0],
    [{ listCut: true }, 'incomplete', 0],
    [{ down: true }, 'incomplete', 0],
    [{ noise: 'Welcome!\n' }, 'incomplete', 0],
    [{ listHalf: true }, 'complete', 2],
    [{ listNothing: true }, 'complete', 0],
    [{ warning: 'squeue: warning: slow today\n' }, 'complete', 4],
  ];
  it.each(listings)('%j of a listing is %s, with %d jobs', async (fault, kind, jobs) => {
    await submit(4);
    cluster.faults.set(fault);
    const listing = slurm.parseList(await shell(slurm.listCommand(query)), query);
    expect(listing.kind).toBe(kind);
    expect(listing.kind === 'complete' ? listing.jobs.length : 0).toBe(jobs);
    expect(cluster.faults.fired()).toBe(1);
    cluster.faults.clear();
    expect(await list()).toHaveLength(4);
  });

  it('that hangs is ended by the time limit, and says nothing', async () => {
    cluster.faults.set({ hang: 'list' });
    expect(await shell(`timeout 1 ${slurm.listCommand(query)}`)).toEqual({ code: 124, stdout: '', stderr: '' });
    expect(cluster.faults.fired('hang')).toBe(1);
    expect(await submit(1)).toMatchObject({ kind: 'accepted' });
  });

  it('that makes a job late hides it for so long', async () => {
    cluster.faults.set({ appearAfterSeconds: 1 });
    expect(await submit(2)).toMatchObject({ kind: 'accepted' });
    expect(await list()).toEqual([]);
    expect(slurm.parseAsk(await shell(slurm.askCommand(['101_0']))).get('101_0')).toBe('gone');
    await until(() => cluster.system.jobs().length === 2);
    expect(await list()).toHaveLength(2);
  });

  it('of asking leaves the question open', async () => {
    await submit(1);
    cluster.faults.set({ askFails: true });
    expect(slurm.parseAsk(await shell(slurm.askCommand(['101_0']))).size).toBe(0);
  });

  it('happens as often as it is told', async () => {
    cluster.faults.set({ refuse: 'capacity' }, 2);
    const kinds = [(await submit(1)).kind, (await submit(1)).kind, (await submit(1)).kind];
    expect(kinds).toEqual(['refused', 'refused', 'accepted']);
    expect(cluster.faults.fired('refuse')).toBe(2);
  });
});
