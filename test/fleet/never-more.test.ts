import fc from 'fast-check';
import { expect, it } from 'vitest';
import { plan } from '../../src/fleet/plan.ts';
import { census } from '../../src/login/census.ts';
import type { CensusInput } from '../../src/login/evidence.ts';
import { type EndMark, type Intent, type Note, type Outcome, readIntents, writeSize } from '../../src/login/journal.ts';
import type { ListedJob } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { loops } from '../support/loops.ts';

/**
 * Promise 2 under random histories, with a clock of its own: passes by two clients without a lock, answers that are lost
 * either way, jobs that appear late, clients that are killed, listings that lose lines, pilots that end unseen, jobs of
 * one node and of several, nodes that fail under a job that goes on, pilots that end before their job does. The real
 * census and the real plan decide; the login host and the scheduler are this model.
 */

const target = 4;
/** How late a job of a lost answer appears at most; the promise holds up to five minutes. */
const latestSeconds = 250;
const attemptSeconds = 210;

interface Job {
  submission: string;
  index: number;
  tag: string;
  nodes: number;
  appearsAt: number;
  startedAt: number | null;
  endedAt: number | null;
}

/** What the random numbers of one history decide; each call takes the next one, between 0 and 1. */
type Chance = (probability: number) => boolean;

class World {
  now = 1_000_000;
  jobs: Job[] = [];
  intents: Intent[] = [];
  outcomes: Outcome[] = [];
  notes: Note[] = [];
  ends: EndMark[] = [];
  /** What profiles say now; jobs that are there may have other sizes. */
  nodesPerJob = 1;
  faults = 0;
  private nextId = 100;

  /** Pilots that exist, or will. */
  alive(): number {
    return this.jobs.reduce((sum, job) => sum + (job.endedAt === null ? job.nodes : 0), 0);
  }

  /** What `squeue` shows now; finished jobs for five minutes. */
  listing(chance: Chance, losesLines: boolean): ListedJob[] {
    const shown = this.jobs.filter(
      (job) => job.appearsAt <= this.now && (job.endedAt === null || this.now - job.endedAt < 300),
    );
    const kept = losesLines ? shown.filter(() => !chance(0.4)) : shown;
    return kept.map((job) => ({
      id: `${job.submission}_${job.index}`,
      submissionId: job.submission,
      index: job.index,
      state: job.endedAt !== null ? 'finished' : job.startedAt === null ? 'pending' : 'running',
      reason: null,
      tag: job.tag,
      nodes: job.nodes,
      node: null,
      submittedAt: job.appearsAt,
      startedAt: job.startedAt,
      endsAt: null,
    }));
  }

  take(jobs: readonly ListedJob[], asked: CensusInput['asked']) {
    const { intents, outcomes, notes, ends } = this;
    return census({
      ...{ site: 'campus', nowSeconds: this.now, attemptSeconds, intents, outcomes, notes, ends, jobs, asked },
      drains: [],
      sequences: intents.map((intent) => intent.sequence),
      seen: this.jobs.flatMap(({ tag, index, submission, startedAt }) =>
        startedAt === null
          ? []
          : [{ tag, index, pilotNumber: null, jobId: `${submission}_${index}`, node: 'n', startedAt }],
      ),
      parseOutcome: (outcome) => slurm.parseSubmit(outcome.output),
      firstIndex: 0,
      pilotId: slurm.pilotId,
      submissionIdOf: slurm.submissionIdOf,
    });
  }

  /** A pass up to its decision; null when it gave up because two listings disagree. */
  look(chance: Chance) {
    const first = this.listing(chance, this.fault(chance, 0.2));
    const silent = this.fault(chance, 0.2);
    const asked = new Map<string, 'exists' | 'gone'>();
    for (const id of silent ? [] : this.take(first, asked).missing) {
      const job = this.jobs.find((one) => `${one.submission}_${one.index}` === id);
      asked.set(id, job !== undefined && job.endedAt === null && job.appearsAt <= this.now ? 'exists' : 'gone');
    }
    const taken = this.take(first, asked);
    if (!taken.absenceDecides) return taken;
    const second = this.listing(chance, false);
    const ids = (jobs: readonly ListedJob[]) =>
      jobs
        .map((job) => job.id)
        .sort()
        .join();
    return ids(second) === ids(first) ? taken : null;
  }

