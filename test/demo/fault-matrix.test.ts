import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import type { Context, Step } from '../../src/context.ts';
import type { FaultName, FaultSet } from '../../src/demo/faults.ts';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import { ok, type Result } from '../../src/failure.ts';
import { resume } from '../../src/fleet/resume.ts';
import { renderedJob, type SiteJob } from '../../src/fleet/site-job.ts';
import type { SiteReport } from '../../src/fleet/site-report.ts';
import { topUp } from '../../src/fleet/top-up.ts';
import { loops } from '../support/loops.ts';
import { type QuickStandIn, quickStandIn } from '../support/quick-stand-in.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';
import { aliveIn } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/**
 * Promises 2 and 3 for every scheduler: the real pass, the real dialect, a real shell, and the stand-in batch system with
 * its faults. Passes are cut off at any of their steps, two go at once without a lock, time goes by, pilots start and end.
 * Jobs and submissions are counted by the batch system.
 */

const target = 4;
const kinds = Object.keys(spokenSchedulers) as SpokenKind[];
const runs = loops({ usual: 300, full: 10_000 }) / kinds.length;

/**
 * What goes wrong in a round, in turn. What comes together belongs together: only a lost answer's job may come late, and
 * only who misses a pilot asks for it. The first round of a history always submits; in every second history it goes well,
 * so that the others have something to look at.
 */
const whenSubmitting: readonly Partial<FaultSet>[] = [
  { refuse: 'permanent' },
  { acceptThenTimeOut: true },
  { refuse: 'capacity' },
  { acceptThenTimeOut: true, appearAfterSeconds: 240 },
  { refuse: 'transient' },
  { dropThenTimeOut: true },
  { mostAtOnce: 1 },
  { hang: 'submit' },
];
const whenLooking: readonly Partial<FaultSet>[] = [
  { listFails: true },
  { listHalf: true },
  { listErrorWithExit0: true },
  { listNothing: true },
  { listCut: true },
  { askFails: true, listNothing: true },
  { noise: 'Welcome to campus!\n' },
  { down: true },
  { warning: 'warning: the disk is nearly full\n' },
  { hang: 'list' },
  { askFails: true, listHalf: true },
];

const cutsOfSubmissions: readonly Step[] = ['fence', 'intent', 'submit', 'outcome'];
const cuts: readonly Step[] = ['hello', 'lock', 'list', ...cutsOfSubmissions];
/** A listing with one of these is no listing, whoever reads it. */
const blinding: readonly FaultName[] = ['listFails', 'listErrorWithExit0', 'listCut', 'down'];

/** How often each happened: a fault by its name, a cut by its step. */
type Tally = Map<string, number>;
const tallies = new Map<SpokenKind, Tally>();

function count(tally: Tally, what: string, times = 1): void {
  if (times > 0) tally.set(what, (tally.get(what) ?? 0) + times);
}

