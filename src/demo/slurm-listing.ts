import type { Job } from './batch-system.ts';
import { type OptionTable, parseOptions } from './command-options.ts';
import {
  type Answer,
  type CommandCall,
  type CommandGround,
  jobsLeft,
  refused,
  said,
  textLeft,
} from './scheduler-command.ts';
import { jobsById, type QueueRecord, recordsOf } from './slurm-records.ts';
import { duration, moment } from './slurm-times.ts';

const table: OptionTable = {
  noheader: { short: 'h', takes: 'nothing' },
  array: { short: 'r', takes: 'nothing' },
  all: { short: 'a', takes: 'nothing' },
  me: { takes: 'nothing' },
  user: { short: 'u', takes: 'value' },
  name: { short: 'n', takes: 'value' },
  jobs: { short: 'j', takes: 'perhaps' },
  states: { short: 't', takes: 'value' },
  partition: { short: 'p', takes: 'value' },
  sort: { short: 'S', takes: 'value' },
  format: { short: 'o', takes: 'value' },
};

/** `squeue`. */
export function listJobs(call: CommandCall, ground: CommandGround): Answer {
  const { faults } = ground;
  if (faults.take('listFails') !== null)
    return refused('slurm_load_jobs error: Unable to contact slurm controller (connect failure)');
  if (faults.take('listErrorWithExit0') !== null)
    return refused('slurm_load_jobs error: Socket timed out on send/recv operation', 0);
  const parsed = parseOptions(call.args, table);
  if (parsed.mistake !== null) return refused(`squeue: unrecognized option '${parsed.mistake}'`);
  const wish = wishOf(parsed.options, call.environment);
  const misled = misleadingEnvironment(wish, call, ground);
  if (misled !== null) return misled;
  const records = jobsLeft(wantedRecords(wish, ground), faults);
  const header = wish.noheader ? [] : [headerOf(wish.format)];
  const lines = [...header, ...records.map((record) => formatted(wish.format, record, call, ground))];
  return said(textLeft(lines.map((line) => `${line}\n`).join(''), faults));
}

/** What is asked for: the command line, and where it says nothing the environment (22.05.8). */
interface Wish {
  noheader: boolean;
  array: boolean;
  user: string | null;
  names: readonly string[] | null;
  jobs: string | null;
  states: readonly string[] | null;
  partitions: readonly string[] | null;
  sort: string | null;
  format: string;
}

const everyDayFormat = '%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R';

function wishOf(options: ReadonlyMap<string, string>, environment: Readonly<Record<string, string>>): Wish {
  const either = (option: string, variable: string) => options.get(option) ?? environment[variable] ?? null;
  const list = (text: string | null) => text?.split(',') ?? null;
  return {
    noheader: options.has('noheader'),
    array: options.has('array') || environment['SQUEUE_ARRAY'] !== undefined,
    user: options.has('me') ? '' : either('user', 'SQUEUE_USERS'),
    names: list(either('name', 'SQUEUE_NAMES')),
    jobs: options.get('jobs') || null,
    states: list(either('states', 'SQUEUE_STATES')),
    partitions: list(either('partition', 'SQUEUE_PARTITION')),
    sort: either('sort', 'SQUEUE_SORT'),
    format: either('format', 'SQUEUE_FORMAT') ?? everyDayFormat,
  };
}

function misleadingEnvironment(wish: Wish, call: CommandCall, { user }: CommandGround): Answer | null {
  if (call.environment['SLURM_CLUSTERS'] !== undefined) return refused('squeue: error: Problem talking to database');
  const known = [null, '', user.name, String(user.uid)];
  // Exit 0, as it was seen.
  return known.includes(wish.user) ? null : refused(`squeue: error: Invalid user: ${wish.user}\n`, 0);
}

function wantedRecords(wish: Wish, { system }: CommandGround): QueueRecord[] {
  const all = system.jobs();
  const ids = wish.jobs?.split(',') ?? null;
  const jobs = ids === null ? all : [...new Set(ids.flatMap((id) => jobsById(id, all)))];
  const records = recordsOf(jobs, wish.array, system).filter(({ jobs: [job], state }) => {
    if (wish.names !== null && !wish.names.includes(job.request.name)) return false;
    if (wish.partitions !== null && !wish.partitions.includes(job.request.queue)) return false;
    return isWanted(state, wish.states);
  });
  return sorted(records, wish.sort);
}

