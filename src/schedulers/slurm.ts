import { commandLine, quote } from '../shell.ts';
import { saidBy } from './failed-words.ts';
import type {
  BatchJob,
  CancelOutcome,
  JobState,
  ListedJob,
  Listing,
  ListQuery,
  Output,
  Scheduler,
  Submission,
  SubmitOutcome,
} from './scheduler.ts';
import { finishedCommand, parseFinished } from './slurm-accounting.ts';
import { discoverCommand, parseDiscovery } from './slurm-discovery.ts';
import { explain } from './slurm-reasons.ts';
import { directiveRefusal, parseIndices, time } from './slurm-text.ts';
import { tagAmongWords } from './tag-among-words.ts';
import { wantedOptions } from './wanted-options.ts';

/**
 * Slurm, 20.02 and later (`squeue` sizes its columns to their content since then). What was seen of 22.05.8 is in
 * docs/observed/slurm.md; states and messages are those of Slurm's own tables up to 26.05.
 */
export const slurm: Scheduler = {
  kind: 'slurm',
  clients: { needed: ['sbatch', 'squeue', 'scancel', 'scontrol'], versionCommand: 'sbatch --version' },
  // SQUEUE_STATES=R hides pending jobs, SBATCH_ARRAY_INX turns one job into many: both with exit 0.
  defaultsPrefixes: [
    'SQUEUE_',
    'SBATCH_',
    'SCANCEL_',
    'SCONTROL_',
    'SINFO_',
    'SACCT_',
    'SLURM_CLUSTERS',
    'SLURM_TIME_FORMAT',
    'SLURM_EXIT_ERROR',
    'SLURM_BITSTR_LEN',
  ],
  firstIndex: 0,
  keys: {
    choices: { gpuOption: ['gpus-per-node', 'gpus', 'gres'] },
    without: {},
    optionsThatSet: {
      queue: ['partition', 'p'],
      walltime: ['time', 't'],
      nodes: ['nodes', 'N'],
      cores: ['cpus-per-task', 'c', 'ntasks', 'n', 'exclusive'],
      memory: ['mem', 'mem-per-cpu'],
      gpus: ['gpus-per-node', 'gpus', 'G', 'gres', 'gpus-per-task', 'gpus-per-socket', 'tres-per-task'],
      account: ['account', 'A'],
    },
  },
  directives,
  directiveRefusal,
  submitCommand,
  parseSubmit,
  listCommand,
  parseList,
  askCommand,
  parseAsk,
  cancelCommand,
  parseCancel,
  endCommand,
  parseEnd,
  discoverCommand,
  parseDiscovery,
  finishedCommand,
  parseFinished,
  explain,
  avoidsNodes,
  pilotId: (submissionId, index) => (index === null ? submissionId : `${submissionId}_${index}`),
  submissionIdOf: (pilotId) => pilotId.replace(/_\d+$/, ''),
};

/** `--name=value` or `--name`, unless the site cannot have it. */
function directives(job: BatchJob): readonly string[] {
  const options: (readonly [name: string, value: string | null] | null)[] = [
    ['job-name', job.name],
    ['nodes', String(job.nodes)],
    job.nodes === 1 ? ['ntasks', '1'] : ['ntasks-per-node', '1'],
    // A node that fails leaves the others to their pilots, and the listing says how many are left (22.05.8, run).
    job.nodes === 1 ? null : ['no-kill', null],
    job.cores === null ? ['exclusive', null] : ['cpus-per-task', String(job.cores)],
    ['mem', job.memoryMB === null ? '0' : `${job.memoryMB}M`],
    gpuRequest(job),
    ['time', slurmTime(job.walltimeSeconds)],
    given('partition', job.queue),
    given('account', job.account),
    given('wckey', job.project),
    given('qos', job.qos),
    given('constraint', job.constraint),
    given('reservation', job.reservation),
    // A requeued job keeps its id and starts again; the next pass replaces it instead.
    ['no-requeue', null],
    job.avoid.length > 0 && avoidsNodes(job) ? ['exclude', job.avoid.join(',')] : null,
  ];
  const wanted = wantedOptions(options, job);
  return [...wanted.map(([name, value]) => (value === null ? `--${name}` : `--${name}=${value}`)), ...job.extra];
}

