import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultSet } from '../../src/demo/faults.ts';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import type { StandIn, StandInOptions } from '../../src/demo/stand-in.ts';
import { schedulers } from '../../src/schedulers/index.ts';
import type { Output, Scheduler } from '../../src/schedulers/scheduler.ts';
import { Dialogue } from '../support/dialogue.ts';
import { aliveIn, standIn, startJob, until } from '../support/stand-in.ts';

/** Each dialect and the stand-in that speaks as its batch system, through a real shell and real programs. */

const kinds = Object.keys(spokenSchedulers) as SpokenKind[];

describe.each(kinds)('%s', (kind) => {
  const scheduler: Scheduler = schedulers[kind];
  let cluster: StandIn;
  let talk: Dialogue;
  const start = async (more: StandInOptions = {}) => {
    cluster = await standIn({ scheduler: kind, starts: 'when told', runs: 'nothing', ...more });
    talk = new Dialogue(cluster, scheduler);
  };
  beforeEach(() => start());
  afterEach(() => cluster[Symbol.asyncDispose]());
  const first = scheduler.firstIndex;
  /** The id of the pilot of an array of several, by its place. */
  const pilot = (id: string, place: number) => scheduler.pilotId(id, first + place);
  const accepted = async (count: number, tag?: string) => {
    const outcome = scheduler.parseSubmit(await talk.submit(count, tag));
    if (outcome.kind !== 'accepted') throw new Error(JSON.stringify(outcome));
    return outcome.id;
  };

  it('submits, lists in both forms, asks, cancels what waits, and sees states', async () => {
    const id = await accepted(4);
    const all = [0, 1, 2, 3].map((place) => `${pilot(id, place)} pending campus-aaaaaaaaaa`).sort();
    expect(words(await talk.jobs())).toEqual(all);
    expect(words(await talk.jobs({ secondLook: true }))).toEqual(all);
    expect(aliveIn(cluster)).toEqual([0, 1, 2, 3].map((place) => pilot(id, place)).sort());
    startJob(cluster, pilot(id, 0));
    expect(words(await talk.jobs())).toContain(`${pilot(id, 0)} running campus-aaaaaaaaaa`);
    expect(words(await talk.jobs({ secondLook: true }))).toContain(`${pilot(id, 0)} running campus-aaaaaaaaaa`);
    expect(await talk.cancel([pilot(id, 2), pilot(id, 0)], { onlyPending: true })).toEqual({ kind: 'done' });
    expect(aliveIn(cluster)).toEqual([pilot(id, 0), pilot(id, 1), pilot(id, 3)].sort());
    const asked = [pilot(id, 0), pilot(id, 1), pilot(id, 2), pilot(id, 7), pilot('9999999', 0)];
    expect((await talk.ask(asked)).map((answer) => answer ?? 'nothing')).toEqual([
      'exists',
      'exists',
      'gone',
      'gone',
      'gone',
    ]);
    expect(await talk.cancel([pilot(id, 0), pilot(id, 1), pilot(id, 3)])).toEqual({ kind: 'done' });
    await until(() => cluster.system.alive().length === 0);
    expect((await talk.jobs()).filter(({ state }) => state !== 'finished')).toEqual([]);
  });

  it('has one pilot alone, and where there are no arrays', async () => {
    const ids = [
      await accepted(1),
      ...[scheduler.parseSubmit(await talk.submit(1, 'campus-bbbbbbbbbb', false))].flatMap((outcome) =>
        outcome.kind === 'accepted' ? [outcome.id] : [],
      ),
    ];
    const jobs = await talk.jobs();
    expect(jobs.map((job) => job.submissionId).sort()).toEqual(ids.sort());
    expect(jobs.map((job) => job.id).sort()).toEqual(aliveIn(cluster));
    expect(jobs.map((job) => job.tag).sort()).toEqual(['campus-aaaaaaaaaa', 'campus-bbbbbbbbbb']);
    const secondLook = await talk.jobs({ secondLook: true });
    expect(secondLook.map((job) => job.id).sort()).toEqual(aliveIn(cluster));
    for (const job of jobs) startJob(cluster, job.id);
    expect(await talk.cancel(jobs.map((job) => job.id))).toEqual({ kind: 'done' });
    await until(() => cluster.system.alive().length === 0);
    expect(await talk.ask(jobs.map((job) => job.id))).toEqual(['gone', 'gone']);
  });

  it('finds no job where there is none', async () => {
    expect(await talk.jobs()).toEqual([]);
    expect(await talk.jobs({ secondLook: true })).toEqual([]);
  });

  it('sees what is held', async () => {
    const id = await accepted(2);
    for (const job of cluster.system.alive()) cluster.system.hold(job);
    expect((await talk.jobs()).map(({ state }) => state)).toEqual(['held', 'held']);
    expect((await talk.jobs()).map((job) => job.submissionId)).toEqual([id, id]);
  });

  it('finds out what the queues offer', async () => {
    expect(scheduler.parseDiscovery(await talk.run(scheduler.discoverCommand()))).toMatchObject({
      kind: 'known',
      queues: [
        {
          name: 'compute',
          isDefault: true,
          isOpen: true,
          nodes: 4,
          coresPerNode: 16,
          memoryMBPerNode: 64_000,
          maxWalltimeSeconds: 172_800,
        },
      ],
    });
  });

  it('learns how pilots ended, where that is kept', async () => {
    await cluster[Symbol.asyncDispose]();
    await start({ hasAccounting: true });
    const alone = await accepted(1, 'campus-bbbbbbbbbb');
    for (const job of cluster.system.alive()) cluster.system.cancel(job);
    expect(await talk.ask([scheduler.pilotId(alone, null)])).toEqual(['gone']);
    const id = await accepted(2);
    startJob(cluster, pilot(id, 0));
    cluster.system.loseNode('node1');
    const command = scheduler.finishedCommand({ jobName: 'g-campus', sinceSeconds: 0 });
    const found = scheduler.parseFinished(await talk.run(command), { site: 'campus' });
    expect(found).toMatchObject({ kind: 'known' });
    if (found.kind !== 'known') return;
    const ended = found.jobs.filter((job) => job.endedAt !== null && job.submissionId === id);
    expect(ended).toMatchObject([{ id: pilot(id, 0), node: 'node1', tag: 'campus-aaaaaaaaaa' }]);
  });

  describe('a fault', () => {
    const submissions: [Partial<FaultSet>, object, number][] = [
      [{ refuse: 'permanent' }, { kind: 'refused', refusal: 'permanent' }, 0],
      [{ refuse: 'capacity' }, { kind: 'refused', refusal: 'capacity' }, 0],
      [{ refuse: 'transient' }, { kind: 'refused', refusal: 'transient' }, 0],
      [{ mostAtOnce: 2 }, { kind: 'refused', refusal: 'capacity' }, 0],
      [{ mostAtOnce: 3 }, { kind: 'accepted' }, 3],
      [{ acceptThenTimeOut: true }, { kind: 'inDoubt' }, 3],
      [{ dropThenTimeOut: true }, { kind: 'inDoubt' }, 0],
      [{ down: true }, { kind: 'refused', refusal: 'transient' }, 0],
      [{ noise: 'Welcome!\n' }, { kind: 'accepted' }, 3],
      [{ warning: 'warning: the lustre is full\n' }, { kind: 'accepted' }, 3],
    ];
    it.each(submissions)('%j of a submission is judged as %j, and %d jobs are there', async (fault, outcome, jobs) => {
      cluster.faults.set(fault);
      expect(scheduler.parseSubmit(await talk.submit(3))).toMatchObject(outcome);
      expect(cluster.system.alive()).toHaveLength(jobs);
      expect(cluster.faults.fired()).toBe(fault.mostAtOnce === 3 ? 0 : 1);
    });

    const listings: [Partial<FaultSet>, 'complete' | 'incomplete'][] = [
      [{ listFails: true }, 'incomplete'],
      [{ listErrorWithExit0: true }, 'incomplete'],
      [{ listCut: true }, 'incomplete'],
      [{ down: true }, 'incomplete'],
    ];
    it.each(listings)('%j of a listing leaves it %s', async (fault, kindOfListing) => {
      await accepted(4);
      cluster.faults.set(fault);
      const listing = await talk.list();
      expect(listing.kind).toBe(kindOfListing);
      if (listing.kind === 'complete') expect(listing.jobs).toHaveLength(4);
      expect(cluster.faults.fired()).toBeGreaterThan(0);
      cluster.faults.clear();
      expect(await talk.jobs()).toHaveLength(4);
    });

    // A site that warns each time has to be usable.
    it('that adds a warning on stderr hides no job, and keeps none from being listed or cancelled', async () => {
      const id = await accepted(4);
      cluster.faults.set({ warning: 'warning: slow today\n' });
      expect(await talk.jobs()).toHaveLength(4);
      expect(cluster.faults.fired('warning')).toBeGreaterThan(0);
      cluster.faults.set({ warning: 'warning: slow today\n' });
      expect(await talk.cancel([0, 1, 2, 3].map((place) => pilot(id, place)))).toEqual({ kind: 'done' });
    });

    it('that leaves jobs out, with exit 0, never shows what is not there', async () => {
      await accepted(2);
      await accepted(2, 'campus-bbbbbbbbbb');
      for (const fault of [{ listHalf: true }, { listNothing: true }] as const) {
        cluster.faults.set(fault, 1);
        const listing = await talk.list();
        if (listing.kind === 'complete') {
          expect(listing.jobs.length).toBeLessThan(4);
          for (const job of listing.jobs) expect(aliveIn(cluster)).toContain(job.id);
        }
        cluster.faults.clear();
      }
      expect(cluster.faults.fired('listHalf')).toBe(1);
      expect(cluster.faults.fired('listNothing')).toBe(1);
    });

    it('that puts noise before an answer is seen, or is not taken for a job', async () => {
      await accepted(3);
      cluster.faults.set({ noise: 'Welcome!\n' });
      const listing = await talk.list();
      if (listing.kind === 'complete') expect(listing.jobs.map((job) => job.id).sort()).toEqual(aliveIn(cluster));
      else expect(listing.reason).toContain('Welcome!');
      expect(cluster.faults.fired('noise')).toBeGreaterThan(0);
    });

    it('that hangs is ended by the time limit, and says nothing', async () => {
      cluster.faults.set({ hang: 'list' });
      const output: Output = await talk.run(`timeout 1 ${scheduler.listCommand(talk.query)}`);
      expect(output.code).toBe(124);
      expect(scheduler.parseList(output, talk.query).kind).toBe('incomplete');
      expect(cluster.faults.fired('hang')).toBe(1);
      await accepted(1);
    });

    it('that makes a job late hides it for so long', async () => {
      cluster.faults.set({ appearAfterSeconds: 1 });
      const id = await accepted(2);
      expect(await talk.jobs()).toEqual([]);
      expect(await talk.ask([pilot(id, 0)])).toEqual(['gone']);
      await until(() => cluster.system.jobs().length === 2);
      expect(await talk.jobs()).toHaveLength(2);
    });

    it('of asking leaves the question open', async () => {
      const id = await accepted(2);
      cluster.faults.set({ askFails: true });
      expect(await talk.ask([pilot(id, 0)])).toEqual([undefined]);
      expect(cluster.faults.fired('askFails')).toBe(1);
    });

    it('happens as often as it is told', async () => {
      cluster.faults.set({ refuse: 'capacity' }, 2);
      const outcomes: string[] = [];
      for (let round = 0; round < 3; round += 1) outcomes.push(scheduler.parseSubmit(await talk.submit(2)).kind);
      expect(outcomes).toEqual(['refused', 'refused', 'accepted']);
      expect(cluster.faults.fired('refuse')).toBe(2);
    });
  });
});

it('Slurm’s SQUEUE_STATES hides nothing, since a listing names its states', async () => {
  await using cluster = await standIn({ starts: 'when told', runs: 'nothing' });
  const talk = new Dialogue(cluster, schedulers.slurm);
  await talk.submit(2);
  const hidden = await talk.run(`export SQUEUE_STATES=R; ${schedulers.slurm.listCommand(talk.query)}`);
  expect(hidden.stdout.split('\n')).toHaveLength(3);
});

const words = (jobs: readonly { id: string; state: string; tag: string | null }[]) =>
  jobs.map(({ id, state, tag }) => `${id} ${state} ${tag}`).sort();
