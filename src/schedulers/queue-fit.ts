import { editDistance } from '../edit-distance.ts';
import type { Mistake } from '../failure.ts';
import { schedulers } from './index.ts';
import type { BatchJob, Discovery, Judged, Queue, Scheduler } from './scheduler.ts';

/** Whether a job can run where its profile sends it, said before a submission fails or waits for ever. */

export type KnownDiscovery = Extract<Discovery, { kind: 'known' }>;

/**
 * What of the profile the site's queues cannot take, for a person; each message goes on after its key. Empty where it
 * fits, and where nobody can tell: what the user's own directives set, or keep from being set, is not judged.
 */
export function queueMistakes(
  job: BatchJob,
  discovery: KnownDiscovery,
  submission: { count: number; array: boolean },
): Mistake[] {
  const mistakes = [...accountMistakes(job, discovery), ...arrayMistakes(discovery, submission)];
  if (isOverridden(job, 'queue')) return mistakes;
  const chosen = chosenQueues(job, discovery);
  return 'mistake' in chosen ? [chosen.mistake, ...mistakes] : [...sizeMistakes(job, chosen.queues), ...mistakes];
}

/**
 * The most pilots that one array may have where this job goes; null: no limit is known. A larger submission is no
 * mistake: it can be split. 0: the cluster has no arrays.
 */
export function largestArray(job: BatchJob, discovery: Discovery): number | null {
  if (discovery.kind === 'unknown') return null;
  const ofQueues = largest(queuesOf(job, discovery).map((queue) => queue.maxArraySize));
  return least(discovery.limits.maxArraySize, ofQueues);
}

/** A limit on the jobs that a user may have waiting or running at a time, and what sets it: a queue, or the cluster. */
export interface JobLimit {
  most: number;
  where: string;
}

/** The one that is met first where this job goes; null: none is known. */
export function jobLimit(job: BatchJob, discovery: Discovery): JobLimit | null {
  if (discovery.kind === 'unknown') return null;
  const queues = queuesOf(job, discovery);
  const ofQueues = largest(queues.map((queue) => queue.maxSubmitJobs));
  const ofCluster = discovery.limits.maxSubmitJobs;
  const most = least(ofQueues, ofCluster);
  if (most === null) return null;
  return { most, where: most === ofQueues ? namesOf(queues) : 'the cluster' };
}

/** That the site can never reach its target for such a limit: nothing is wrong with a job of it. Null: it can. */
export function highTarget(
  job: BatchJob,
  discovery: KnownDiscovery,
  { target, nodesPerJob }: { target: number; nodesPerJob: number },
): Mistake | null {
  const limit = jobLimit(job, discovery);
  if (limit === null || Math.floor(target / nodesPerJob) <= limit.most) return null;
  const pilots = nodesPerJob === 1 ? '' : ` of ${nodesPerJob} pilots each`;
  return {
    key: 'target',
    message: `is ${target}, but ${limit.where} takes at most ${limit.most} jobs of yours${pilots}`,
  };
}

/** Where the job may start, as far as that is known. */
function queuesOf(job: BatchJob, discovery: KnownDiscovery): readonly Queue[] {
  const chosen = isOverridden(job, 'queue') ? { queues: [] } : chosenQueues(job, discovery);
  return 'queues' in chosen ? chosen.queues : [];
}

function namesOf(queues: readonly Queue[]): string {
  return queues.map((queue) => queue.name).join(' and ');
}