function given(name: string, value: string | null): readonly [string, string] | null {
  return value === null ? null : [name, value];
}

/** The last of several such options counts, and one of the user's own is meant. */
function avoidsNodes({ skip, extra }: BatchJob): boolean {
  return !skip.includes('exclude') && !extra.some((line) => /^(?:--exclude\b|-x)/.test(line));
}

/** `gpus` and `gpus-per-node` need select/cons_tres (19.05 and later); with cons_res only `gres` works. */
function gpuRequest({ gpus, gpuType, gpuOption, nodes }: BatchJob): readonly [string, string] | null {
  if (gpus === 0 || gpuOption === 'none') return null;
  // `gpus` is the job's number, the others are each node's.
  const number = gpuOption === 'gpus' ? gpus * nodes : gpus;
  const amount = gpuType === null ? `${number}` : `${gpuType}:${number}`;
  return gpuOption === 'gres' ? ['gres', `gpu:${amount}`] : [gpuOption ?? 'gpus-per-node', amount];
}

/** `D-HH:MM:SS`: the one form that cannot be read as minutes. Slurm itself rounds seconds up to the minute. */
function slurmTime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${Math.floor(seconds / 86400)}-${two((seconds % 86400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

// The command line beats the environment and the directives, so what decides how many and where stands here as well.
// Even one pilot is an array where the site has arrays: nothing can then make it seven.
function submitCommand(job: BatchJob, submission: Submission): string {
  const array = submission.array ? [`--array=0-${submission.count - 1}`] : [];
  const queue = job.queue === null || job.skip.includes('partition') ? [] : [`--partition=${job.queue}`];
  const nodes = job.nodes === 1 || job.skip.includes('nodes') ? [] : [`--nodes=${job.nodes}`];
  const log = submission.array ? '%A_%a' : '%j';
  const which = [`--job-name=${job.name}`, `--comment=${submission.tag}`, ...array, ...nodes, ...queue];
  const words = ['sbatch', '--parsable', ...which];
  return `${commandLine([...words, '--chdir=/'])} --output=${submission.logDirWord}/${log}.batch`;
}

function parseSubmit(output: Output): SubmitOutcome {
  const id = [...output.stdout.matchAll(/^(\d+)(?:;\S+)?$/gm)].at(-1)?.[1];
  const text = saidBy(output);
  if (output.code === 0) return id === undefined ? { kind: 'inDoubt', text } : { kind: 'accepted', id };
  // 124: our time limit; 129 to 192: a signal. The request may have been on its way. 255 is a bad option.
  const ended = output.code === 124 || (output.code > 128 && output.code <= 192);
  if (id !== undefined || ended || text === '') return { kind: 'inDoubt', text };
  return refusal(text);
}

const outcomeUnknown =
  /Socket timed out|Connection reset|Broken pipe|Unspecified error|Unable to contact slurm controller \((?:send|receive|shutdown) failure\)|Zero Bytes were transmitted|Unexpected message received|Communication connection failure|Message (?:send|receive) failure|Connection timed out|Transport endpoint/i;

const laterAgain =
  /connect failure|Rate limit exceeded|standby mode|Protocol authentication error|[Mm]unge|System submissions disabled|Required partition not available|Partition in DOWN|inactive or drain/i;

// The second line is what sbatch 22.05.8 says after two minutes at MaxJobCount; an array that is too large for what is
// left of it gets the same (run).
const tooMany =
  /MaxSubmit|GrpSubmit|MaxJobCount|job submit limit|MaxJobs|temporarily unable to accept job|job queue full|Resource temporarily unavailable/i;

// "Violates accounting/QOS policy" is one text for many limits; the line before it names the limit, where the version
// prints it, and only a submit limit gets better by waiting or by asking for less.
const namedOtherLimit = /\b(?:QOS|Assoc|Grp)(?!\w*Submit)\w*(?:Limit|GRES|TRES|PerJob|PerUser)\b/;

function refusal(text: string): SubmitOutcome {
  if (outcomeUnknown.test(text)) return { kind: 'inDoubt', text };
  if (laterAgain.test(text)) return { kind: 'refused', refusal: 'transient', text };
  const capacity = tooMany.test(text) && !namedOtherLimit.test(text);
  return { kind: 'refused', refusal: capacity ? 'capacity' : 'permanent', text };
}

const fieldSeparator = '\u001f';
const fields = ['%i', '%F', '%K', '%T', '%D', '%S', '%V', '%e', '%B', '%r', '%k'];

// One user: the controller answers that cheaply. All states: what has just finished is known to have finished for
// MinJobAge (300 s by default) instead of being merely missing. Waiting array tasks are one record, which --array spreads
// over lines: the second look asks for that record itself, and for the other order.
function listCommand(query: ListQuery): string {
  const form = query.secondLook ? ['--sort=-i'] : ['--array', '--sort=i'];
  const words = ['--noheader', ...form, '--states=all', `--name=${query.jobName}`];
  const format = `--format=${fields.join(fieldSeparator)}`;
  return `env SLURM_TIME_FORMAT=%s SLURM_BITSTR_LEN=0 squeue --user="$(id -un)" ${words.map(quote).join(' ')} ${quote(format)}`;
}

function parseList(output: Output, query: ListQuery): Listing {
  const said = output.stderr.trim();
  if (output.code !== 0) return incomplete(said === '' ? `squeue ended with ${output.code}` : said);
  // Seen in the field: an error on stderr and exit 0.
  if (/\berror\b/i.test(said)) return incomplete(said);
  if (output.stdout !== '' && !output.stdout.endsWith('\n')) return incomplete('the last line of squeue is cut');
  const jobs: ListedJob[] = [];
  for (const line of output.stdout.split('\n').filter((line) => line !== '')) {
    const found = parseLine(line, query.site);
    if (found === null) return incomplete(`squeue printed a line that is not understood: ${printable(line)}`);
    jobs.push(...found);
  }
  return { kind: 'complete', jobs };
}

function incomplete(reason: string): Listing {
  return { kind: 'incomplete', reason };
}

function printable(line: string): string {
  return line.replaceAll(fieldSeparator, '|').slice(0, 200);
}

/** The jobs of one line: several, where it is the record of waiting array tasks. Null: not understood. */
function parseLine(line: string, site: string): ListedJob[] | null {
  const [id, base, index, state, nodes, start, submit, end, host, reason, comment, ...more] =
    line.split(fieldSeparator);
  if (id === undefined || base === undefined || !/^\d+$/.test(base) || index === undefined) return null;
  if (state === undefined || reason === undefined || comment === undefined || more.length > 0) return null;
  const known = stateOf(state, reason);
  const indices = id.includes('_') ? parseIndices(index) : [null];
  if (known === null || indices === null || !/^\d+(_(\d+|\[[^\]]+\]))?$/.test(id)) return null;
  const waits = known === 'pending' || known === 'held';
  const common = {
    submissionId: base,
    state: known,
    reason: reason === 'None' || reason === '' ? null : reason,
    tag: tagAmongWords(comment, site),
    nodes: Number(nodes) || 1,
    node: host === undefined || ['', 'n/a', 'N/A', '(null)'].includes(host) ? null : host,
    submittedAt: time(submit),
    // While it waits these are what the scheduler expects.
    startedAt: waits ? null : time(start),
    endsAt: waits ? null : time(end),
    ...(known === 'finished' ? { ended: state } : {}),
  };
  return indices.map((one) => ({ ...common, id: one === null ? id : `${base}_${one}`, index: one }));
}

const states: Readonly<Record<string, JobState>> = {
  PENDING: 'pending',
  CONFIGURING: 'pending',
  REQUEUED: 'pending',
  REQUEUE_FED: 'pending',
  POWER_UP_NODE: 'pending',
  EXPEDITING: 'pending',
  REQUEUE_HOLD: 'held',
  RESV_DEL_HOLD: 'held',
  SPECIAL_EXIT: 'held',
  RUNNING: 'running',
  RESIZING: 'running',
  SIGNALING: 'running',
  STAGE_OUT: 'ending',
  STOPPED: 'suspended',
  SUSPENDED: 'suspended',
  COMPLETING: 'ending',
  COMPLETED: 'finished',
  FAILED: 'finished',
  NODE_FAIL: 'finished',
  TIMEOUT: 'finished',
  OUT_OF_MEMORY: 'finished',
  CANCELLED: 'finished',
  DEADLINE: 'finished',
  BOOT_FAIL: 'finished',
  PREEMPTED: 'finished',
  REVOKED: 'finished',
  LAUNCH_FAILED: 'finished',
  RECONFIG_FAIL: 'finished',
};

/** Null for a word that no version up to 26.05 prints. */
function stateOf(state: string, reason: string): JobState | null {
  const known = states[state] ?? null;
  if (known === 'pending' && /\bJobH(?:eld|oldMaxRequeue)/.test(reason)) return 'held';
  return known;
}

/**
 * One `scontrol` an id: with several it stops at the first that it does not know. 22.05.8 says `Job 9_1 not found` of a
 * waiting task that was cancelled out of its array, and `Invalid job id specified` of an array it does not know (run).
 */
function askCommand(ids: readonly string[]): string {
  const program = 'for id; do echo "asked $id"; scontrol --oneliner show job "$id" </dev/null 2>&1; done; echo asked';
  return commandLine(['sh', '-c', program, 'sh', ...ids]);
}

function parseAsk(output: Output): ReadonlyMap<string, 'exists' | 'gone'> {
  const answers = new Map<string, 'exists' | 'gone'>();
  for (const [, id = '', said = ''] of output.stdout.matchAll(/^asked (\S+)\n([\s\S]*?)(?=^asked)/gm)) {
    const states = [...said.matchAll(/\bJobState=(\S+)/g)].map((match) => match[1] ?? '');
    if (/Invalid job id specified|^Job \S+ not found$/m.test(said)) answers.set(id, 'gone');
    else if (states.length > 0)
      answers.set(id, states.every((state) => stateOf(state, '') === 'finished') ? 'gone' : 'exists');
  }
  return answers;
}

// Waiting array tasks are one record: with 22.05.8, `scancel --state=PENDING 74_1` cancelled all that waited of 74 (run).
// Held tasks are records of their own and do not start, so they are held first; what runs already shrugs that off, and
// the state keeps scancel from it. One unknown id fails the hold of all but holds the others (run): then nothing is
// cancelled, and what was held is let go again.
function cancelCommand(ids: readonly string[], options: { onlyPending: boolean }): string {
  if (!options.onlyPending) return commandLine(['scancel', ...ids]);
  const program =
    'held=$1; shift; scontrol hold "$held" && scancel --state=PENDING "$@" && exit 0; code=$?; scontrol release "$held" >/dev/null 2>&1; exit $code';
  return commandLine(['sh', '-c', program, 'sh', ids.join(','), ...ids]);
}

/** `scancel` is silent about ids that are over already, and exits 0 (17.11 to 26.05). */
function parseCancel(output: Output): CancelOutcome {
  const text = saidBy(output);
  return output.code === 0
    ? { kind: 'done' }
    : { kind: 'refused', text: text === '' ? `scancel ended with ${output.code}` : text };
}

// Plain scancel signals every process of the job, and the FUSE mount below the pilot is gone before the pilot is. A job
// that waits or is suspended keeps this form waiting for 95 s (22.05.8, run): it is for those that run.
function endCommand(ids: readonly string[]): string {
  return commandLine(['scancel', '--batch', '--signal=TERM', ...ids]);
}

/** ESLURM_ALREADY_DONE: one that was being launched is over now, of which scancel says no word (run). */
const alreadyDone = 229;

/** Unlike the plain form it complains of ids that are over, and signals the others all the same (run). */
function parseEnd(output: Output): CancelOutcome {
  const over =
    /^scancel: error: Kill job error on job id \S+: (?:Invalid job id specified|Job\/step already completing or completed)$/;
  const lines = output.stderr.split('\n').filter((line) => line.trim() !== '');
  const onlyOver = lines.every((line) => over.test(line.trim()));
  if (onlyOver && (output.code === alreadyDone || (output.code === 1 && lines.length > 0))) return { kind: 'done' };
  return parseCancel(output);
}
