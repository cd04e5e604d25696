import type { BatchSystem, Ending, Job } from './batch-system.ts';

/**
 * Slurm's records: the waiting tasks of an array are one, and so is what is left of those that were cancelled together
 * (22.05.8).
 */
export interface QueueRecord {
  /** `7`, `7_3`, `7_[0-2]`. */
  id: string;
  submission: number;
  /** `3`, `0-2`; null: no task of an array, or tasks that are gone. */
  indices: string | null;
  number: number;
  jobs: readonly [Job, ...Job[]];
  state: string;
  reason: string;
}

/** The records of these jobs, in the order of submission. `perTask`: waiting tasks one by one, as with `--array`. */
export function recordsOf(jobs: readonly Job[], perTask: boolean, system: BatchSystem): QueueRecord[] {
  const submissions = new Map<number, Job[]>();
  for (const job of jobs) submissions.set(job.submission, [...(submissions.get(job.submission) ?? []), job]);
  return [...submissions.values()].flatMap((tasks) => recordsOfSubmission(tasks, perTask, system));
}

function recordsOfSubmission(tasks: readonly Job[], perTask: boolean, system: BatchSystem): QueueRecord[] {
  const waiting = tasks.filter((task) => task.state === 'waiting' && task.index !== null);
  const dropped = tasks.filter((task) => task.state === 'over' && task.number === null);
  const rest = tasks.filter((task) => !waiting.includes(task) && !dropped.includes(task));
  return [
    ...(perTask
      ? waiting.map((task) => recordOf([task], system))
      : nonEmpty(waiting).map((all) => recordOf(all, system))),
    ...rest.map((task) => recordOf([task], system)),
    ...leftOver(tasks, dropped, system),
  ];
}

/** Tasks that were cancelled with their array leave its record behind, once nobody else uses it. */
function leftOver(tasks: readonly Job[], dropped: readonly Job[], system: BatchSystem): QueueRecord[] {
  const last = dropped.at(-1);
  const isUsed = tasks.some(
    (task) => task.number === task.submission || (task.number === null && task.state !== 'over'),
  );
  if (last === undefined || isUsed) return [];
  return [{ ...recordOf([last], system), id: String(last.submission), indices: null, number: last.submission }];
}

function nonEmpty(jobs: readonly Job[]): [Job, ...Job[]][] {
  const [first, ...rest] = jobs;
  return first === undefined ? [] : [[first, ...rest]];
}

function recordOf(jobs: readonly [Job, ...Job[]], system: BatchSystem): QueueRecord {
  const [first] = jobs;
  const { submission, index } = first;
  const several = first.state === 'waiting' && jobs.length > 1;
  const indices = index === null ? null : several ? ranges(jobs.map((job) => job.index ?? 0)) : String(index);
  return {
    id: index === null ? String(submission) : several ? `${submission}_[${indices}]` : `${submission}_${index}`,
    submission,
    indices,
    number: first.number ?? submission,
    jobs,
    state: stateWord(first),
    reason: [...new Set(jobs.map((job) => reasonWord(job, system)))].join(','),
  };
}

const endings: Readonly<Record<Ending, readonly [state: string, reason: string]>> = {
  done: ['COMPLETED', 'None'],
  failed: ['FAILED', 'NonZeroExitCode'],
  cancelled: ['CANCELLED', 'None'],
  'out of time': ['TIMEOUT', 'TimeLimit'],
  'node lost': ['NODE_FAIL', 'NodeDown'],
};

export function stateWord(job: Job): string {
  if (job.state === 'waiting') return 'PENDING';
  if (job.state === 'running') return 'RUNNING';
  return job.state === 'ending' ? 'COMPLETING' : endings[job.ending ?? 'done'][0];
}

function reasonWord(job: Job, system: BatchSystem): string {
  const wasWaiting = job.startedAt === null;
  if (!wasWaiting && job.state === 'over') return endings[job.ending ?? 'done'][1];
  if (job.held) return 'JobHeldUser';
  if (!wasWaiting) return 'None';
  if (job.request.blockedBy !== null) return job.request.blockedBy;
  return system.nodeStates().some((node) => node.isUp && node.job === null) ? 'None' : 'Resources';
}

/** `0-2,5`, as Slurm writes the indices of an array. */
export function ranges(indices: readonly number[]): string {
  const pieces: [number, number][] = [];
  for (const index of indices) {
    const last = pieces.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else pieces.push([index, index]);
  }
  return pieces.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}

/** The jobs that an id means: `7` all of it, `7_3` one task, also by a task's own number. */
export function jobsById(id: string, jobs: readonly Job[]): Job[] {
  const [, base, index] = /^(\d+)(?:_(\d+))?$/.exec(id) ?? [];
  const ofSubmission = jobs.filter((job) => job.submission === Number(base));
  if (index !== undefined) return ofSubmission.filter((job) => job.index === Number(index));
  return ofSubmission.length > 0 ? ofSubmission : jobs.filter((job) => job.number === Number(base));
}