/** Of limits that hold together. */
function least(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Options of all batch systems that set it: one too many only means that less is judged. */
const optionsThatSet = (what: Judged): readonly string[] =>
  Object.values(schedulers).flatMap((scheduler: Scheduler) => scheduler.keys.optionsThatSet[what]);

/** Whether a directive of the user's own sets it, or the profile keeps it from being set. */
function isOverridden(job: BatchJob, what: Judged): boolean {
  const names = optionsThatSet(what);
  return job.skip.some((name) => names.includes(name)) || job.extra.some((line) => setsAny(line, names));
}

/** `--time=60`, `--tim 60`, `-t60`, `-l walltime=01:00:00`: long options may be shortened, and lists have keys. */
function setsAny(line: string, names: readonly string[]): boolean {
  return line.split(/\s+/).some((word) => {
    const long = /^--([A-Za-z][\w-]*)/.exec(word)?.[1];
    if (long !== undefined) return names.some((name) => name.startsWith(long));
    const short = /^-([A-Za-z])/.exec(word)?.[1];
    if (short !== undefined) return names.includes(short);
    return word.split(/[,:]/).some((part) => names.includes(part.split('=')[0] ?? ''));
  });
}

function accountMistakes(job: BatchJob, { limits }: KnownDiscovery): Mistake[] {
  const { account } = job;
  if (account === null || limits.accounts === null || isOverridden(job, 'account')) return [];
  // Slurm keeps accounts in small letters, whatever was typed.
  if (limits.accounts.some((known) => known.toLowerCase() === account.toLowerCase())) return [];
  const message = `is ${account}, but the accounts you may charge here are ${inOrder(account, limits.accounts)}`;
  return [{ key: 'scheduler.account', message }];
}

function arrayMistakes({ limits }: KnownDiscovery, submission: { count: number; array: boolean }): Mistake[] {
  if (!submission.array || limits.maxArraySize !== 0) return [];
  return [{ key: 'scheduler.arrays', message: 'must be false: this cluster has no job arrays' }];
}

/**
 * That nobody said how many cores a whole node has, where the batch system has no word for all of them and would grant
 * one. The number is the queue's, where it is known. Null: it was said, or is set by the user's own directives.
 */
export function unsaidCores(job: BatchJob, discovery: Discovery): Mistake | null {
  const setCores = [...optionsThatSet('cores'), 'select'];
  if (job.cores !== null || setCores.some((name) => job.skip.includes(name))) return null;
  if (job.extra.some((line) => setsAny(line, [...setCores, 'nodes']))) return null;
  const queues = discovery.kind === 'known' ? queuesOf(job, discovery) : [];
  const most = largest(queues.map((queue) => queue.coresPerNode));
  const known =
    most === null ? 'the cores that its nodes have' : `${most}: the nodes of ${namesOf(queues)} have so many`;
  return {
    key: 'scheduler.cores',
    message: `must be set, or the job would not get a whole node here; set it to ${known}`,
  };
}

/**
 * The queues the job may start in, open or not: those the profile names (with commas where it is several), or the default. None
 * where there are queues but no default.
 */
function chosenQueues(job: BatchJob, { queues }: KnownDiscovery): { queues: readonly Queue[] } | { mistake: Mistake } {
  if (queues.length === 0) return wrongQueue('cannot be any: the cluster has no queue');
  const names = job.queue === null ? [] : job.queue.split(',');
  const unknown = names.find((name) => !queues.some((queue) => queue.name === name));
  if (unknown === undefined) return { queues: queues.filter((queue) => isChosen(queue, names)) };
  const known = queues.map((queue) => queue.name);
  return wrongQueue(`is ${unknown}, which this cluster does not have; it has ${inOrder(unknown, known)}`);
}

function isChosen(queue: Queue, names: readonly string[]): boolean {
  return names.length === 0 ? queue.isDefault : names.includes(queue.name);
}

/**
 * That every queue the job may start in is closed, as in a maintenance: nothing is wrong with the profile, but its pilots
 * wait, or are refused until it is over. Null where one is open.
 */
export function closedQueue(job: BatchJob, discovery: KnownDiscovery): Mistake | null {
  const chosen = queuesOf(job, discovery);
  if (chosen.length === 0 || chosen.some((queue) => queue.isOpen)) return null;
  const names = chosen.map((queue) => queue.name).join(',');
  const others = discovery.queues.filter((queue) => queue.isOpen).map((queue) => queue.name);
  const instead = others.length === 0 ? 'and so are all others' : `open are ${inOrder(names, others)}`;
  return { key: 'scheduler.queue', message: `is ${names}, which is closed now; ${instead}` };
}

function wrongQueue(message: string): { mistake: Mistake } {
  return { mistake: { key: 'scheduler.queue', message } };
}

/** The most similar first, and not all of very many. */
function inOrder(wanted: string, known: readonly string[]): string {
  const distance = new Map(known.map((name) => [name, editDistance(wanted.toLowerCase(), name.toLowerCase())]));
  const sorted = known.toSorted((a, b) => (distance.get(a) ?? 0) - (distance.get(b) ?? 0));
  const most = 12;
  return sorted.length <= most
    ? sorted.join(', ')
    : `${sorted.slice(0, most).join(', ')} and ${sorted.length - most} more`;
}

/** Where the job may start in several queues, it is wrong only if it is too large for each. */
function sizeMistakes(job: BatchJob, queues: readonly Queue[]): Mistake[] {
  if (queues.length === 0) return [];
  const names = namesOf(queues);
  return [
    ...walltimeMistakes(job, queues, names),
    ...nodeCountMistakes(job, queues, names),
    ...nodeMistakes(job, queues, names),
    ...gpuMistakes(job, queues, names),
  ];
}

function walltimeMistakes(job: BatchJob, queues: readonly Queue[], names: string): Mistake[] {
  // A QOS may let its jobs run longer than their queue does, and there is no telling which.
  if (job.qos !== null || isOverridden(job, 'walltime')) return [];
  const most = largest(queues.map((queue) => queue.maxWalltimeSeconds));
  // Schedulers count in whole minutes.
  if (most === null || Math.ceil(job.walltimeSeconds / 60) * 60 <= most) return [];
  const message = `is ${inDays(job.walltimeSeconds)}, but ${names} allows at most ${inDays(most)}`;
  return [{ key: 'scheduler.walltime', message }];
}

/** What a QOS allows instead nobody can tell; the nodes that there are, all the same. */
function nodeCountMistakes(job: BatchJob, queues: readonly Queue[], names: string): Mistake[] {
  if (isOverridden(job, 'nodes')) return [];
  const wrong = (message: string): Mistake[] => [{ key: 'scheduler.nodesPerJob', message }];
  const there = largest(queues.map(({ nodes }) => nodes)) ?? job.nodes;
  if (job.nodes > 1 && job.nodes > there) return wrong(`is ${job.nodes}, but ${names} has only ${there}`);
  const most = job.qos === null ? largest(queues.map(({ maxNodesPerJob }) => maxNodesPerJob)) : null;
  if (most === null || job.nodes <= most) return [];
  return wrong(`is ${job.nodes}, but ${names} allows a job at most ${most}`);
}

function nodeMistakes(job: BatchJob, queues: readonly Queue[], names: string): Mistake[] {
  const tooMany = (what: Judged, wanted: number | null, has: readonly (number | null)[]): number | null => {
    const most = largest(has);
    return wanted === null || most === null || wanted <= most || isOverridden(job, what) ? null : most;
  };
  const cores = tooMany(
    'cores',
    job.cores,
    queues.map((queue) => queue.coresPerNode),
  );
  const memory = tooMany(
    'memory',
    job.memoryMB,
    queues.map((queue) => queue.memoryMBPerNode),
  );
  const wrong = (key: string, wanted: number | null, most: number | null): Mistake[] =>
    most === null ? [] : [{ key, message: `is ${wanted}, but no node of ${names} has more than ${most}` }];
  return [...wrong('scheduler.cores', job.cores, cores), ...wrong('scheduler.memoryMB', job.memoryMB, memory)];
}

/** What the queue's nodes have of GPUs is known where all of them are shown, as it is of cores. */
function gpuMistakes(job: BatchJob, queues: readonly Queue[], names: string): Mistake[] {
  const { gpus, gpuType } = job;
  if (gpus === 0 || job.gpuOption === 'none' || isOverridden(job, 'gpus')) return [];
  const most = largest(queues.map((queue) => (queue.coresPerNode === null ? null : queue.gpusPerNode)));
  if (most === null) return [];
  if (most === 0) return [{ key: 'scheduler.gpus', message: `is ${gpus}, but no node of ${names} has GPUs` }];
  const more = { key: 'scheduler.gpus', message: `is ${gpus}, but no node of ${names} has more than ${most}` };
  return [...(gpus > most ? [more] : []), ...gpuTypeMistakes(gpuType, queues, names)];
}

function gpuTypeMistakes(wanted: string | null, queues: readonly Queue[], names: string): Mistake[] {
  const types = [...new Set(queues.flatMap((queue) => queue.gpuTypes))];
  if (wanted === null || types.some((type) => type.toLowerCase() === wanted.toLowerCase())) return [];
  const instead = types.length === 0 ? `the GPUs of ${names} have no names` : `${names} has ${inOrder(wanted, types)}`;
  return [{ key: 'scheduler.gpuType', message: `is ${wanted}, but ${instead}` }];
}

/** Null, where one of them has no limit or does not say. */
function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length || known.length === 0 ? null : Math.max(...known);
}

/** `2-00:00:00`, as profiles and schedulers write a wall clock. */
export function inDays(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${Math.floor(seconds / 86_400)}-${two((seconds % 86_400) / 3_600)}:${two((seconds % 3_600) / 60)}:${two(seconds % 60)}`;
}
