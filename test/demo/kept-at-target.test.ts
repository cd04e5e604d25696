import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultSet } from '../../src/demo/faults.ts';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import { type QuickSite, quickSite } from '../support/quick-site.ts';
import type { QuickStandIn } from '../support/quick-stand-in.ts';
import { aliveIn, startJob } from '../support/stand-in.ts';

/**
 * A site that is kept at its target by the program itself, for every scheduler: what test/real/ shows on real Slurm. The
 * batch system counts. The login host's clock is the test's.
 */

const kinds = Object.keys(spokenSchedulers) as SpokenKind[];

describe.each(kinds)('%s', (kind) => {
  let quick: QuickStandIn;
  let call: QuickSite['call'];
  let site: QuickSite['site'];
  beforeEach(async () => {
    ({ quick, call, site } = await quickSite(kind));
  });
  afterEach(() => quick[Symbol.asyncDispose]());

  const topUp = () => site(['top-up', 'campus']);
  const alive = () => aliveIn(quick.cluster);
  const faulty = (fault: Partial<FaultSet>, times?: number) => quick.cluster.faults.set(fault, times);

  it('comes from 0 to 5 in one pass, and a second one submits nothing', async () => {
    const first = await topUp();
    expect(first).toMatchObject({ code: 0, state: 'ok', submitted: 5 });
    expect([...first.ids].sort()).toEqual(alive());
    expect(alive()).toHaveLength(5);
    expect(await topUp()).toMatchObject({ code: 0, state: 'ok', submitted: 0, pending: 5 });
    expect(quick.submissions()).toBe(1);
  });

  it('adds exactly one for one that was cancelled by hand, whether it ran or waited', async () => {
    await topUp();
    for (const isRunning of [true, false]) {
      const [id = ''] = alive();
      if (isRunning) startJob(quick.cluster, id);
      for (const job of quick.cluster.system.alive().slice(0, 1)) quick.cluster.system.cancel(job);
      expect(await topUp()).toMatchObject({ code: 0, submitted: 1 });
      expect(alive()).toHaveLength(5);
      expect(alive()).not.toContain(id);
    }
  });

  it("has each pilot's life in its history, each thing once", async () => {
    await topUp();
    const [id = '', other = ''] = alive();
    startJob(quick.cluster, id);
    await topUp();
    const node = quick.cluster.system.nodeStates().find(({ job }) => job !== null)?.name ?? '';
    quick.cluster.system.loseNode(node);
    for (let passes = 0; passes < 3; passes += 1) {
      await topUp();
      quick.clock.ahead(100);
    }
    const lines = readFileSync(join(quick.cluster.home, 'config', 'history', 'campus.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const told = lines.map(
      (line) => JSON.parse(line) as { kind: string; event: string; id: string; node: string; at: string },
    );
    const of = (which: string) => told.filter((line) => line.id === which);
    expect(of(other).map(({ event }) => event)).toEqual(['submitted']);
    const [, started, ...ends] = of(id);
    expect(started).toMatchObject({ event: 'started', node });
    // Where the batch system forgets at once, and the pilot could leave no word, it is gone only after ten minutes.
    expect(ends.length).toBeLessThanOrEqual(1);
    if (kind === 'slurm') expect(ends).toMatchObject([{ event: 'ended', reason: 'NODE_FAIL', node }]);
    expect(told.filter(({ kind: one }) => one === 'pass')).toHaveLength(5);
  });

  it('goes from 5 to 2 by cancelling what waits, newest first, and lets what runs be', async () => {
    await topUp();
    const [running = '', ...waiting] = alive();
    startJob(quick.cluster, running);
    await call(['site', 'set', 'campus', 'target=2']);
    expect(await topUp()).toMatchObject({ code: 0, cancelled: 3, drained: 0, running: 1, pending: 1 });
    expect(alive()).toEqual([running, waiting[0]]);
    expect(await topUp()).toMatchObject({ code: 0, cancelled: 0, submitted: 0 });
  });

  it('is shown as the batch system has it', async () => {
    await topUp();
    const [first = '', second = ''] = alive();
    startJob(quick.cluster, first);
    for (const job of quick.cluster.system.alive())
      if (quick.cluster.scheduler.jobId(job) !== first) quick.cluster.system.hold(job);
    const status = await site(['status', 'campus']);
    expect(status).toMatchObject({ code: 0, running: 1, held: 4, pending: 0, inDoubt: 0 });
    expect(status.pilots?.map(({ id }) => id).sort()).toEqual(alive());
    expect(status.pilots?.find(({ id }) => id === first)).toMatchObject({ state: 'running', node: 'node1' });
    expect(status.pilots?.find(({ id }) => id === second)).toMatchObject({ state: 'held', node: null });
  });

  it('finds a submission again whose answer was lost, and does not repeat it', async () => {
    faulty({ acceptThenTimeOut: true }, 1);
    expect(await topUp()).toMatchObject({ code: 3, state: 'doubt', inDoubt: 5, submitted: 0 });
    expect(await topUp()).toMatchObject({ code: 0, state: 'ok', inDoubt: 0, submitted: 0 });
    expect(alive()).toHaveLength(5);
    expect(quick.submissions()).toBe(1);
  });

  it('repeats one that never arrived after five minutes and two looks, and not before', async () => {
    faulty({ dropThenTimeOut: true }, 1);
    expect(await topUp()).toMatchObject({ code: 3, inDoubt: 5 });
    for (const seconds of [0, 240, 70]) {
      quick.clock.ahead(seconds);
      expect(await topUp()).toMatchObject({ code: 3, state: 'doubt', inDoubt: 5, submitted: 0 });
    }
    quick.clock.ahead(90);
    expect(await topUp()).toMatchObject({ code: 0, inDoubt: 0, submitted: 5 });
    expect(alive()).toHaveLength(5);
  });

  it('waits for one whose job appears later', async () => {
    faulty({ acceptThenTimeOut: true, appearAfterSeconds: 200 }, 1);
    expect(await topUp()).toMatchObject({ code: 3, inDoubt: 5 });
    quick.clock.ahead(120);
    expect(await topUp()).toMatchObject({ code: 3, inDoubt: 5, submitted: 0 });
    quick.clock.ahead(120);
    expect(await topUp()).toMatchObject({ code: 0, inDoubt: 0, submitted: 0 });
    expect(alive()).toHaveLength(5);
  });

  const listings: [string, Partial<FaultSet>][] = [
    ['fails', { listFails: true }],
    ['fails with exit 0', { listErrorWithExit0: true }],
    ['stops in the middle', { listCut: true }],
    ['is down', { down: true }],
  ];
  it.each(listings)('submits nothing when the listing %s, and goes on when it is back', async (_what, fault) => {
    await topUp();
    for (const job of quick.cluster.system.alive().slice(0, 2)) quick.cluster.system.cancel(job);
    faulty(fault);
    const blind = await topUp();
    expect(blind).toMatchObject({ code: 3, submitted: 0, cancelled: 0 });
    expect(blind.stderr).toMatch(/^campus: .+/m);
    expect(quick.submissions()).toBe(1);
    quick.cluster.faults.clear();
    expect(await topUp()).toMatchObject({ code: 0, submitted: 2 });
    expect(alive()).toHaveLength(5);
  });

  it('is not brought over its target by listings that leave jobs out', async () => {
    await topUp();
    for (const fault of [{ listHalf: true }, { listNothing: true }] as const) {
      faulty(fault);
      await topUp();
      expect(alive()).toHaveLength(5);
      quick.cluster.faults.clear();
    }
    expect(quick.submissions()).toBe(1);
  });

  it('asks for fewer at once after a refusal for capacity, and gets there', async () => {
    faulty({ mostAtOnce: 2 });
    expect(await topUp()).toMatchObject({ code: 1, state: 'short', submitted: 0 });
    for (let pass = 0; pass < 6 && alive().length < 5; pass += 1) await topUp();
    expect(alive()).toHaveLength(5);
    expect(quick.cluster.faults.fired('mostAtOnce')).toBeGreaterThan(0);
  });
});
