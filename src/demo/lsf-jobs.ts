import type { Job } from './batch-system.ts';

/** `101`, `101[3]`. */
export function lsfId({ submission, index }: Pick<Job, 'submission' | 'index'>): string {
  return index === null ? String(submission) : `${submission}[${index}]`;
}

/** The name as listings show it, which is where an element's index stands. */
export function shownName({ request, index }: Job): string {
  return index === null ? request.name : `${request.name}[${index}]`;
}

/** The jobs that an id means: `7` all of it, `7[3]` or `7[1-3]` elements. Null: it is no id. */
export function jobsById(id: string, jobs: readonly Job[]): Job[] | null {
  const [, number, first, last] = /^(\d+)(?:\[(\d+)(?:-(\d+))?\])?$/.exec(id) ?? [];
  if (number === undefined) return null;
  const ofSubmission = jobs.filter((job) => job.submission === Number(number));
  if (first === undefined) return ofSubmission;
  return ofSubmission.filter(({ index }) => index !== null && index >= Number(first) && index <= Number(last ?? first));
}

/** LSF's word for the state. A job that is being ended runs until it is gone (OpenLava 4.0). */
export function stateWord({ state, held, ending }: Job): string {
  if (state === 'waiting') return held ? 'PSUSP' : 'PEND';
  if (state !== 'over') return 'RUN';
  return ending === 'done' ? 'DONE' : 'EXIT';
}
