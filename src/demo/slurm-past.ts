import { type OptionTable, parseOptions } from './command-options.ts';
import { type Answer, type CommandCall, type CommandGround, refused, said } from './scheduler-command.ts';
import { type QueueRecord, recordsOf } from './slurm-records.ts';
import { moment } from './slurm-times.ts';

const table: OptionTable = {
  noheader: { short: 'n', takes: 'nothing' },
  parsable2: { short: 'P', takes: 'nothing' },
  allocations: { short: 'X', takes: 'nothing' },
  delimiter: { takes: 'value' },
  name: { takes: 'value' },
  user: { short: 'u', takes: 'value' },
  jobs: { short: 'j', takes: 'value' },
  starttime: { short: 'S', takes: 'value' },
  endtime: { short: 'E', takes: 'value' },
  format: { short: 'o', takes: 'value' },
};

/** `sacct`, for sites that keep an accounting. */
export function showFinished(call: CommandCall, { system, hasAccounting }: CommandGround): Answer {
  if (!hasAccounting) return refused('Slurm accounting storage is disabled');
  const { options, mistake } = parseOptions(call.args, table);
  if (mistake !== null) return refused(`sacct: unrecognized option '${mistake}'`);
  const names = options.get('name')?.split(',') ?? null;
  const format = (options.get('format') ?? 'JobID,JobName,State,ExitCode').split(',');
  const rows = recordsOf(system.history(), false, system)
    .filter(({ jobs: [job] }) => names === null || names.includes(job.request.name))
    .map((record) => format.map((field) => valueIn(field.toLowerCase(), record, call)));
  const header = options.has('noheader') ? [] : [format];
  const delimiter = options.get('delimiter') ?? '|';
  return said([...header, ...rows].map((row) => `${row.join(delimiter)}\n`).join(''));
}

function valueIn(field: string, record: QueueRecord, { environment }: CommandCall): string {
  const [job] = record.jobs;
  const time = (ms: number | null) => moment(ms, environment).replace('N/A', 'Unknown');
  const signal = job.signal === null ? 0 : job.signal === 'SIGKILL' ? 9 : 15;
  const values: Readonly<Record<string, string>> = {
    jobid: record.id,
    jobname: job.request.name,
    state: record.state,
    exitcode: `${job.exitCode ?? 0}:${signal}`,
    start: time(job.startedAt),
    end: time(job.endedAt),
    submit: time(job.submittedAt),
    nodelist: job.node ?? 'None assigned',
    comment: job.request.comment ?? '',
    partition: job.request.queue,
  };
  return values[field] ?? '';
}
