import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ClusterDescription, Job, JobRequest } from './batch-system.ts';
import { type OptionTable, parseOptions } from './command-options.ts';
import { type Answer, type CommandCall, type CommandGround, refused, said } from './scheduler-command.ts';
import { directivesOf } from './script-directives.ts';
import { timeLimit } from './slurm-times.ts';
import { takeSubmission } from './taking.ts';

const table: OptionTable = {
  parsable: { takes: 'nothing' },
  'job-name': { short: 'J', takes: 'value' },
  comment: { takes: 'value' },
  array: { short: 'a', takes: 'value' },
  partition: { short: 'p', takes: 'value' },
  time: { short: 't', takes: 'value' },
  output: { short: 'o', takes: 'value' },
  error: { short: 'e', takes: 'value' },
  chdir: { short: 'D', takes: 'value' },
  hold: { short: 'H', takes: 'nothing' },
  nodes: { short: 'N', takes: 'value' },
  ntasks: { short: 'n', takes: 'value' },
  'ntasks-per-node': { takes: 'value' },
  'no-kill': { short: 'k', takes: 'perhaps' },
  'cpus-per-task': { short: 'c', takes: 'value' },
  mem: { takes: 'value' },
  exclusive: { takes: 'perhaps' },
  account: { short: 'A', takes: 'value' },
  qos: { short: 'q', takes: 'value' },
  wckey: { takes: 'value' },
  constraint: { short: 'C', takes: 'value' },
  exclude: { short: 'x', takes: 'value' },
  reservation: { takes: 'value' },
  gpus: { short: 'G', takes: 'value' },
  gres: { takes: 'value' },
  'gpus-per-node': { takes: 'value' },
  requeue: { takes: 'nothing' },
  'no-requeue': { takes: 'nothing' },
  export: { takes: 'value' },
  signal: { takes: 'value' },
};

/** What the environment says where neither the command line nor the script does. */
const variables: Readonly<Record<string, string>> = {
  SBATCH_ARRAY_INX: 'array',
  SBATCH_PARTITION: 'partition',
  SBATCH_JOB_NAME: 'job-name',
  SBATCH_TIMELIMIT: 'time',
  SBATCH_COMMENT: 'comment',
  SBATCH_OUTPUT: 'output',
};

type Wish = ReadonlyMap<string, string>;

/** `sbatch`. */
export async function submitJob(call: CommandCall, ground: CommandGround): Promise<Answer> {
  if (call.args.includes('--version')) return said('slurm-wlm 22.05.8\n');
  if (call.environment['SLURM_CLUSTERS'] !== undefined) return refused('sbatch: error: Problem talking to database');
  const line = parseOptions(call.args, table, { stopsAtOperand: true });
  if (line.mistake !== null) return unrecognized(line.mistake);
  const [file] = line.operands;
  const script = await scriptOf(file, call);
  if (typeof script !== 'string') return script;
  const inScript = parseOptions(directivesOf(script, '#SBATCH'), table);
  if (inScript.mistake !== null) return unrecognized(inScript.mistake);
  // The environment beats the script, and the command line both.
  const wish = new Map([...inScript.options, ...fromEnvironment(call), ...line.options]);
  const request = requestOf(wish, { script, name: file ?? 'sbatch', call, ground });
  return 'code' in request ? request : take(request, wish, ground);
}

function unrecognized(option: string): Answer {
  return refused(`sbatch: unrecognized option '${option}'\nTry "sbatch --help" for more information`, 255);
}

