import type { Job } from './batch-system.ts';
import { jobsById, shownName, stateWord } from './lsf-jobs.ts';
import { moment } from './lsf-times.ts';
import { type Answer, type CommandCall, type CommandGround, jobsLeft, refused, textLeft } from './scheduler-command.ts';

interface Wish {
  flags: ReadonlySet<string>;
  name: string | null;
  format: string | null;
  ids: readonly string[];
}

const values = ['J', 'o', 'u', 'q', 'm', 'P', 'g', 'N'];
const flags = ['a', 'w', 'd', 'p', 'r', 's', 'noheader', 'aw', 'wa'];

/** Null: an option that OpenLava 4.0 does not have. */
function wishOf(args: readonly string[]): Wish | null {
  const found = new Map<string, string>();
  const given = new Set<string>();
  const ids: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const name = word.slice(1);
    if (!word.startsWith('-')) ids.push(word);
    else if (values.includes(name)) found.set(name, rest.shift() ?? '');
    else if (flags.includes(name)) for (const flag of name === 'noheader' ? [name] : name) given.add(flag);
    else return null;
  }
  return { flags: given, name: found.get('J') ?? null, format: found.get('o') ?? null, ids };
}

/** By id, and nothing else is asked. */
export function asksByIds({ args }: CommandCall): boolean {
  const wish = wishOf(args);
  return wish?.ids.some((id) => id !== '0') ?? false;
}

/** `bjobs`. */
export function listJobs(call: CommandCall, ground: CommandGround): Answer {
  const { faults } = ground;
  const wish = wishOf(call.args);
  if (wish === null)
    return refused("bjobs: invalid option -- 'j'\nUsage: bjobs [-h] [-V] [-w |-l] [-a] [jobId ...]", 255);
  const asks = asksByIds(call);
  const unreachable = 'Failed in an LSF library call: LIM is down; try later';
  if (asks && faults.take('askFails') !== null) return refused(unreachable, 255);
  if (!asks && faults.take('listFails') !== null) return refused(unreachable, 255);
  if (!asks && faults.take('listErrorWithExit0') !== null) return refused(unreachable, 0);
  const fields = wish.format === null ? null : fieldsOf(wish.format);
  const strange = fields?.names.find((name) => !(name in fieldValues));
  if (strange !== undefined) return refused(`Invalid field specs ${strange}`, 255);
  const { jobs, complaints } = wanted(wish, ground);
  const found = asks ? jobs : jobsLeft(jobs, faults);
  const lost = found.length < jobs.length;
  if (found.length === 0 && !lost) return { stdout: '', stderr: `${complaints.join('\n')}\n`, code: 255 };
  const rows = found.map((job) =>
    fields === null ? rowOf(job, wish, call, ground) : fieldRow(job, fields, call, ground),
  );
  const header = wish.flags.has('noheader') || found.length === 0 ? [] : [headerOf(fields)];
  const text = [...header, ...rows].map((line) => `${line}\n`).join('');
  const stderr = complaints.map((line) => `${line}\n`).join('');
  return { stdout: asks ? text : textLeft(text, faults), stderr, code: complaints.length > 0 ? 255 : 0 };
}

function wanted({ flags: given, name, ids }: Wish, { system }: CommandGround): { jobs: Job[]; complaints: string[] } {
  const all = system.jobs();
  const isListed = (job: Job) => given.has('a') || (given.has('d') ? job.state === 'over' : job.state !== 'over');
  const complaints: string[] = [];
  // An id shows what is over, too.
  const named = ids.flatMap((id) => {
    const found = jobsById(id, all) ?? [];
    if (found.length === 0) complaints.push(`Job <${id}> is not found`);
    return found;
  });
  const listed = ids.length > 0 ? named : all.filter(isListed);
  const jobs = listed.filter((job) => isStateWanted(job, given) && (name === null || hasName(job, name)));
  if (jobs.length === 0 && complaints.length === 0) complaints.push(nothingFound(name, given));
  return { jobs, complaints };
}

