import type { Job } from './batch-system.ts';
import type { PbsFlavour } from './pbs-flavour.ts';

/** What PBS has an id for: a job, an array, or one of an array. */
export interface PbsRecord {
  /** `7.server`, `7[].server`, `7[3].server`. */
  id: string;
  kind: 'job' | 'array' | 'element';
  jobs: readonly [Job, ...Job[]];
}

export function pbsId({ submission, index }: Pick<Job, 'submission' | 'index'>, server: string): string {
  return index === null ? `${submission}.${server}` : `${submission}[${index}].${server}`;
}

/** The name as listings show it. */
export function shownName({ request, index }: Job, { elementsAreJobs }: PbsFlavour): string {
  return elementsAreJobs && index !== null ? `${request.name}-${index}` : request.name;
}

/** Jobs and arrays, in the order of submission; `elements`: each array is followed by what it has. */
export function recordsOf(jobs: readonly Job[], server: string, elements: boolean): PbsRecord[] {
  const submissions = new Map<number, [Job, ...Job[]]>();
  for (const job of jobs) {
    const together = submissions.get(job.submission);
    if (together === undefined) submissions.set(job.submission, [job]);
    else together.push(job);
  }
  return [...submissions.values()].flatMap((all): PbsRecord[] => {
    const [first] = all;
    if (first.index === null) return [{ id: pbsId(first, server), kind: 'job', jobs: all }];
    const array: PbsRecord = { id: `${first.submission}[].${server}`, kind: 'array', jobs: all };
    return elements ? [array, ...all.map((job) => elementOf(job, server))] : [array];
  });
}

function elementOf(job: Job, server: string): PbsRecord {
  return { id: pbsId(job, server), kind: 'element', jobs: [job] };
}

export function isOver({ jobs }: PbsRecord): boolean {
  return jobs.every(({ state }) => state === 'over');
}

/** PBS's letter for the state. `arrayIsOver`: of the array that an element belongs to. */
export function stateLetter(
  record: PbsRecord,
  { overState, elementsAreJobs }: PbsFlavour,
  arrayIsOver = false,
): string {
  const { jobs, kind } = record;
  if (isOver(record)) return kind === 'element' && !arrayIsOver && overState === 'F' ? 'X' : overState;
  // One of a held array is shown as waiting, with its array's hold (23.06.06).
  const showsHold = kind !== 'element' || elementsAreJobs;
  if (showsHold && jobs.every(({ state, held }) => state === 'waiting' && held)) return 'H';
  if (jobs.every(({ state }) => state === 'waiting')) return 'Q';
  // What runs of a held array goes on (23.06.06).
  const waiting = jobs.filter(({ state }) => state === 'waiting');
  if (kind === 'array' && waiting.length > 0 && waiting.every(({ held }) => held)) return 'H';
  // A job that is being ended runs until it is gone (23.06.06).
  return kind === 'array' ? 'B' : 'R';
}

/** What an id means, with or without its server; null: it is not an id at all. */
export function recordById(id: string, jobs: readonly Job[], server: string): PbsRecord | 'unknown' | null {
  const [, number, brackets, index, host] = /^(\d+)(\[(\d*)\])?(?:\.([\w.-]+))?$/.exec(id) ?? [];
  if (number === undefined || (host !== undefined && host !== server)) return null;
  const ofSubmission = jobs.filter((job) => job.submission === Number(number));
  if (index !== undefined && index !== '') {
    const job = ofSubmission.find((one) => one.index === Number(index));
    return job === undefined ? 'unknown' : elementOf(job, server);
  }
  const record = recordsOf(ofSubmission, server, false)[0];
  const isArray = record?.kind === 'array';
  return record === undefined || isArray !== (brackets !== undefined) ? 'unknown' : record;
}