async function scriptOf(file: string | undefined, call: CommandCall): Promise<string | Answer> {
  const text =
    file === undefined
      ? await call.readStdin()
      : await readFile(resolve(call.directory, file), 'utf8').catch(() => null);
  if (text === null) return refused(`sbatch: error: Unable to open file ${file}`);
  if (text === '') return refused('sbatch: error: Batch script is empty!');
  if (!text.startsWith('#!'))
    return refused(
      'sbatch: error: This does not look like a batch script.  The first\nsbatch: error: line must start with #! followed by the path to an interpreter.\nsbatch: error: For instance: #!/bin/sh',
    );
  if (text.includes('\r\n'))
    return refused(
      'sbatch: error: Batch script contains DOS line breaks (\\r\\n)\nsbatch: error: instead of expected UNIX line breaks (\\n).',
    );
  return text;
}

function fromEnvironment({ environment }: CommandCall): [string, string][] {
  return Object.entries(variables).flatMap(([variable, option]) => {
    const value = environment[variable];
    return value === undefined ? [] : [[option, value] as [string, string]];
  });
}

interface Submitting {
  script: string;
  /** The job's name where none is given. */
  name: string;
  call: CommandCall;
  ground: CommandGround;
}

const failedBecause = 'sbatch: error: Batch job submission failed:';

function requestOf(wish: Wish, { script, name, call, ground }: Submitting): JobRequest | Answer {
  const { cluster } = ground.system;
  const impossible = impossibleWish(wish, cluster);
  if (impossible !== null) return impossible;
  const indices = wish.has('array') ? indicesOf(wish.get('array') ?? '') : null;
  if (indices === undefined || (indices?.at(-1) ?? 0) >= cluster.maxArraySize)
    return refused(`${failedBecause} Invalid job array specification`);
  const queue = wish.get('partition') ?? cluster.queues[0]?.name ?? '';
  const limit = timeLimit(wish.get('time') ?? 'UNLIMITED');
  if (limit === undefined) return refused('sbatch: error: Invalid --time specification', 255);
  const queueLimit = cluster.queues.find((one) => one.name === queue)?.maxWalltimeSeconds ?? null;
  const walltimeSeconds = wish.has('time') ? limit : queueLimit;
  const directory = wish.get('chdir') ?? call.directory;
  const request: Omit<JobRequest, 'environment' | 'outputFile'> = {
    name: wish.get('job-name') ?? name,
    comment: wish.get('comment') ?? null,
    queue,
    script,
    directory,
    walltimeSeconds,
    held: wish.has('hold'),
    indices,
    blockedBy: blockedBy(wish, walltimeSeconds, queueLimit, cluster),
    avoids: wish.get('exclude')?.split(',') ?? [],
  };
  return {
    ...request,
    environment: (job) => environmentOf(job, call, ground),
    outputFile: (job) => outputOf(job, wish.get('output') ?? null),
  };
}

function impossibleWish(wish: Wish, cluster: ClusterDescription): Answer | null {
  const queue = wish.get('partition');
  if (queue !== undefined && !cluster.queues.some((one) => one.name === queue))
    return refused(
      `sbatch: error: invalid partition specified: ${queue}\n${failedBecause} Invalid partition name specified`,
    );
  if (wish.has('reservation')) return refused(`${failedBecause} Requested reservation is invalid`);
  if (wish.has('constraint')) return refused(`${failedBecause} Invalid feature specification`);
  if (['gpus', 'gres', 'gpus-per-node'].some((option) => wish.has(option)))
    return refused('sbatch: error: Invalid generic resource (gres) specification');
  if (megabytes(wish.get('mem') ?? '0') > cluster.memoryMBPerNode)
    return refused(
      `sbatch: error: Memory specification can not be satisfied\n${failedBecause} Requested node configuration is not available`,
    );
  return null;
}

function megabytes(text: string): number {
  const [, amount = '0', unit = 'M'] = /^(\d+)([KMGT]?)/i.exec(text) ?? [];
  const units: Readonly<Record<string, number>> = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 };
  return Number(amount) * (units[unit.toUpperCase()] ?? 1);
}