const shortStates: Readonly<Record<string, string>> = {
  PENDING: 'PD',
  RUNNING: 'R',
  COMPLETING: 'CG',
  COMPLETED: 'CD',
  FAILED: 'F',
  CANCELLED: 'CA',
  TIMEOUT: 'TO',
  NODE_FAIL: 'NF',
};

function isWanted(state: string, states: readonly string[] | null): boolean {
  if (states === null) return ['PENDING', 'RUNNING', 'COMPLETING'].includes(state);
  const wanted = states.map((one) => one.toUpperCase());
  return wanted.includes('ALL') || wanted.includes(state) || wanted.includes(shortStates[state] ?? state);
}

function sorted(records: QueueRecord[], sort: string | null): QueueRecord[] {
  const place = (record: QueueRecord) => Object.keys(shortStates).indexOf(record.state);
  const id = ({ submission, jobs: [job] }: QueueRecord) => submission * 100_000 + (job.index ?? 0);
  if (sort === null) return records.sort((one, other) => place(one) - place(other) || id(one) - id(other));
  return records.sort((one, other) => (id(one) - id(other)) * (sort.startsWith('-') ? -1 : 1));
}

function headerOf(format: string): string {
  const names: Readonly<Record<string, string>> = {
    i: 'JOBID',
    P: 'PARTITION',
    j: 'NAME',
    u: 'USER',
    t: 'ST',
    T: 'STATE',
    M: 'TIME',
    D: 'NODES',
    R: 'NODELIST(REASON)',
    k: 'COMMENT',
    r: 'REASON',
  };
  return fill(format, (letter) => names[letter] ?? letter);
}

function formatted(format: string, record: QueueRecord, call: CommandCall, ground: CommandGround): string {
  return fill(format, (letter) => fields[letter]?.(record, call, ground) ?? '');
}

/** `%i`, `%.18i` (to the right), `%18i` (to the left). */
function fill(format: string, value: (letter: string) => string): string {
  return format.replaceAll(/%(\.?)(\d*)([A-Za-z])/g, (_whole, right: string, width: string, letter: string) => {
    const text = width === '' ? value(letter) : value(letter).slice(0, Number(width));
    return right === '.' ? text.padStart(Number(width)) : text.padEnd(Number(width));
  });
}

type Field = (record: QueueRecord, call: CommandCall, ground: CommandGround) => string;

const fields: Readonly<Record<string, Field>> = {
  i: ({ id }, call) => shortened(id, call),
  A: ({ number }) => String(number),
  F: ({ submission }) => String(submission),
  K: ({ indices }, call) => shortened(indices ?? 'N/A', call),
  T: ({ state }) => state,
  t: ({ state }) => shortStates[state] ?? state,
  r: ({ reason }) => reason,
  R: ({ state, reason, jobs: [job] }) => (state === 'PENDING' ? `(${reason})` : (job.node ?? '')),
  D: () => '1',
  S: ({ jobs: [job] }, { environment }) => moment(startOf(job), environment),
  V: ({ jobs: [job] }, { environment }) => moment(job.submittedAt, environment),
  e: ({ jobs: [job] }, { environment }) => moment(endOf(job), environment),
  B: ({ jobs: [job] }) => job.node ?? 'n/a',
  N: ({ jobs: [job] }) => job.node ?? '',
  k: ({ jobs: [job] }) => job.request.comment ?? '(null)',
  j: ({ jobs: [job] }) => job.request.name,
  P: ({ jobs: [job] }) => job.request.queue,
  u: (_record, _call, { user }) => user.name,
  M: ({ jobs: [job] }) => duration(job.startedAt === null ? 0 : ((job.endedAt ?? Date.now()) - job.startedAt) / 1000),
  l: ({ jobs: [job] }) => duration(job.request.walltimeSeconds),
  C: (_record, _call, { system }) => String(system.cluster.coresPerNode),
};

/** A job that ended before it started has that moment as both. */
function startOf(job: Job): number | null {
  return job.startedAt ?? job.endedAt;
}

function endOf(job: Job): number | null {
  if (job.endedAt !== null || job.startedAt === null) return job.endedAt;
  return job.request.walltimeSeconds === null ? null : job.startedAt + job.request.walltimeSeconds * 1000;
}

/** A long list of indices is cut with dots, unless `SLURM_BITSTR_LEN` says otherwise. */
function shortened(text: string, { environment }: CommandCall): string {
  const longest = Number(environment['SLURM_BITSTR_LEN'] ?? 64);
  return longest === 0 || text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}