  /** The rest of the pass. Others may have acted since its look. */
  act(taken: ReturnType<World['take']>, chance: Chance): void {
    const planned = plan({
      target,
      nodesPerJob: this.nodesPerJob,
      pilots: taken.pilots.flatMap(({ state, ...pilot }) =>
        state === 'ending' ? [] : [{ ...pilot, state, leaves: false }],
      ),
      inDoubt: taken.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0),
      maxPending: 50,
      maxPerPass: 50,
      capacity: taken.capacity,
      breaker: null,
      budget: null,
    });
    if (planned.kind === 'submit') {
      if (this.intents.some((intent) => intent.sequence >= taken.nextSequence)) return;
      this.submit(taken.nextSequence, planned.count / this.nodesPerJob, chance);
      if (this.fault(chance, 0.15)) return; // Killed before it wrote what it found out.
    }
    this.notes.push(...taken.notes);
  }

  private submit(sequence: number, count: number, chance: Chance): void {
    const tag = `campus-${String(sequence).padStart(10, '0')}`;
    const nodes = this.nodesPerJob;
    this.intents.push(...readIntents(`intent ${sequence} ${tag} ${writeSize({ count, nodes })} keep ${this.now} .`));
    const lost = this.fault(chance, 0.35);
    this.nextId += 1;
    const id = String(this.nextId);
    if (!lost || chance(0.5)) {
      const appearsAt = this.now + (lost && chance(0.5) ? Math.floor(latestSeconds * (chance(0.5) ? 1 : 0.3)) : 0);
      for (let index = 0; index < count; index += 1)
        this.jobs.push({ submission: id, index, tag, nodes, appearsAt, startedAt: null, endedAt: null });
    }
    const answer = lost
      ? { stdout: '', stderr: 'sbatch: error: Socket timed out on send/recv operation', code: 1 }
      : { stdout: `${id}\n`, stderr: '', code: 0 };
    if (lost && chance(0.5)) return; // The client's whole session died with it: not even an outcome.
    this.outcomes.push({ sequence, endedAt: this.now, output: answer });
  }

  /** Time goes by: pilots start, end with or without leaving a mark, or are cancelled by hand. */
  pass(seconds: number, chance: Chance): void {
    this.now += seconds;
    for (const job of this.jobs) {
      if (job.appearsAt > this.now || job.endedAt !== null) continue;
      if (job.startedAt !== null && job.nodes > 1 && chance(0.1)) {
        if (chance(0.5)) job.nodes -= 1;
        else this.ends.push(this.endOf(job, job.startedAt, 0));
      }
      if (job.startedAt === null && chance(0.5)) job.startedAt = this.now;
      else if (chance(0.12)) {
        job.endedAt = this.now;
        if (job.startedAt === null || chance(0.3)) continue;
        this.ends.push(this.endOf(job, job.startedAt, null));
      }
    }
  }

  private endOf({ tag, index }: Job, startedAt: number, pilotNumber: number | null): EndMark {
    return { tag, index, pilotNumber, exitCode: 0, reason: 'exited', node: 'n', startedAt, endedAt: this.now };
  }

  private fault(chance: Chance, probability: number): boolean {
    const fires = chance(probability);
    if (fires) this.faults += 1;
    return fires;
  }
}

it('there is never more than the target, and the target is reached again when the faults are over', () => {
  let faults = 0;
  const history = fc.record({
    seed: fc.integer(),
    steps: fc.array(
      fc.tuple(fc.oneof(fc.integer({ min: 0, max: 130 }), fc.integer({ min: 131, max: 700 })), fc.boolean()),
      { minLength: 5, maxLength: 40 },
    ),
  });
  fc.assert(
    fc.property(history, ({ seed, steps }) => {
      let state = seed >>> 0;
      const chance: Chance = (probability) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state / 2 ** 32 < probability;
      };
      const world = new World();
      for (const [seconds, together] of steps) {
        world.pass(seconds, chance);
        world.nodesPerJob = chance(0.4) ? (chance(0.7) ? 2 : 4) : 1;
        const first = world.look(chance);
        const second = together ? world.look(chance) : null;
        for (const taken of [first, second]) if (taken !== null) world.act(taken, chance);
        expect(world.alive()).toBeLessThanOrEqual(target);
      }
      faults += world.faults;
      const never: Chance = () => false;
      world.nodesPerJob = 1;
      for (let round = 0; round < 6; round += 1) {
        world.pass(400, never);
        const taken = world.look(never);
        if (taken !== null) world.act(taken, never);
        expect(world.alive()).toBeLessThanOrEqual(target);
      }
      expect(world.alive()).toBe(target);
    }),
    { numRuns: loops({ usual: 300, full: 10_000 }) },
  );
  console.log(`faults that fired: ${faults}`);
  expect(faults).toBeGreaterThan(300);
}, 600_000);
