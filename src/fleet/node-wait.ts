import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { longestTrialSeconds } from '../login/node-facts.ts';
import type { NodeTrial, TrialLook } from '../login/node-trial.ts';
import { trialNameOf } from '../pilot/tag.ts';
import { broken, type CheckStep, later, type Verdict, wrong } from './check-steps.ts';
import { judgedNode } from './node-judgement.ts';
import { schedulerOf } from './site-scheduler.ts';

/** The wait for the job that tries out a node: what is looked at how often, what is told, and when it is given up. */

/** The step `node`: whether a job got to a node, and answered. */
export function nodeStep(verdict: Verdict, seconds: number | null = null): CheckStep {
  return { step: 'node', seconds, ...verdict };
}

/** What came of the wait. `cancels`: the job is still to be ended. `isAnswered`: it has nothing more to do. */
export type Outcome =
  | { kind: 'over'; steps: CheckStep[]; cancels: boolean; isAnswered: boolean }
  | { kind: 'interrupted'; cancels: true }
  /** The session is gone, and ends the job itself. */
  | { kind: 'lost'; steps: CheckStep[] };

/** How often the answer is looked for, and how seldom the queue: every login node's scheduler has other users. */
const lookMilliseconds = 1_000;
const longestBetweenListings = 30_000;
/** A file server may show the answer after the scheduler says that the job is over. */
const answerDelayMilliseconds = 15_000;
/** How often it is asked whether a job that has answered is over, before it is ended. */
const triesToEnd = 5;
/** A job that is over is looked for at shorter intervals. */
const soonMilliseconds = 3_000;
/** What the option takes. */
const longestWaitSeconds = 86_400;

/** The wait for a job that was submitted, with what is told meanwhile. */
export class Waiting {
  readonly trial: NodeTrial;
  readonly profile: Profile;
  readonly context: Context;
  private readonly waitSeconds: number;
  private readonly began: number;
  private nextListing: number;
  private betweenListings = 1_000;
  private startedAt: number | null = null;
  private overSince: number | null = null;
  private node: string | null = null;
  /** What was said where nobody knows whether the scheduler took it. */
  doubt: string | null = null;
  /** What was last said of it. */
  private told = '';
  private standing = 'nobody knows why';

  constructor(trial: NodeTrial, profile: Profile, waitSeconds: number, context: Context) {
    this.trial = trial;
    this.profile = profile;
    this.waitSeconds = waitSeconds;
    this.context = context;
    this.began = context.now();
    this.nextListing = this.began;
  }

  /** Until the job has answered, or will not; until it has waited too long, or nobody waits any more. */
  async untilOver(): Promise<Outcome> {
    for (;;) {
      if (this.context.signal.aborted) return this.interrupted();
      const lists = this.context.now() >= this.nextListing;
      const look = await this.trial.look({ lists });
      if (!look.ok) return { kind: 'lost', steps: [nodeStep(broken(look.failure))] };
      if (lists) this.plan(look.value);
      const outcome = this.outcomeOf(look.value) ?? (await this.late());
      if (outcome !== null) return outcome;
      await this.pause();
    }
  }

  /** Whether the job that has answered is over; it has nothing more to do. */
  async isOver(outcome: Outcome): Promise<boolean> {
    for (let tries = 0; outcome.kind === 'over' && outcome.isAnswered && tries < triesToEnd; tries += 1) {
      if (this.context.signal.aborted) return false;
      const look = await this.trial.look({ lists: true });
      const state = look.ok ? look.value.job?.state : undefined;
      if (state === 'finished' || state === 'missing') return true;
      await this.pause();
    }
    return false;
  }

  private async pause(): Promise<void> {
    await sleep(lookMilliseconds, undefined, { signal: this.context.signal }).catch(() => {});
  }

  private interrupted(): Outcome {
    const text = `ending the job ${this.trial.id ?? ''} …`;
    this.context.emit({ kind: 'waiting', site: this.profile.name, text });
    return { kind: 'interrupted', cancels: true };
  }

  private plan({ job }: TrialLook): void {
    this.betweenListings = Math.min(this.betweenListings * 2, longestBetweenListings);
    const now = this.context.now();
    if (job !== null) {
      const isOver = job.state === 'finished' || job.state === 'missing' || job.state === 'ending';
      this.overSince = isOver ? (this.overSince ?? now) : null;
      this.node = job.node ?? this.node;
      if (job.state === 'running') this.startedAt ??= now;
    }
    this.nextListing = now + (this.overSince === null ? this.betweenListings : soonMilliseconds);
    if (this.overSince === null)
      this.tell(job === null ? 'cannot be seen: the queue gives no whole answer' : this.wordsFor(job));
  }

