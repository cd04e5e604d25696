import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Job, JobRequest } from './batch-system.ts';
import { type OptionTable, parseOptions } from './command-options.ts';
import { complaint, type PbsFlavour } from './pbs-flavour.ts';
import { pbsId, shownName } from './pbs-records.ts';
import { secondsOf } from './pbs-times.ts';
import { type Answer, type CommandCall, type CommandGround, refused, said } from './scheduler-command.ts';
import { directivesOf } from './script-directives.ts';
import { takeSubmission } from './taking.ts';

/** By PBS's own letters: it has no long options. */
function optionsOf({ arrayOption }: PbsFlavour): OptionTable {
  const value = (letters: string) => [...letters].map((letter) => [letter, { short: letter, takes: 'value' as const }]);
  const nothing = (letters: string) => [...letters].map((one) => [one, { short: one, takes: 'nothing' as const }]);
  return Object.fromEntries([
    ...value(`NqoejkrAPmMpSucCad${arrayOption}`),
    ...nothing('fhVzIX'),
    ...['l', 'v', 'W'].map((letter) => [letter, { short: letter, takes: 'values' as const }]),
  ]) as OptionTable;
}

type Wish = ReadonlyMap<string, string>;

interface Submitting {
  script: string;
  /** The job's name where none is given. */
  name: string;
  call: CommandCall;
  ground: CommandGround;
  flavour: PbsFlavour;
}

/** `qsub`. */
export async function submitJob(call: CommandCall, ground: CommandGround, flavour: PbsFlavour): Promise<Answer> {
  const table = optionsOf(flavour);
  const line = parseOptions(call.args, table, { stopsAtOperand: true });
  if (line.mistake !== null) return misused(`invalid option -- '${line.mistake.charAt(1)}'`);
  if (line.operands.length > 1) return misused(null);
  const [file] = line.operands;
  const script = await scriptOf(file, call);
  if (typeof script !== 'string') return script;
  const inScript = parseOptions(directivesOf(script, '#PBS'), table);
  if (inScript.mistake !== null) return misused(`invalid option -- '${inScript.mistake.charAt(1)}'`);
  const wish = merged(inScript.options, line.options);
  const name = file === undefined || file === '-' ? 'STDIN' : basename(file);
  const request = requestOf(wish, { script, name, call, ground, flavour });
  return 'code' in request ? request : take(request, wish, { ground, flavour });
}

const usage = `usage: qsub [-a date_time] [-A account_string] [-c interval]
\t[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
\t[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
\t[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
\t[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
\t[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version`;

function misused(mistake: string | null): Answer {
  return refused(mistake === null ? usage : `qsub: ${mistake}\n${usage}`, 2);
}

async function scriptOf(file: string | undefined, call: CommandCall): Promise<string | Answer> {
  const text =
    file === undefined || file === '-'
      ? await call.readStdin()
      : await readFile(resolve(call.directory, file), 'utf8').catch(() => null);
  if (text === null) return refused('qsub: script file:: No such file or directory');
  return text.includes('\r\n') ? refused('qsub: script contains cr, lf') : text;
}

/** The command line beats the script; of resources, each one by its name. */
function merged(inScript: Wish, line: Wish): Wish {
  const resources = [...resourcesIn(inScript.get('l') ?? ''), ...resourcesIn(line.get('l') ?? '')];
  const all = [...new Map(resources)].map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  return new Map([...inScript, ...line, ['l', all.join(',')]]);
}

/** `select=1:ncpus=4,place=excl`: by name. A chunk's own `=` belongs to its value. */
function resourcesIn(text: string): Map<string, string> {
  const pieces = text.split(',').filter((piece) => piece !== '');
  return new Map(
    pieces.map((piece) => [piece.replace(/=.*/s, ''), piece.includes('=') ? piece.replace(/^[^=]*=/, '') : '']),
  );
}

function requestOf(wish: Wish, submitting: Submitting): JobRequest | Answer {
  const { script, call, ground, flavour } = submitting;
  const { cluster } = ground.system;
  const name = wish.get('N') ?? submitting.name;
  if (name.length > 230) return refused('qsub: Job name is too long ', 2);
  if (!/^[\w+.-]+$/.test(name)) return misused('illegal -N value');
  const array = wish.get(flavour.arrayOption);
  const indices = array === undefined ? null : indicesOf(array, flavour);
  if (indices === undefined) return misused(`illegal -${flavour.arrayOption} value`);
  if ((indices?.length ?? 0) > cluster.maxArraySize)
    return complaint('qsub', 'Array job exceeds server or queue size limit', 3);
  if (indices !== null && !flavour.elementsAreJobs && wish.get('r') === 'n')
    return misused(' cannot submit non-rerunable Array Job');
  const queue = cluster.queues.find((one) => one.name === (wish.get('q') ?? cluster.queues[0]?.name));
  if (queue === undefined) return complaint('qsub', 'Unknown queue', flavour.codes.unknownQueue);
  const resources = resourcesIn(wish.get('l') ?? '');
  const asked = resources.get('walltime');
  const walltimeSeconds = asked === undefined ? queue.maxWalltimeSeconds : secondsOf(asked);
  if (walltimeSeconds === null)
    return complaint('qsub', 'Illegal attribute or resource value Resource_List.walltime', flavour.codes.illegalValue);
  if (walltimeSeconds > queue.maxWalltimeSeconds)
    return complaint('qsub', 'Job violates queue and/or server resource limits', flavour.codes.overLimits);
  const impossible = flavour.refusalOfResources(resources);
  if (impossible !== null) return impossible;
  const variables = variablesOf(wish, call, ground);
  return {
    name,
    comment: null,
    queue: queue.name,
    script,
    directory: call.environment['HOME'] ?? '/',
    walltimeSeconds,
    held: wish.has('h'),
    indices,
    blockedBy: blockedBy(resources, cluster.coresPerNode),
    details: {
      resources: wish.get('l') ?? '',
      variables: listed(variables),
      rerunnable: wish.get('r') ?? 'y',
      indices: array ?? '',
    },
    nodeFileVariable: 'PBS_NODEFILE',
    environment: (job) => environmentOf(job, variables, submitting),
    outputFile: (job) => outputOf(job, wish, submitting),
  };
}

