import type { Job } from './batch-system.ts';
import { jobsById, lsfId } from './lsf-jobs.ts';
import { type Answer, type CommandCall, type CommandGround, refused } from './scheduler-command.ts';

const usage = "Job ID or one of '-m', '-u' '-q' -'g' and '-J' must be specified";

/** `bkill`, `bstop` and `bresume`: each id by itself. */
export function controlJobs(call: CommandCall, { system }: CommandGround): Answer {
  const isSignal = call.args.includes('-s');
  const ids = call.args.filter(
    (arg, at) => !arg.startsWith('-') && !['-s', '-J', '-u'].includes(call.args[at - 1] ?? ''),
  );
  const all = system.jobs();
  if (ids.length === 0) return refused(usage, 255);
  const named = ids.flatMap((id) => (id === '0' ? system.alive().map(lsfId) : [id]));
  if (named.length === 0) return refused('No unfinished job found', 255);
  const answer: Answer = { stdout: '', stderr: '', code: 0 };
  const complain = (words: string) => {
    answer.stderr += `${words}\n`;
    answer.code = 255;
  };
  for (const id of named) {
    const jobs = jobsById(id, all);
    const alive = jobs?.filter(({ state }) => state !== 'over') ?? [];
    if (jobs === null) complain(`${id}: Illegal job ID.`);
    else if (jobs.length === 0) complain(`Job <${id}>: No matching job found`);
    else if (alive.length === 0) complain(`Job <${id}>: Job has already finished`);
    else {
      for (const job of alive) acts[call.program]?.(job, system);
      // A whole array is worked on by and by, and that is said as if it had failed (OpenLava 4.0).
      if (jobs.some(({ index }) => index !== null) && !id.includes('['))
        complain(`Job <${id}>: Operation is in progress`);
      else answer.stdout += `Job <${id}> is being ${isSignal ? 'signaled' : (words[call.program] ?? 'signaled')}\n`;
    }
  }
  return answer;
}

const words: Readonly<Record<string, string>> = { bkill: 'terminated', bstop: 'stopped', bresume: 'resumed' };

const acts: Readonly<Record<string, (job: Job, system: CommandGround['system']) => void>> = {
  bkill: (job, system) => system.cancel(job),
  bstop: (job, system) => system.hold(job),
  bresume: (job, system) => system.release(job),
};

/** `bmod -b TIME` and `bmod -bn`: when a job may start at the earliest. Here, until then, it is held. */
export function changeStart({ args }: CommandCall, { system }: CommandGround): Answer {
  const id = args.at(-1) ?? '';
  const jobs = jobsById(id, system.jobs()) ?? [];
  const notModified = (why: string) => refused(`${why}. Job not modified.`, 255);
  if (jobs.length === 0) return notModified(`${id}: No matching job found`);
  if (jobs.every(({ state }) => state === 'over')) return notModified(`${id}: Job has already finished`);
  if (jobs.some(({ state }) => state !== 'waiting'))
    return notModified('Job parameters cannot be changed now; non-repetitive job is running');
  const waits = args.includes('-b');
  for (const job of jobs) {
    if (waits) system.hold(job);
    else system.release(job);
  }
  const stderr = waits ? `Job will be scheduled after ${args[args.indexOf('-b') + 1]}\n` : '';
  return { stdout: `Parameters of job <${id}> are being changed\n`, stderr, code: 0 };
}