  private wordsFor({ state, reason }: { state: string; reason: string | null }): string {
    if (state === 'running') return `runs${this.node === null ? '' : ` on ${this.node}`}`;
    const said = reason === null ? '' : (schedulerOf(this.profile).explain(reason) ?? reason);
    const words = said === '' || said === reason ? said : `${said} (${reason})`;
    return words === '' ? `is ${state}` : `is ${state}: ${words}`;
  }

  private tell(words: string): void {
    this.standing = words;
    if (words === this.told) return;
    this.told = words;
    const seconds = Math.round((this.context.now() - this.began) / 1000);
    const limit = this.startedAt === null ? `; given up after ${inTime(this.waitSeconds)} (--wait)` : '';
    const text = `the job ${this.trial.id ?? this.name()} ${words}, ${seconds} s after its submission${limit}`;
    this.context.emit({ kind: 'waiting', site: this.profile.name, text });
  }

  private name(): string {
    return trialNameOf(this.profile.name);
  }

  private outcomeOf({ answer, atSeconds }: TrialLook): Outcome | null {
    if (answer === null) return null;
    const seconds = (this.context.now() - this.began) / 1000;
    const where = answer.get('node')?.said ?? 'a node';
    const step: CheckStep = {
      ...{ step: 'node', state: 'ok', seconds },
      said: { message: `the job ${this.trial.id ?? this.name()} ran on ${where}`, hint: null, exitCode: 0 },
    };
    const steps = [step, ...judgedNode({ profile: this.profile, facts: answer, readAtSeconds: atSeconds })];
    return { kind: 'over', steps, cancels: true, isAnswered: true };
  }

  private async late(): Promise<Outcome | null> {
    const now = this.context.now();
    if (this.overSince !== null && now - this.overSince >= answerDelayMilliseconds) return await this.unanswered();
    const { startedAt } = this;
    const isLate =
      startedAt === null
        ? now - this.began >= this.waitSeconds * 1000
        : now - startedAt >= (longestTrialSeconds + 60) * 1000;
    if (!isLate || this.overSince !== null) return null;
    const seconds = (now - this.began) / 1000;
    const verdict = startedAt === null ? this.neverStarted() : this.neverEnded();
    return { kind: 'over', steps: [nodeStep(verdict, seconds)], cancels: true, isAnswered: false };
  }

  private async unanswered(): Promise<Outcome> {
    const seconds = (this.context.now() - this.began) / 1000;
    const verdict = this.trial.id === null ? this.neverSeen() : await this.endedMute();
    return { kind: 'over', steps: [nodeStep(verdict, seconds)], cancels: false, isAnswered: false };
  }

  private neverSeen(): Verdict {
    return later(
      `the scheduler did not say whether it took the job, and does not list it: ${this.doubt ?? ''}`,
      `glidein check ${this.profile.name} --node   (later; should the job turn up, that ends it)`,
    );
  }

  private async endedMute(): Promise<Verdict> {
    const said = (await this.trial.lastWords()).replaceAll(/\s*\n\s*/g, '; ').slice(0, 300);
    const where = this.node === null ? '' : ` on ${this.node}`;
    const { jobDir } = this.profile.connection;
    return wrong(
      `the job ${this.trial.id ?? this.name()} ended${where} without an answer in ${jobDir}, which may not be on the nodes${said === '' ? '' : `: ${said}`}`,
      `glidein site set ${this.profile.name} connection.jobDir=/a/directory/that/nodes/write`,
    );
  }

  private neverStarted(): Verdict {
    return later(
      `the job ${this.trial.id ?? this.name()} did not start within ${inTime(this.waitSeconds)}: it ${this.standing}`,
      `glidein check ${this.profile.name} --node --wait ${inTime(Math.min(this.waitSeconds * 6, longestWaitSeconds))}   (or when the queue is shorter)`,
    );
  }

  private neverEnded(): Verdict {
    const where = this.node === null ? '' : ` on ${this.node}`;
    return later(
      `the job ${this.trial.id ?? this.name()} runs${where} and gave no answer in ${inTime(longestTrialSeconds)}`,
      `glidein check ${this.profile.name} --node   (perhaps on another node)`,
    );
  }
}

/** `90s`, `10m`, `2h`, as the option takes it. */
function inTime(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
