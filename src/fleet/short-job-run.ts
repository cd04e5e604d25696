import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import type { Failure } from '../failure.ts';
import { ShortJob, type ShortJobSettings } from '../login/short-job.ts';
import { type JobPlace, placeWord } from '../login/short-job-programs.ts';
import type { Transport } from '../transports/transport.ts';
import { type AwaitedJob, JobWait, type WaitEnd } from './job-wait.ts';
import type { RenderedJob } from './rendered-job.ts';
import { openSession } from './site-login.ts';
import { schedulerOf } from './site-scheduler.ts';

/**
 * A short job that a person waits for: submitted, waited for, and gone again however this ends. It is none of the site's
 * pilots, and takes no lock: passes go on beside it.
 */

/** A job to run, and what is waited for. `longestSeconds` is the wall clock that it asks for. */
export interface ShortJobOrder<T> extends AwaitedJob<T> {
  settings: ShortJobSettings;
}

/** How it ended. `failed`: it did not come to a job, or the connection was lost, which ends it. */
export type ShortJobEnd<T> =
  | { kind: 'failed'; failure: Failure }
  | (Exclude<WaitEnd<T>, { kind: 'lost' | 'interrupted' }> & {
      /** What it is called in a message. */
      job: string;
      node: string | null;
      /** From the submission to the answer. */
      seconds: number;
      /** What became of the job then; `unknown`: it could not be ended, or nobody knows. */
      became: 'over' | 'cancelled' | 'unknown';
      /** The scheduler's name for it is known. */
      hasId: boolean;
    });

/** The longest that beginning and ending take beside the job itself. */
const besideSeconds = 1_200;

/** Runs it, and ends what is left of it. */
export async function runShortJob<T>(
  transport: Transport,
  profile: Profile,
  order: ShortJobOrder<T>,
  context: Context,
): Promise<ShortJobEnd<T>> {
  // What was submitted is ended first: until then an interruption is only noted.
  const guarded = new Guard(context);
  const lastsSeconds = order.waitSeconds + order.longestSeconds + besideSeconds;
  const opened = await openSession(transport, profile, { purpose: 'check', lastsSeconds }, guarded.context);
  if (!opened.ok) return { kind: 'failed', failure: opened.failure };
  await using host = opened.value;
  const job = new ShortJob(host, schedulerOf(profile), order.settings);
  guarded.holdOff();
  // AwaitedJob here: the session ends when this returns.
  return await submitAndWait(job, new JobWait(job, profile, order, context), profile, context);
}

/** What the batch system prints goes where the answer does: nothing of it stays. */
export function submitCommandFor(profile: Profile, job: RenderedJob, place: JobPlace): string {
  const submission = { ...job.submission(place.tag, 1), array: false, logDirWord: placeWord(place) };
  return schedulerOf(profile).submitCommand(job.batchJob, submission);
}

/** A context that an interruption does not end while it is held off. */
class Guard {
  readonly context: Context;
  private readonly stop = new AbortController();
  private isHeldOff = false;

  constructor(context: Context) {
    this.context = { ...context, signal: this.stop.signal };
    const end = () => {
      if (!this.isHeldOff) this.stop.abort();
    };
    context.signal.addEventListener('abort', end, { once: true });
    if (context.signal.aborted) end();
  }

  holdOff(): void {
    this.isHeldOff = true;
  }
}

async function submitAndWait<T>(
  job: ShortJob,
  wait: JobWait<T>,
  profile: Profile,
  context: Context,
): Promise<ShortJobEnd<T>> {
  context.emit({ kind: 'step', site: profile.name, step: 'submit' });
  const submitted = await job.submit();
  if (!submitted.ok) return { kind: 'failed', failure: submitted.failure };
  const refused = refusalIn(submitted.value, profile);
  if (refused !== null) {
    await job.end({ cancels: false });
    return { kind: 'failed', failure: refused };
  }
  if (submitted.value.kind === 'inDoubt') wait.doubt = submitted.value.text;
  context.emit({ kind: 'step', site: profile.name, step: 'node' });
  const end = await wait.untilOver();
  if (end.kind === 'lost') return { kind: 'failed', failure: end.failure };
  const { name: called, node, seconds } = wait;
  const isOver = end.kind === 'mute' || end.kind === 'unseen' || (end.kind === 'answered' && (await wait.isOver()));
  const ended = await job.end({ cancels: !isOver });
  if (end.kind === 'interrupted') return { kind: 'failed', failure: { kind: 'interrupted' } };
  const hasId = job.id !== null;
  const isEnded = ended.ok && ended.value.kind === 'done' && (hasId || isOver || end.kind === 'answered');
  const became = !isEnded ? 'unknown' : isOver || end.kind === 'answered' ? 'over' : 'cancelled';
  return { ...end, job: called, node, seconds, became, hasId };
}

/** What became of the job, as the end of a sentence that names it; empty where there is nothing to say. */
export function endingWords({ became, job, hasId }: { became: string; job: string; hasId: boolean }): string {
  if (became === 'over') return '';
  if (became === 'cancelled') return '; it was cancelled';
  return `; whether ${hasId ? `the job ${job}` : 'it'} was ended is not known: it ends by itself`;
}

type Submitted = Extract<Awaited<ReturnType<ShortJob['submit']>>, { ok: true }>['value'];

function refusalIn(outcome: Submitted, profile: Profile): Failure | null {
  const site = profile.name;
  switch (outcome.kind) {
    case 'unwritable': {
      const what = `nothing can be written to ${profile.connection.jobDir}`;
      return { kind: 'login-host-unusable', site, what, said: outcome.said };
    }
    case 'refused':
      return { kind: 'submit-refused', site, refusal: outcome.refusal, said: outcome.text };
    default:
      return null;
  }
}
