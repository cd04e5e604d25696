import type { Job } from './batch-system.ts';
import type { PbsFlavour } from './pbs-flavour.ts';
import { isOver, type PbsRecord, shownName, stateLetter } from './pbs-records.ts';
import { calendarTime, clock } from './pbs-times.ts';
import type { CommandGround } from './scheduler-command.ts';

/** What PBS says of a job, in the order of `qstat -f`; a name with a dot is a part of the group before it. */
export function attributesOf(
  record: PbsRecord,
  { ground, flavour, time }: { ground: CommandGround; flavour: PbsFlavour; time(ms: number): string },
): [name: string, value: string][] {
  const { system, user } = ground;
  const [job] = record.jobs;
  const { request } = job;
  const server = system.cluster.name;
  const began = record.kind === 'array' ? record.jobs.find(({ startedAt }) => startedAt !== null) : job;
  const ended = isOver(record) ? Math.max(...record.jobs.map(({ endedAt }) => endedAt ?? 0)) : null;
  const runs = record.kind !== 'array' && job.node !== null;
  const perhaps = (isThere: boolean, name: string, value: () => string): [string, string][] =>
    isThere ? [[name, value()]] : [];
  return [
    ['Job_Name', record.kind === 'array' ? request.name : shownName(job, flavour)],
    ['Job_Owner', `${user.name}@${server}`],
    ...perhaps(runs, 'resources_used.walltime', () => clock(secondsRun(job))),
    ['job_state', stateLetter(record, flavour)],
    ['queue', request.queue],
    ['server', server],
    ['ctime', time(job.submittedAt)],
    ...perhaps(runs, 'exec_host', () => `${job.node}/0*${system.cluster.coresPerNode}`),
    ['Hold_Types', job.held && job.state === 'waiting' ? 'u' : 'n'],
    ['mtime', time(ended ?? began?.startedAt ?? job.submittedAt)],
    ['qtime', time(job.submittedAt)],
    ['Rerunable', request.details?.['rerunnable'] === 'n' ? 'False' : 'True'],
    ...Object.entries(flavour.shownResources(request)).map(([name, value]): [string, string] => [
      `Resource_List.${name}`,
      value,
    ]),
    ['Resource_List.walltime', clock(request.walltimeSeconds ?? 0)],
    ...perhaps(began !== undefined && began.startedAt !== null, flavour.elementsAreJobs ? 'start_time' : 'stime', () =>
      time(began?.startedAt ?? 0),
    ),
    ['Variable_List', request.details?.['variables'] ?? ''],
    ['comment', commentOf(record, ground)],
    ['etime', time(job.submittedAt)],
    ...perhaps(ended !== null, 'Exit_status', () => String(exitStatus(job))),
    ...perhaps(record.kind === 'array', 'array', () => 'True'),
    ...perhaps(record.kind === 'array', 'array_indices_submitted', () => request.details?.['indices'] ?? ''),
    ...perhaps(record.kind === 'element', 'array_id', () => `${job.submission}[].${server}`),
    ...perhaps(record.kind === 'element', 'array_index', () => String(job.index)),
  ];
}

function secondsRun(job: Job): number {
  return job.startedAt === null ? 0 : ((job.endedAt ?? Date.now()) - job.startedAt) / 1000;
}

/** The script's own; 256 and the signal where PBS ended it; -29 for the wall clock (23.06.06). */
function exitStatus({ ending, exitCode, signal }: Job): number {
  if (ending === 'out of time') return -29;
  if (ending === 'cancelled') return signal === 'SIGKILL' ? 265 : 271;
  return exitCode ?? (signal === 'SIGKILL' ? 137 : 143);
}

function commentOf(record: PbsRecord, { system }: CommandGround): string {
  const [job] = record.jobs;
  if (record.kind === 'array' && record.jobs.some(({ startedAt }) => startedAt !== null)) return 'Job Array Began';
  if (job.startedAt !== null) {
    const how = job.state !== 'over' ? '' : job.ending === 'done' ? ' and finished' : ' and failed';
    const time = calendarTime(job.startedAt, {});
    return `Job run at ${time.slice(0, 10)} at ${time.slice(11, 16)} on (${job.node}:ncpus=${system.cluster.coresPerNode})${how}`;
  }
  if (job.request.blockedBy !== null) return job.request.blockedBy;
  return 'Not Running: Not enough free nodes available';
}
