import type { Census } from '../login/census.ts';
import type { Note } from '../login/journal.ts';
import type { EndedJob } from '../login/past.ts';
import type { FinishedJob } from '../schedulers/scheduler.ts';

/** Pilots that left no word of how they ended, and what the accounting has of them. Pure. */

/** Those that this look found to be over: each is asked for once. */
export function unexplained({ notes, past }: Census): EndedJob[] {
  const closed = new Set(notes.flatMap((note) => (note.kind === 'closed' ? [note.member] : [])));
  return past.ended.filter(({ ending, member }) => ending === null && closed.has(member));
}

/** The census, with what the accounting says of them; also in what is written down. */
export function explainedBy(census: Census, finished: readonly FinishedJob[], nowSeconds: number): Census {
  const byId = new Map(finished.map((job) => [job.id, job]));
  const told = new Map<string, FinishedJob>();
  for (const { member, id } of unexplained(census)) {
    const job = byId.get(id);
    if (job !== undefined) told.set(member, job);
  }
  const notes = [...told].map(([member, job]): Note => ({ kind: 'ended', member, end: endOf(job), at: nowSeconds }));
  const ended = census.past.ended.map((job) => {
    const said = told.get(job.member);
    return said === undefined ? job : withEnd(job, said);
  });
  return { ...census, notes: [...census.notes, ...notes], past: { ...census.past, ended } };
}

function endOf({ exitCode, state, node, startedAt, endedAt }: FinishedJob) {
  return { exitCode, state, node, startedAt, endedAt };
}

function withEnd(job: EndedJob, { exitCode, state, node, startedAt, endedAt }: FinishedJob): EndedJob {
  return {
    ...job,
    node: job.node ?? node,
    startedAt: job.startedAt ?? startedAt,
    endedAt: endedAt ?? job.endedAt,
    ending: { exitCode, reason: state },
  };
}