/** `0-4`, `1-7:2`, perhaps with a limit `%2`. Undefined: none of these, or too small to be an array. */
function indicesOf(text: string, { takesSmallArrays }: PbsFlavour): number[] | undefined {
  const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?(?:%\d+)?$/.exec(text);
  if (match === null) return undefined;
  const [first, last, stride] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
  if (stride < 1 || last < first || last > 1_000_000) return undefined;
  const indices: number[] = [];
  for (let index = first; index <= last; index += stride) indices.push(index);
  return indices.length > 1 || takesSmallArrays ? indices : undefined;
}

/** What is accepted, and then waits for ever. */
function blockedBy(resources: ReadonlyMap<string, string>, coresPerNode: number): string | null {
  const text = [resources.get('select'), resources.get('nodes'), resources.get('ncpus')].join(':');
  const cores = Number(/(?:ncpus|ppn)=(\d+)/.exec(text)?.[1] ?? resources.get('ncpus') ?? 1);
  return cores > coresPerNode
    ? `Can Never Run: Insufficient amount of resource: ncpus (R: ${cores} A: ${coresPerNode} T: ${coresPerNode})`
    : null;
}

/** What goes with the job: `PBS_O_…` of the submission, what `-v` names, and all of it with `-V`. */
function variablesOf(wish: Wish, call: CommandCall, { system }: CommandGround): Record<string, string> {
  const from = call.environment;
  const submitted = ['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL'].flatMap((name) =>
    from[name] === undefined ? [] : [[`PBS_O_${name}`, from[name]]],
  );
  const named = (wish.get('v') ?? '')
    .split(',')
    .filter((piece) => piece !== '')
    .map((piece) =>
      piece.includes('=') ? [piece.replace(/=.*/s, ''), piece.replace(/^[^=]*=/, '')] : [piece, from[piece] ?? ''],
    );
  return {
    ...(wish.has('V') ? from : {}),
    ...(Object.fromEntries([...submitted, ...named]) as Record<string, string>),
    PBS_O_WORKDIR: call.directory,
    PBS_O_QUEUE: system.cluster.queues[0]?.name ?? '',
    PBS_O_HOST: system.cluster.name,
  };
}

function listed(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value.replaceAll(/[\\,'"]/g, '\\$&')}`)
    .join(',');
}

function environmentOf(
  job: Job,
  variables: Readonly<Record<string, string>>,
  { call, ground, flavour }: Submitting,
): Record<string, string> {
  const { cluster } = ground.system;
  const array = job.index === null ? {} : { [flavour.indexVariable]: String(job.index) };
  return {
    ...variables,
    ...array,
    ENVIRONMENT: 'BATCH',
    LOGNAME: ground.user.name,
    USER: ground.user.name,
    SHELL: call.environment['SHELL'] ?? '/bin/sh',
    NCPUS: String(cluster.coresPerNode),
    OMP_NUM_THREADS: String(cluster.coresPerNode),
    PBS_ENVIRONMENT: 'PBS_BATCH',
    PBS_JOBDIR: job.request.directory,
    PBS_JOBID: pbsId(job, cluster.name),
    PBS_JOBNAME: shownName(job, flavour),
    PBS_NODENUM: '0',
    PBS_NUM_PPN: String(cluster.coresPerNode),
    PBS_QUEUE: job.request.queue,
    PBS_TASKNUM: '1',
  };
}

/** `-o`, which may be a directory; what it holds stays as it is (23.06.06). */
function outputOf(job: Job, wish: Wish, { call, ground, flavour }: Submitting): string {
  const path = (wish.get('o') ?? '').replace(/^[\w.-]*:/, '');
  const index = job.index === null ? '' : `.${job.index}`;
  const usual = `${job.request.name}.o${job.submission}${index}`;
  if (path === '') return resolve(call.directory, usual);
  const behind = flavour.elementsAreJobs && job.index !== null ? `-${job.index}` : '';
  const named = `${path.replaceAll('^array_index^', String(job.index ?? ''))}${behind}`;
  return path.endsWith('/')
    ? join(resolve(call.directory, path), `${pbsId(job, ground.system.cluster.name)}.OU`)
    : resolve(call.directory, named);
}

function take(request: JobRequest, wish: Wish, to: { ground: CommandGround; flavour: PbsFlavour }): Answer {
  const { ground, flavour } = to;
  const taken = takeSubmission(request, ground);
  if (taken.kind === 'refused') return flavour.refusals[taken.because];
  if (taken.kind === 'refused saying') return refused(taken.words, 166);
  if (taken.kind === 'timed out') return flavour.timedOut;
  const array = request.indices === null ? '' : '[]';
  return said(wish.has('z') ? '' : `${taken.submission}${array}.${ground.system.cluster.name}\n`);
}
