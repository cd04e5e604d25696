import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import type { Failure } from '../failure.ts';
import type { ShortJob, ShortJobLook } from '../login/short-job.ts';
import { schedulerOf } from './site-scheduler.ts';

/** The wait for a short job: what is looked at how often, what is told, and when it is given up. */

/** What is waited for. */
export interface AwaitedJob<T> {
  /** What the job is listed by. */
  jobName: string;
  /** The longest that it may wait for its node. */
  waitSeconds: number;
  /** The longest that it may run. */
  longestSeconds: number;
  /** Reads what the job has left up to now; null: it is not all yet. */
  hear(look: ShortJobLook): T | null;
}

/** What came of the wait. */
export type WaitEnd<T> =
  | { kind: 'answered'; value: T }
  /** The job is over and has left no answer. `words`: what the batch system kept of its output. */
  | { kind: 'mute'; words: string }
  /** The scheduler did not say whether it took it, and does not list it. */
  | { kind: 'unseen'; said: string }
  /** `standing`: how it stood in the queue. */
  | { kind: 'not started'; standing: string }
  | { kind: 'not ended' }
  | { kind: 'interrupted' }
  /** The session is gone, and ends the job itself. */
  | { kind: 'lost'; failure: Failure };

/** How often the answer is looked for, and how seldom the queue: every login node's scheduler has other users. */
const lookMilliseconds = 1_000;
const longestBetweenListings = 30_000;
/** A file server may show the answer after the scheduler says that the job is over. */
const answerDelayMilliseconds = 15_000;
/** How often it is asked whether a job that has answered is over, before it is ended. */
const triesToEnd = 5;
/** A job that is over is looked for at shorter intervals. */
const soonMilliseconds = 3_000;

/** The wait for a job that was submitted, with what is told meanwhile. */
export class JobWait<T> {
  private readonly job: ShortJob;
  private readonly profile: Profile;
  private readonly awaited: AwaitedJob<T>;
  private readonly context: Context;
  private readonly began: number;
  private nextListing: number;
  private betweenListings = 1_000;
  private startedAt: number | null = null;
  private overSince: number | null = null;
  /** Where it runs, as far as the scheduler says. */
  node: string | null = null;
  /** What was said where nobody knows whether the scheduler took it. */
  doubt: string | null = null;
  /** What was last said of it. */
  private told = '';
  private standing = 'nobody knows why';

  constructor(job: ShortJob, profile: Profile, awaited: AwaitedJob<T>, context: Context) {
    this.job = job;
    this.profile = profile;
    this.awaited = awaited;
    this.context = context;
    this.began = context.now();
    this.nextListing = this.began;
  }

  /** Since the submission. */
  get seconds(): number {
    return (this.context.now() - this.began) / 1000;
  }

  /** What the job is called in a message. */
  get name(): string {
    return this.job.id ?? this.awaited.jobName;
  }

  /** Until the job has answered, or will not; until it has waited too long, or nobody waits any more. */
  async untilOver(): Promise<WaitEnd<T>> {
    for (;;) {
      if (this.context.signal.aborted) return this.interrupted();
      const lists = this.context.now() >= this.nextListing;
      const look = await this.job.look({ lists });
      if (!look.ok) return { kind: 'lost', failure: look.failure };
      const value = this.awaited.hear(look.value);
      if (lists) this.plan(look.value);
      const end: WaitEnd<T> | null = value === null ? await this.late() : { kind: 'answered', value };
      if (end !== null) return end;
      await this.pause();
    }
  }

  /** Whether the job that has answered is over; it has nothing more to do. */
  async isOver(): Promise<boolean> {
    for (let tries = 0; tries < triesToEnd; tries += 1) {
      if (this.context.signal.aborted) return false;
      const look = await this.job.look({ lists: true });
      const state = look.ok ? look.value.job?.state : undefined;
      if (state === 'finished' || state === 'missing') return true;
      await this.pause();
    }
    return false;
  }

  private async pause(): Promise<void> {
    await sleep(lookMilliseconds, undefined, { signal: this.context.signal }).catch(() => {});
  }

  private interrupted(): WaitEnd<T> {
    const text = `ending the job ${this.job.id ?? ''} …`;
    this.context.emit({ kind: 'waiting', site: this.profile.name, text });
    return { kind: 'interrupted' };
  }

  private plan({ job }: ShortJobLook): void {
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
    const limit = this.startedAt === null ? `; given up after ${inTime(this.awaited.waitSeconds)} (--wait)` : '';
    const text = `the job ${this.name} ${words}, ${seconds} s after its submission${limit}`;
    this.context.emit({ kind: 'waiting', site: this.profile.name, text });
  }

  private async late(): Promise<WaitEnd<T> | null> {
    const now = this.context.now();
    const { startedAt, overSince } = this;
    if (overSince !== null) return now - overSince >= answerDelayMilliseconds ? await this.unanswered() : null;
    const { waitSeconds, longestSeconds } = this.awaited;
    if (startedAt === null)
      return now - this.began >= waitSeconds * 1000 ? { kind: 'not started', standing: this.standing } : null;
    return now - startedAt >= (longestSeconds + 60) * 1000 ? { kind: 'not ended' } : null;
  }

  private async unanswered(): Promise<WaitEnd<T>> {
    if (this.job.id === null) return { kind: 'unseen', said: this.doubt ?? '' };
    const words = (await this.job.lastWords()).replaceAll(/\s*\n\s*/g, '; ').slice(0, 300);
    return { kind: 'mute', words };
  }
}

/** What `--wait` takes. */
export const longestWaitSeconds = 86_400;

/** `90s`, `10m`, `2h`, as the option takes it. */
export function inTime(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