/** Numbers between 0 and 1 that are the same for the same seed. */
function chances(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

class World {
  readonly tally: Tally = new Map();
  private readonly kind: SpokenKind;
  private readonly quick: QuickStandIn;
  private readonly job: SiteJob;
  private chance: () => number = Math.random;
  private profile: Profile;
  private readonly turns = new Map<readonly unknown[], number>();
  private run = 0;
  /** What the passes said in which all was to come right: told when it did not. */
  private quietRounds: unknown[] = [];

  constructor(kind: SpokenKind, quick: QuickStandIn, job: SiteJob) {
    this.kind = kind;
    this.quick = quick;
    this.job = job;
    this.profile = profileFor(kind, quick, 0);
  }

  /** One history: some rounds in which anything may happen, then quiet ones, in which all must come right again. */
  async history(seed: number): Promise<void> {
    this.chance = chances(seed);
    this.run += 1;
    this.profile = profileFor(this.kind, this.quick, this.run);
    for (let round = 0; round < 3; round += 1) await this.round(round === 0);
    this.faults.clear();
    this.quietRounds = [];
    for (let round = 0; round < 6 && !(await this.isAtRest()); round += 1) this.quick.clock.ahead(310);
    expect(aliveIn(this.quick.cluster), JSON.stringify(this.quietRounds)).toHaveLength(target);
    this.clear();
  }

  private get faults() {
    return this.quick.cluster.faults;
  }

  private async round(isFirst: boolean): Promise<void> {
    this.quick.clock.ahead(Math.floor(this.chance() * (this.chance() < 0.6 ? 100 : 500)));
    this.liveOn();
    this.faults.clear();
    const goesWell = isFirst && this.run % 2 === 0;
    if (!goesWell && (isFirst || this.chance() < 0.8)) {
      const fault = this.next(isFirst ? whenSubmitting : whenLooking);
      this.faults.set(fault, this.chance() < 0.7 ? 1 : 3);
    }
    const before = { submissions: this.quick.submissions(), blinded: this.timesBlinded() };
    const two = this.chance() < 0.15;
    const cutAt = !goesWell && this.chance() < 0.3 ? this.next(isFirst ? cutsOfSubmissions : cuts) : null;
    const passes = two ? [this.pass(cutAt), this.pass(null)] : [this.pass(cutAt)];
    await Promise.all(passes);
    if (two) count(this.tally, 'two at once');
    expect(this.quick.cluster.system.alive().length).toBeLessThanOrEqual(target);
    if (!two && this.timesBlinded() > before.blinded) {
      expect(this.quick.submissions() - before.submissions).toBe(0);
    }
  }

  private timesBlinded(): number {
    return blinding.reduce((sum, name) => sum + this.faults.fired(name), 0);
  }

  /** Each in its turn: what is left to chance may never come. */
  private next<Item>(items: readonly Item[]): Item {
    const turn = this.turns.get(items) ?? 0;
    this.turns.set(items, turn + 1);
    const item = items[turn % items.length];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  /** Pilots start and end, by themselves or because somebody ends them. */
  private liveOn(): void {
    const { system } = this.quick.cluster;
    for (const job of system.alive()) {
      if (job.visibleFrom > this.quick.clock.seconds() * 1000) continue;
      const chance = this.chance();
      if (job.state === 'waiting' && chance < 0.4) system.startNow(job);
      else if (chance > 0.9) system.cancel(job);
    }
  }

  private async pass(cutAt: Step | null): Promise<SiteReport> {
    const cut = new AbortController();
    const real = shellTransport(this.shell());
    const transport = {
      ...real,
      // As when this side dies: its streams are gone, and what runs there runs on.
      spawn: (command: string, { signal }: { signal: AbortSignal }) =>
        real.spawn(command, { signal: AbortSignal.any([signal, cut.signal]) }),
    };
    const context: Context = {
      ...quietContext(),
      now: () => this.quick.clock.seconds() * 1000,
      emit: (event) => {
        if (event.kind !== 'step' || event.step !== cutAt || cut.signal.aborted) return;
        count(this.tally, `cut at ${cutAt}`);
        cut.abort();
      },
    };
    const dataDir = join(this.quick.cluster.home, 'data');
    const job: Result<SiteJob> = ok(this.job);
    const access = { profile: this.profile, connect: async () => ok(transport) };
    const report = await topUp(access, { job, dryRun: false, configDir: dataDir, dataDir }, context);
    if (cut.signal.aborted) await this.untilQuiet(real.spawned);
    return report;
  }

  private async resume(): Promise<void> {
    const access = { profile: this.profile, connect: async () => ok(shellTransport(this.shell())) };
    const report = await resume(access, false, { ...quietContext(), now: () => this.quick.clock.seconds() * 1000 });
    expect(report).toMatchObject({ failure: null, state: 'ok' });
    count(this.tally, 'resumed');
  }

  private shell() {
    return { shell: '/bin/sh', env: this.quick.cluster.environment };
  }

  /** What was cut off goes on there, to its end. */
  private async untilQuiet(spawned: readonly number[]): Promise<void> {
    for (let tries = 0; tries < 400 && spawned.some(isAlive); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** A pass that finds everything in order: the target, no doubt, and the very jobs that are there. */
  private async isAtRest(): Promise<boolean> {
    const report = await this.pass(null);
    const { state, submitted, counts, failure } = report;
    this.quietRounds.push({ state, submitted, counts, failure });
    expect(this.quick.cluster.system.alive().length).toBeLessThanOrEqual(target);
    // What the account may not use is refused once: then a person is asked.
    if (report.state === 'paused') await this.resume();
    if (report.failure !== null || report.counts.inDoubt > 0 || report.submitted > 0) return false;
    expect(
      report.pilots
        .filter(({ state }) => state !== 'ending')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(aliveIn(this.quick.cluster));
    return this.quick.cluster.system.alive().length === target;
  }

  /** The next history knows nothing of this one. */
  private clear(): void {
    const { system } = this.quick.cluster;
    for (const job of system.alive()) system.cancel(job);
    this.quick.clock.ahead(7200);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function profileFor(kind: SpokenKind, { cluster }: QuickStandIn, run: number): Profile {
  const remoteDir = join(cluster.home, `site-${run}`);
  const cores = cluster.scheduler.countsCores ? { cores: 16 } : {};
  const checked = checkProfile(
    {
      name: 'campus',
      target,
      connection: {
        ...{ host: 'localhost', transport: 'local', loginShell: false, remoteDir },
        jobDir: join(cluster.home, 'jobs'),
        timeouts: { list: 2, submit: 2 },
      },
      scheduler: { kind, walltime: '12:00:00', ...cores },
      pilot: { site: 'Campus', resource: 'Campus-CE', owners: ['ada@ap.example.org'], token: '~/token' },
      limits: { maxPending: 50, maxPerPass: 50 },
    },
    { site: 'campus', file: null },
  );
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
  return checked.value;
}

async function worldOf(kind: SpokenKind, quick: QuickStandIn): Promise<World> {
  const token = testToken();
  mkdirSync(join(quick.cluster.home, 'jobs'), { mode: 0o700 });
  writeFileSync(join(quick.cluster.home, 'jobs/token'), token, { mode: 0o600 });
  const options = { configDir: quick.cluster.home, dataDir: quick.cluster.home, anyOwner: false };
  const rendered = await renderedJob(profileFor(kind, quick, 0), options, quietContext());
  if (!rendered.ok) throw new Error(JSON.stringify(rendered.failure));
  return new World(kind, quick, { token, render: async () => rendered });
}

describe.concurrent.each(kinds)('%s', (kind) => {
  it(
    'never has more than the target, loses no pilot, and submits nothing blindly',
    async () => {
      await using quick = await quickStandIn(kind);
      const world = await worldOf(kind, quick);
      for (let seed = 1; seed <= runs; seed += 1) {
        await world.history(seed * kinds.length + kinds.indexOf(kind)).catch((error: unknown) => {
          throw new Error(`${kind}, seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
        });
      }
      const tally = world.tally;
      for (const name of faultNames) count(tally, name, quick.cluster.faults.fired(name));
      tallies.set(kind, tally);
      for (const what of [...faultNames, ...cuts.map((step) => `cut at ${step}`), 'two at once', 'resumed']) {
        expect(tally.get(what) ?? 0, what).toBeGreaterThan(0);
      }
    },
    loops({ usual: 300_000, full: 14_400_000 }),
  );
});

const faultNames = [
  ...new Set([...whenSubmitting, ...whenLooking].flatMap((fault) => Object.keys(fault))),
] as FaultName[];

afterAll(() => {
  for (const [kind, tally] of tallies) {
    const words = [...tally].map(([what, times]) => `${what} ${times}`).sort();
    console.log(`${kind}, ${runs} histories: ${words.join(', ')}`);
  }
});