function isStateWanted(job: Job, given: ReadonlySet<string>): boolean {
  const state = stateWord(job);
  const wanted = [
    ...(given.has('p') ? ['PEND', 'PSUSP'] : []),
    ...(given.has('r') ? ['RUN'] : []),
    ...(given.has('s') ? ['PSUSP'] : []),
  ];
  return wanted.length === 0 || wanted.includes(state);
}

/** `g-campus` is the whole array, `g-campus[2]` one element, and `*` anything. */
function hasName(job: Job, name: string): boolean {
  const pattern = new RegExp(`^${name.replaceAll(/[.+?^$()|[\]{}\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  return pattern.test(job.request.name) || pattern.test(shownName(job));
}

function nothingFound(name: string | null, given: ReadonlySet<string>): string {
  if (name !== null) return `Job <${name}> is not found`;
  if (given.has('s')) return 'No suspended job found';
  return given.has('a') ? 'No job found' : 'No unfinished job found';
}

interface Fields {
  names: readonly string[];
  delimiter: string;
}

function fieldsOf(format: string): Fields {
  const [, delimiter = ' '] = /delimiter=['"]?([^'"])['"]?/.exec(format) ?? [];
  const names = format.replace(/delimiter=\S+/, '').split(/\s+/);
  return { names: names.filter((name) => name !== '').map((name) => name.replace(/:.*/, '').toLowerCase()), delimiter };
}

function headerOf(fields: Fields | null): string {
  if (fields !== null) return fields.names.map((name) => name.toUpperCase()).join(fields.delimiter);
  return 'JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME';
}

function fieldRow(job: Job, fields: Fields, call: CommandCall, ground: CommandGround): string {
  return fields.names.map((name) => fieldValues[name]?.(job, call, ground) ?? '').join(fields.delimiter);
}

type Field = (job: Job, call: CommandCall, ground: CommandGround) => string;

const fieldValues: Readonly<Record<string, Field>> = {
  jobid: ({ submission }) => String(submission),
  stat: stateWord,
  user: (_job, _call, { user }) => user.name,
  queue: ({ request }) => request.queue,
  from_host: (_job, _call, { system }) => system.cluster.name,
  exec_host: ({ node }) => node ?? '-',
  first_host: ({ node }) => node ?? '-',
  nexec_host: ({ node }) => (node === null ? '-' : '1'),
  job_name: shownName,
  job_description: ({ request }) => request.comment ?? '-',
  submit_time: ({ submittedAt }, { environment }) => moment(submittedAt, environment),
  start_time: ({ startedAt }, { environment }) => moment(startedAt, environment),
  finish_time: ({ endedAt }, { environment }) => moment(endedAt, environment),
  exit_code: (job) => exitCode(job),
};

/** 128 and the signal where one ended it. */
function exitCode({ state, exitCode: code, signal, ending }: Job): string {
  if (state !== 'over') return '-';
  if (code !== null) return String(code);
  return String(signal === 'SIGKILL' ? 137 : ending === 'cancelled' ? 130 : 143);
}

function rowOf(
  job: Job,
  { flags: given }: Wish,
  { environment }: CommandCall,
  { system, user }: CommandGround,
): string {
  const name = shownName(job);
  const isWide = given.has('w');
  const shown = isWide || name.length <= 10 ? name : `*${name.slice(-9)}`;
  const columns = [
    String(job.submission).padEnd(7),
    user.name.padEnd(7),
    stateWord(job).padEnd(5),
    job.request.queue.padEnd(10),
    system.cluster.name.padEnd(11),
    (job.node ?? (isWide ? '   -' : '')).padEnd(11),
    shown.padEnd(10),
    moment(job.submittedAt, environment),
  ];
  const line = columns.join(' ');
  return isWide ? line : `${line}  `;
}
