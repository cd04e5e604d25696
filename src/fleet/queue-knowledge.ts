import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, type Mistake, ok, type Result } from '../failure.ts';
import type { LoginHost } from '../login/login-host.ts';
import {
  closedQueue,
  highTarget,
  type JobLimit,
  jobLimit,
  largestArray,
  queueMistakes,
  unsaidCores,
} from '../schedulers/queue-fit.ts';
import type { Discovery, Output } from '../schedulers/scheduler.ts';
import { loginHostOf } from './login-host-of.ts';
import { batchJobOf, schedulerOf } from './site-scheduler.ts';

/**
 * What is known of a site's queues, so that a job that they cannot take is refused here, with the queues' own limits,
 * instead of there, or instead of waiting for ever. Nothing is refused on old or unclear knowledge.
 */

/** Where and how a site's queues are asked for and remembered. */
export interface QueueInquiry {
  profile: Profile;
  host: Pick<LoginHost, 'discover'>;
  dataDir: string;
  /** The answer is kept for next time. */
  keeps: boolean;
}

/** How long an answer is good enough to submit on. */
const goodForSeconds = 24 * 3600;

/** What the queues can take of this profile; null: no limit is known. */
export interface Room {
  /** Jobs in one array. */
  largestArray: number | null;
  /** Jobs at a time, those that are there included. */
  jobs: JobLimit | null;
}

/** Jobs that are to be submitted, and those that the site has there for sure. */
export interface Load {
  count: number;
  there: number;
}

/** Whether the queues can take jobs of this profile at all, and how many. */
export async function roomInQueues(inquiry: QueueInquiry, load: Load, context: Context): Promise<Result<Room>> {
  const { profile } = inquiry;
  const remembered = await rememberedAnswer(inquiry, context);
  if (remembered !== null && isRoomFor(profile, remembered, load)) return ok(roomOf(profile, remembered));
  const asked = await askQueues(inquiry, context);
  if (!asked.ok) return asked;
  const mistakes = mistakesIn(profile, asked.value, load.count);
  warnOfClosed(profile, asked.value, context);
  if (mistakes.length === 0) return ok(roomOf(profile, asked.value));
  const { name, scheduler } = profile;
  return failed({ kind: 'queue-unfit', site: name, queue: scheduler.queue, mistakes });
}

/** Asks what the queues offer, and remembers an answer that is clear. */
export async function askQueues(inquiry: QueueInquiry, context: Context): Promise<Result<Discovery>> {
  const output = await inquiry.host.discover();
  if (!output.ok) return output;
  const discovery = schedulerOf(inquiry.profile).parseDiscovery(output.value);
  if (inquiry.keeps && discovery.kind === 'known') await remember(inquiry, output.value, context);
  return ok(discovery);
}

function isRoomFor(profile: Profile, discovery: Discovery, { count, there }: Load): boolean {
  const most = roomOf(profile, discovery).jobs?.most ?? Number.POSITIVE_INFINITY;
  return mistakesIn(profile, discovery, count).length === 0 && count + there <= most;
}

function roomOf(profile: Profile, discovery: Discovery): Room {
  const job = batchJobOf(profile);
  return { largestArray: largestArray(job, discovery), jobs: jobLimit(job, discovery) };
}

function mistakesIn(profile: Profile, discovery: Discovery, count: number): Mistake[] {
  const unsaid = unsaidIn(profile, discovery);
  if (discovery.kind === 'unknown') return unsaid;
  return [...unsaid, ...queueMistakes(batchJobOf(profile), discovery, { count, array: profile.scheduler.arrays })];
}

/**
 * Where the profile does not fit its queues: what is wrong with it, and what only keeps it from its target (queues that
 * are closed for now, a limit on jobs). Empty where nothing is known.
 */
export function misfits(profile: Profile, discovery: Discovery): { wrong: Mistake[]; holding: Mistake[] } {
  if (discovery.kind === 'unknown') return { wrong: [], holding: [] };
  const job = batchJobOf(profile);
  const { target, scheduler } = profile;
  const holding = [closedQueue(job, discovery), highTarget(job, discovery, { target, ...scheduler })];
  return { wrong: mistakesIn(profile, discovery, 1), holding: holding.filter((one) => one !== null) };
}

/** What the batch system must be told and is not, even where nothing is known of the queues. */
export function unsaidIn(profile: Profile, discovery: Discovery): Mistake[] {
  const job = batchJobOf(profile);
  const unsaid = schedulerOf(profile).needsCores?.(job) === true ? unsaidCores(job, discovery) : null;
  return unsaid === null ? [] : [unsaid];
}

function warnOfClosed(profile: Profile, discovery: Discovery, context: Context): void {
  const closed = discovery.kind === 'known' ? closedQueue(batchJobOf(profile), discovery) : null;
  if (closed !== null) context.emit({ kind: 'warning', site: profile.name, text: `${closed.key} ${closed.message}` });
}

/** An answer as it is kept: the scheduler's own words, to be understood anew each time. */
interface Kept {
  loginHost: string;
  at: number;
  output: Output;
}

async function rememberedAnswer({ profile, dataDir }: QueueInquiry, context: Context): Promise<Discovery | null> {
  const text = await readFile(fileOf(dataDir, profile), 'utf8').catch(() => '');
  const kept = keptIn(text);
  const age = context.now() / 1000 - (kept?.at ?? 0);
  if (kept === null || kept.loginHost !== loginHostOf(profile) || age < 0 || age > goodForSeconds) return null;
  return schedulerOf(profile).parseDiscovery(kept.output);
}

/** Null for what is not an answer that was kept here: it is asked for again. */
function keptIn(text: string): Kept | null {
  try {
    const { loginHost, at, output } = JSON.parse(text) as Kept;
    const whole = typeof loginHost === 'string' && typeof at === 'number' && typeof output.code === 'number';
    return whole && typeof output.stdout === 'string' && typeof output.stderr === 'string'
      ? { loginHost, at, output }
      : null;
  } catch {
    return null;
  }
}

// Only a saving: a machine that cannot keep it asks each time.
async function remember({ profile, dataDir }: QueueInquiry, output: Output, context: Context): Promise<void> {
  const file = fileOf(dataDir, profile);
  const kept: Kept = { loginHost: loginHostOf(profile), at: context.now() / 1000, output };
  await mkdir(join(dataDir, 'queues'), { recursive: true, mode: 0o700 })
    .then(() => writeFile(file, JSON.stringify(kept), { mode: 0o600 }))
    .catch((error: Error) => {
      const text = `what the queues offer cannot be remembered: ${error.message}`;
      context.emit({ kind: 'note', site: profile.name, text });
    });
}

/** What is remembered may have let a submission be made that was refused for good: the next one asks anew. */
export async function forgetQueues({ profile, dataDir }: Pick<QueueInquiry, 'profile' | 'dataDir'>): Promise<void> {
  await rm(fileOf(dataDir, profile), { force: true }).catch(() => {});
}

function fileOf(dataDir: string, { name }: Profile): string {
  return join(dataDir, 'queues', `${name}.json`);
}
