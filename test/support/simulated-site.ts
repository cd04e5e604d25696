import { checkProfile, type Profile } from '../../src/config/schema.ts';
import { diaryFor } from '../../src/fleet/clearing.ts';
import type { Plan } from '../../src/fleet/plan.ts';
import { pauseReason, planFor, type Restraint, restraintFor } from '../../src/fleet/restraint.ts';
import { type Census, census } from '../../src/login/census.ts';
import {
  type EndMark,
  type Intent,
  type Mark,
  type Note,
  type Outcome,
  readEnds,
  readIntents,
  readNotes,
  readSeen,
  writeNote,
} from '../../src/login/journal.ts';
import type { ListedJob } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';

/**
 * One site with a clock of its own: a batch system with nodes, pilots that live and die, a login host that remembers, and
 * passes from two machines that know nothing of each other. Census, plan, breaker and budget are the real ones.
 */

/** Numbers between 0 and 1, the same for the same seed. */
export type Random = () => number;

export function randomFrom(seed: number): Random {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** From one time to another, in seconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

/** What goes wrong at a site, and when. */
export interface Story {
  target: number;
  walltimeHours: number;
  nodeHours: number | null;
  /** The controller answers nobody. */
  outages: readonly Span[];
  /** It answers, and takes no jobs for now. */
  maintenance: readonly Span[];
  /** The project has ended; a person sees to it at the end. */
  expired: Span | null;
  /** Pilots die as soon as they start; a person mends it at the end. */
  broken: Span | null;
  /** Pilots die on the first node, and nowhere else. */
  blackHole: Span | null;
  /** From then on the login host's clock is so many seconds off. */
  clockErrors: readonly { from: number; seconds: number }[];
}

interface Job {
  id: string;
  index: number;
  tag: string;
  appearsAt: number;
  /** When a node would take it. */
  readyAt: number;
  avoid: readonly string[];
  node: string | null;
  startedAt: number | null;
  endedAt: number | null;
  /** Known when it starts. */
  end: { at: number; exitCode: number; reason: string; leavesMark: boolean; word: string } | null;
}

const attemptSeconds = 210;
/** How late a job whose answer was lost appears at most. */
const latestSeconds = 250;
const nodeCount = 12;

/** What a pass did, and what it cost. */
export interface PassTaken {
  roundTrips: number;
  plan: Plan | null;
  restraint: Restraint | null;
  submitted: number;
}

export class SimulatedSite {
  readonly profile: Profile;
  readonly story: Story;
  readonly tally = new Map<string, number>();
  now: number;
  /** Node seconds that were really used by what is over. */
  used = 0;
  deaths = 0;
  blackHoleDeaths = 0;
  private readonly random: Random;
  private jobs: Job[] = [];
  private intents: Intent[] = [];
  private outcomes: Outcome[] = [];
  private notes: Note[] = [];
  private seen: Mark[] = [];
  private ends: EndMark[] = [];
  private nextId = 100;
  /** Changes with everything that a look could see. */
  private version = 0;
  private quiet: { version: number; until: number } | null = null;

  constructor(story: Story, from: number, random: Random) {
    this.story = story;
    this.now = from;
    this.random = random;
    this.profile = profileOf(story);
  }

  private chance(probability: number): boolean {
    return this.random() < probability;
  }

  private count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  /** The login host's clock. */
  private get clock(): number {
    const error = this.story.clockErrors.findLast(({ from }) => from <= this.now);
    return this.now + (error?.seconds ?? 0);
  }

  // ---- The batch system ----

  alive(): number {
    return this.jobs.filter(({ endedAt }) => endedAt === null).length;
  }

  /** What was used, and what is there with all of its wall clock, whether it runs or waits. */
  usedAtMost(): number {
    return this.used + this.alive() * this.profile.scheduler.walltimeSeconds;
  }

  isOut(): boolean {
    return this.story.outages.some((span) => within(span, this.now));
  }

  advance(to: number): void {
    for (let next = this.nextEvent(to); next !== null; next = this.nextEvent(to)) next();
    this.now = to;
    const old = this.jobs.length;
    this.jobs = this.jobs.filter(({ endedAt }) => endedAt === null || to - endedAt < 1800);
    if (this.jobs.length !== old) this.version += 1;
  }

  /** The earliest start or end until then. */
  private nextEvent(to: number): (() => void) | null {
    let earliest = to + 1;
    let event: (() => void) | null = null;
    for (const job of this.jobs) {
      if (job.endedAt !== null) continue;
      const at = job.end?.at ?? Math.max(job.readyAt, job.appearsAt, this.now);
      if (at > to || at >= earliest) continue;
      const node = job.end === null ? this.freeNode(job.avoid, at) : null;
      if (job.end === null && node === null) continue;
      earliest = at;
      event = () => (node === null ? this.endOf(job, at) : this.start(job, node, at));
    }
    return event;
  }

  /** The black hole is always free, and so is always first. */
  private freeNode(avoid: readonly string[], at: number): string | null {
    const taken = new Set(this.jobs.flatMap(({ node, endedAt }) => (node !== null && endedAt === null ? [node] : [])));
    const free = Array.from({ length: nodeCount }, (_, at) => `node${at}`).filter(
      (node) => !taken.has(node) && !avoid.includes(node),
    );
    const hole = this.story.blackHole !== null && within(this.story.blackHole, at);
    return (hole ? free[0] : free[Math.floor(this.random() * free.length)]) ?? null;
  }

  private start(job: Job, node: string, at: number): void {
    const wall = this.profile.scheduler.walltimeSeconds;
    const { broken, blackHole } = this.story;
    Object.assign(job, { node, startedAt: at });
    this.version += 1;
    const isBroken = broken !== null && within(broken, at);
    const isHole = node === 'node0' && blackHole !== null && within(blackHole, at);
    if (this.chance(0.98) || isBroken || isHole) {
      this.seen.push(...readSeen(`seen ${job.tag} ${job.index} ${job.id}_${job.index} ${node} ${at} .`));
    }
    if (isBroken || isHole) {
      this[isBroken ? 'deaths' : 'blackHoleDeaths'] += 1;
      job.end = { at: at + 5, exitCode: 1, reason: 'exited', leavesMark: true, word: 'FAILED' };
      return;
    }
    const kind = this.random();
    const ran = (least: number, most: number) => at + Math.floor(least + this.random() * Math.max(0, most - least));
    const left = (exitCode: number, reason: string, when: number, word: string) => {
      job.end = { at: when, exitCode, reason, leavesMark: reason !== '', word };
    };
    if (kind < 0.6) left(0, 'walltime', ran(wall * 0.8, wall), 'COMPLETED');
    else if (kind < 0.8) left(0, 'exited', ran(1800, wall), 'COMPLETED');
    else if (kind < 0.9) left(143, 'signalled', ran(5, wall), 'PREEMPTED');
    else if (kind < 0.95) left(0, '', ran(5, wall), 'NODE_FAIL');
    else left(1, 'failed', ran(5, wall), 'FAILED');
    // No mark and no word of its start: nobody could ever count what it used.
    if (job.end?.leavesMark === false && !this.seen.some(({ jobId }) => jobId === `${job.id}_${job.index}`))
      this.seen.push(...readSeen(`seen ${job.tag} ${job.index} ${job.id}_${job.index} ${node} ${at} .`));
  }

  private endOf(job: Job, at: number): void {
    const { end, startedAt } = job;
    if (end === null || startedAt === null) return;
    job.endedAt = at;
    this.used += at - startedAt;
    this.version += 1;
    if (!end.leavesMark) return;
    const line = `end ${job.tag} ${job.index} ${end.exitCode} ${end.reason} ${job.node} ${startedAt} ${at} .`;
    this.ends.push(...readEnds(line));
  }

  private listing(): ListedJob[] {
    return this.jobs
      .filter(({ appearsAt, endedAt }) => appearsAt <= this.now && (endedAt === null || this.now - endedAt < 300))
      .map((job) => ({
        id: `${job.id}_${job.index}`,
        submissionId: job.id,
        index: job.index,
        state: job.endedAt !== null ? 'finished' : job.startedAt === null ? 'pending' : 'running',
        reason: null,
        tag: job.tag,
        nodes: 1,
        node: job.node,
        submittedAt: job.appearsAt,
        startedAt: job.startedAt,
        endsAt: job.endedAt ?? (job.startedAt === null ? null : job.startedAt + this.profile.scheduler.walltimeSeconds),
        ...(job.endedAt !== null && job.end !== null ? { ended: job.end.word } : {}),
      }));
  }

  // ---- A pass ----

  private take(asked: Map<string, 'exists' | 'gone'>): Census {
    const { intents, outcomes, notes, seen, ends } = this;
    return census({
      ...{ site: 'campus', nowSeconds: this.clock, attemptSeconds, intents, outcomes, notes, seen, ends, asked },
      drains: [],
      sequences: intents.map(({ sequence }) => sequence),
      jobs: this.listing(),
      parseOutcome: ({ output }) => slurm.parseSubmit(output),
      firstIndex: 0,
      pilotId: slurm.pilotId,
      submissionIdOf: slurm.submissionIdOf,
    });
  }

  /** What one machine sees; null: it sees nothing. `cost` is told of round trips. */
  look(cost: { roundTrips: number }): Census | null {
    cost.roundTrips += 1;
    if (this.isOut() || this.chance(0.01)) {
      this.count('blind');
      return null;
    }
    const asked = new Map<string, 'exists' | 'gone'>();
    const first = this.take(asked);
    if (first.missing.length === 0) return first;
    cost.roundTrips += 1;
    for (const id of first.missing) {
      const job = this.jobs.find((one) => `${one.id}_${one.index}` === id);
      asked.set(id, job !== undefined && job.endedAt === null && job.appearsAt <= this.now ? 'exists' : 'gone');
    }
    const taken = this.take(asked);
    if (taken.absenceDecides) cost.roundTrips += 1;
    return taken;
  }

  /** Whether nothing changed since a pass found nothing to do: the next would find the same. */
  isQuiet(): boolean {
    return this.quiet !== null && this.quiet.version === this.version && this.now < this.quiet.until;
  }

  /** The rest of a pass; others may have acted since its look. */
  act(taken: Census, cost: { roundTrips: number }): PassTaken {
    const restraint = restraintFor(this.profile, taken, this.clock);
    const plan = planFor(this.profile, taken, restraint);
    const { brake } = restraint;
    const pause = brake.kind === 'paused' && brake.isNew ? [brake.pause] : [];
    if (pause.length > 0) cost.roundTrips += 1;
    const seen = { ...taken, notes: [...taken.notes, ...pause] };
    const { notes, forget } = diaryFor(seen, this.clock, { acts: plan.kind === 'submit' });
    const isIdle = plan.kind !== 'submit' && notes.length === 0 && forget.length === 0;
    if (isIdle && brake.kind !== 'waits' && taken.inDoubt.length === 0 && taken.missing.length === 0) {
      this.quiet = { version: this.version, until: this.now + 6 * 3600 };
    }
    if (isIdle) return { ...cost, plan, restraint, submitted: 0 };
    cost.roundTrips += 1;
    if (plan.kind !== 'submit') {
      if (!this.chance(0.03)) this.write(notes, forget);
      return { ...cost, plan, restraint, submitted: 0 };
    }
    if (this.intents.some(({ sequence }) => sequence >= taken.nextSequence)) {
      this.count('fenced');
      return { ...cost, plan, restraint, submitted: 0 };
    }
    return {
      ...cost,
      plan,
      restraint,
      submitted: this.submit(taken, plan.count, restraint.avoided, { notes, forget }),
    };
  }

  private write(notes: readonly Note[], forget: ReturnType<typeof diaryFor>['forget']): void {
    this.version += 1;
    // As the journal keeps it.
    this.notes.push(...readNotes(notes.map(writeNote).join('\n')));
    if (forget.length === 0) return;
    const tags = new Set(forget.map(({ tag }) => tag));
    const sequences = new Set(forget.map(({ sequence }) => sequence));
    this.intents = this.intents.filter(({ tag }) => !tags.has(tag));
    this.outcomes = this.outcomes.filter(({ sequence }) => !sequences.has(sequence));
    this.seen = this.seen.filter(({ tag }) => !tags.has(tag));
    this.ends = this.ends.filter(({ tag }) => !tags.has(tag));
    this.count('cleared');
  }

  private submit(
    { nextSequence: sequence }: Census,
    count: number,
    avoid: readonly string[],
    diary: Pick<ReturnType<typeof diaryFor>, 'notes' | 'forget'>,
  ): number {
    const tag = `campus-${String(sequence).padStart(10, '0')}`;
    const seconds = this.profile.scheduler.walltimeSeconds;
    this.write([...diary.notes, { kind: 'walltime', tag, seconds, at: this.clock }], diary.forget);
    this.intents.push(...readIntents(`intent ${sequence} ${tag} ${count} keep ${this.clock} .`));
    const refusal = this.refusalNow();
    if (refusal !== null) {
      this.count('refused');
      this.outcomes.push({ sequence, endedAt: this.clock, output: { stdout: '', stderr: refusal, code: 1 } });
      return 0;
    }
    const isLost = this.chance(0.04);
    if (isLost) this.count('answer lost');
    const arrives = !isLost || this.chance(0.5);
    this.nextId += 1;
    const id = String(this.nextId);
    if (arrives) this.enqueue(id, tag, count, avoid, isLost);
    if (isLost && this.chance(0.5)) return 0;
    const lost = { stdout: '', stderr: 'sbatch: error: Socket timed out on send/recv operation', code: 1 };
    const output = isLost ? lost : { stdout: `${id}\n`, stderr: '', code: 0 };
    this.outcomes.push({ sequence, endedAt: this.clock, output });
    return isLost ? 0 : count;
  }

  private enqueue(id: string, tag: string, count: number, avoid: readonly string[], isLate: boolean): void {
    const appearsAt = this.now + (isLate && this.chance(0.5) ? Math.floor(this.random() * latestSeconds) : 0);
    const waits = this.chance(0.7) ? 60 : 7200;
    for (let index = 0; index < count; index += 1) {
      const readyAt = appearsAt + Math.floor(this.random() * waits);
      this.jobs.push({
        ...{ id, index, tag, appearsAt, readyAt, avoid },
        ...{ node: null, startedAt: null, endedAt: null, end: null },
      });
    }
  }

  private refusalNow(): string | null {
    const { expired, maintenance } = this.story;
    if (expired !== null && within(expired, this.now))
      return 'sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified';
    if (maintenance.some((span) => within(span, this.now)))
      return 'sbatch: error: Batch job submission failed: System submissions disabled';
    return null;
  }

  /** A person types `resume`. */
  resume(): void {
    const sequence = Math.max(0, ...this.intents.map((intent) => intent.sequence));
    this.write([{ kind: 'resumed', sequence, at: this.clock }], []);
    this.count('resumed');
  }

  /** Whether a person is needed, as a pass would say it. */
  pauseOf({ plan, restraint }: PassTaken): ReturnType<typeof pauseReason> {
    return plan === null || restraint === null ? null : pauseReason(plan, this.profile.target, this.alive(), restraint);
  }
}

export function within({ from, to }: Span, at: number): boolean {
  return from <= at && at < to;
}

function profileOf({ target, walltimeHours, nodeHours }: Story): Profile {
  const checked = checkProfile(
    {
      name: 'campus',
      target,
      connection: { host: 'login.example.org' },
      scheduler: {
        kind: 'slurm',
        walltime: `${Math.floor(walltimeHours / 24)}-${String(walltimeHours % 24).padStart(2, '0')}:00:00`,
      },
      pilot: { site: 'Campus', resource: 'Campus-CE', owners: ['ada@ap.example.org'], token: '~/token' },
      limits: { maxPending: 5, maxPerPass: 20, nodeHours },
    },
    { site: null, file: null },
  );
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
  return checked.value;
}