/** What is accepted, and then waits for ever. */
function blockedBy(
  wish: Wish,
  walltimeSeconds: number | null,
  queueLimit: number | null,
  cluster: ClusterDescription,
): string | null {
  if (Number(wish.get('nodes') ?? 1) > cluster.nodes.length) return 'PartitionNodeLimit';
  return queueLimit !== null && (walltimeSeconds ?? Number.POSITIVE_INFINITY) > queueLimit
    ? 'PartitionTimeLimit'
    : null;
}

/** `0-4`, `0-8:2`, `1,5-7`, perhaps with a limit `%2`. Undefined: none of these. */
function indicesOf(text: string): number[] | undefined {
  const indices: number[] = [];
  for (const piece of text.replace(/%\d+$/, '').split(',')) {
    const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(piece);
    if (match === null) return undefined;
    const [first, last, stride] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
    if (last < first || stride < 1 || last > 100_000) return undefined;
    for (let index = first; index <= last; index += stride) indices.push(index);
  }
  return indices;
}

/** The caller's own environment goes with the job, as `--export=ALL` has it. */
function environmentOf(job: Job, call: CommandCall, { system, user }: CommandGround): Record<string, string> {
  const { cluster } = system;
  const array =
    job.index === null
      ? {}
      : {
          SLURM_ARRAY_JOB_ID: String(job.submission),
          SLURM_ARRAY_TASK_ID: String(job.index),
          SLURM_ARRAY_TASK_COUNT: String(job.request.indices?.length ?? 1),
        };
  const node = job.node ?? '';
  return {
    ...call.environment,
    ...array,
    SLURM_CLUSTER_NAME: cluster.name,
    SLURM_JOB_ID: String(job.number ?? job.submission),
    SLURM_JOB_NAME: job.request.name,
    SLURM_JOB_NODELIST: node,
    SLURM_JOB_NUM_NODES: '1',
    SLURM_JOB_PARTITION: job.request.queue,
    SLURM_JOB_USER: user.name,
    SLURM_CPUS_ON_NODE: String(cluster.coresPerNode),
    SLURM_MEM_PER_NODE: String(cluster.memoryMBPerNode),
    SLURM_NODELIST: node,
    SLURM_SUBMIT_DIR: call.directory,
    SLURMD_NODENAME: node,
  };
}

function outputOf(job: Job, pattern: string | null): string {
  const letters: Readonly<Record<string, string>> = {
    A: String(job.submission),
    a: String(job.index ?? 0),
    j: String(job.number ?? job.submission),
    x: job.request.name,
    N: job.node ?? '',
    '%': '%',
  };
  const usual = job.index === null ? 'slurm-%j.out' : 'slurm-%A_%a.out';
  return join(
    '/',
    resolve(
      job.request.directory,
      (pattern ?? usual).replaceAll(/%([AajxN%])/g, (whole, letter: string) => letters[letter] ?? whole),
    ),
  );
}

const refusals = {
  permanent: `${failedBecause} Invalid account or account/partition combination specified`,
  capacity: `sbatch: error: AssocMaxSubmitJobLimit\n${failedBecause} Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)`,
  transient: `${failedBecause} Required partition not available (inactive or drain)`,
};

const timedOut = refused(`${failedBecause} Socket timed out on send/recv operation`);

function take(request: JobRequest, wish: Wish, ground: CommandGround): Answer {
  const nodes = Number(wish.get('nodes') ?? 1);
  // More than there are may wait for ever, as on Slurm.
  if (nodes > 1 && nodes <= ground.system.cluster.nodes.length)
    return refused(`${failedBecause} here a job has one node (a limit of this stand-in, not of Slurm)`);
  const taken = takeSubmission(request, ground);
  if (taken.kind === 'refused') return refused(refusals[taken.because]);
  if (taken.kind === 'refused saying') return refused(taken.words);
  if (taken.kind === 'timed out') return timedOut;
  return said(wish.has('parsable') ? `${taken.submission}\n` : `Submitted batch job ${taken.submission}\n`);
}
