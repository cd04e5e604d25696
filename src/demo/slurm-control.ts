import type { Job } from './batch-system.ts';
import { type OptionTable, parseOptions } from './command-options.ts';
import { type Answer, type CommandCall, type CommandGround, refused, said } from './scheduler-command.ts';
import { jobsById, type QueueRecord, recordsOf } from './slurm-records.ts';
import { duration, moment } from './slurm-times.ts';

const table: OptionTable = {
  state: { short: 't', takes: 'value' },
  name: { short: 'n', takes: 'value' },
  user: { short: 'u', takes: 'value' },
  quiet: { short: 'Q', takes: 'nothing' },
  verbose: { short: 'v', takes: 'nothing' },
  batch: { short: 'b', takes: 'nothing' },
  signal: { short: 's', takes: 'value' },
};

/** `scancel`: silent about what is over, or never was, except with `--state`. */
export function cancelJobs(call: CommandCall, ground: CommandGround): Answer {
  const { options, operands, mistake } = parseOptions(call.args, table);
  if (mistake !== null) return refused(`scancel: unrecognized option '${mistake}'`);
  const ids = operands.flatMap((word) => word.split(','));
  if (ids.length === 0) return refused('scancel: error: No job identification provided');
  const malformed = ids.find((id) => !/^[1-9]\d*(?:_\d+)?$/.test(id));
  if (malformed !== undefined) return refused(`scancel: error: Invalid job id ${malformed}`);
  if (options.get('signal') === 'TERM' && options.has('batch')) return tellShells(ids, ground);
  const onlyWaiting = /^(?:PENDING|PD)$/i.test(options.get('state') ?? '');
  const complaints = ids.flatMap((id) => cancelOne(id, onlyWaiting, ground));
  return complaints.length === 0 ? said('') : refused(complaints.join('\n'));
}

/** `scancel --batch --signal=TERM`: what runs goes on until its shell has ended it. */
function tellShells(ids: readonly string[], { system }: CommandGround): Answer {
  const complaints = ids.flatMap((id) => {
    const running = jobsById(id, system.jobs()).filter((job) => job.state === 'running');
    for (const job of running) system.tellShell(job);
    return running.length > 0 ? [] : [`scancel: error: Kill job error on job id ${id}: Invalid job id specified`];
  });
  return complaints.length === 0 ? said('') : refused(complaints.join('\n'));
}

function cancelOne(id: string, onlyWaiting: boolean, { system }: CommandGround): string[] {
  const jobs = jobsById(id, system.jobs());
  if (!onlyWaiting) {
    for (const job of jobs) system.cancel(job);
    return [];
  }
  if (jobs.every((job) => job.state === 'over'))
    return [`scancel: error: Kill job error on job id ${id}: Invalid job id specified`];
  const waiting = jobs.filter((job) => job.state === 'waiting');
  // One record: who names one of its tasks, names them all.
  const together = system
    .jobs()
    .filter((job) => job.state === 'waiting' && job.number === null && waiting.some((one) => shareRecord(one, job)));
  for (const job of new Set([...waiting, ...together])) system.cancel(job);
  return [];
}

function shareRecord(one: Job, other: Job): boolean {
  return one.number === null && one.submission === other.submission;
}

/** `scontrol show job`, `hold` and `release`. */
export function controlJobs(
  verb: 'show' | 'hold' | 'release',
  words: readonly string[],
  ground: CommandGround,
): Answer {
  const ids = words.flatMap((word) => word.split(',')).filter((word) => word !== '');
  if (verb === 'show') return showJobs(ids, ground);
  const complaints: string[] = [];
  for (const id of ids) {
    const jobs = jobsById(id, ground.system.jobs()).filter((job) => job.state !== 'over');
    if (jobs.length === 0) complaints.push(`Invalid job id specified for job ${id}`);
    for (const job of jobs) ground.system[verb](job);
  }
  return complaints.length === 0
    ? said('')
    : refused([...complaints, 'slurm_suspend error: Invalid job id specified'].join('\n'));
}

function showJobs(ids: readonly string[], ground: CommandGround): Answer {
  if (ground.faults.take('askFails') !== null)
    return refused('slurm_load_jobs error: Socket timed out on send/recv operation');
  const jobs = ground.system.jobs();
  const records = recordsOf(jobs, false, ground.system);
  if (ids.length === 0) return said(lines(records, ground));
  const [id = ''] = ids;
  const base = id.replace(/_.*/, '');
  const known = records.filter((record) => [record.submission, record.number].includes(Number(base)));
  if (known.length === 0) return refused('slurm_load_jobs error: Invalid job id specified');
  const named = known.filter((record) => !id.includes('_') || record.jobs.some((job) => `${base}_${job.index}` === id));
  const found = named.filter((record) => !id.includes('_') || record.indices !== null);
  return found.length === 0 ? refused(`Job ${id} not found`) : said(lines(found, ground));
}

function lines(records: readonly QueueRecord[], ground: CommandGround): string {
  return records.map((record) => `${oneLine(record, ground)}\n`).join('');
}

function oneLine(record: QueueRecord, { user }: CommandGround): string {
  const [job] = record.jobs;
  const array = record.indices === null ? [] : [`ArrayJobId=${record.submission}`, `ArrayTaskId=${record.indices}`];
  const time = (ms: number | null) => moment(ms, {}).replace('N/A', 'Unknown');
  return [
    `JobId=${record.number}`,
    ...array,
    `JobName=${job.request.name}`,
    `UserId=${user.name}(${user.uid})`,
    `JobState=${record.state}`,
    `Reason=${record.reason}`,
    `ExitCode=${job.exitCode ?? 0}:0`,
    `TimeLimit=${duration(job.request.walltimeSeconds)}`,
    `SubmitTime=${time(job.submittedAt)}`,
    `StartTime=${time(job.startedAt)}`,
    `EndTime=${time(job.endedAt)}`,
    `Partition=${job.request.queue}`,
    `NodeList=${job.node ?? ''}`,
    `NumNodes=1`,
    `WorkDir=${job.request.directory}`,
    `Comment=${job.request.comment ?? ''}`,
  ].join(' ');
}
