import { resolve } from 'node:path';
import type { Job, JobRequest } from './batch-system.ts';
import { limitSeconds } from './lsf-times.ts';
import { type Answer, type CommandCall, type CommandGround, refused } from './scheduler-command.ts';
import { directivesOf } from './script-directives.ts';
import { takeSubmission } from './taking.ts';

const withValue =
  'J Jd q o e oo eo i P G U W R n M m w b t u sp sla app L gpu cwd env g E Ep F D S C v T p c outdir f k a ext Lp We';
const withoutValue = 'x H r rn I Is Ip K B N V h';

type Wish = ReadonlyMap<string, string>;

interface Line {
  options: Wish;
  /** The job's own command and its words. */
  command: readonly string[];
  mistake: string | null;
}

/** LSF's options have one dash and often several letters. The first word that is none begins the command. */
function parseLine(words: readonly string[]): Line {
  const options = new Map<string, string>();
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith('-')) return { options, command: [word, ...rest], mistake: null };
    const name = word.slice(1);
    if (withoutValue.split(' ').includes(name)) options.set(name, '');
    else if (withValue.split(' ').includes(name)) options.set(name, rest.shift() ?? '');
    else return { options, command: [], mistake: name };
  }
  return { options, command: [], mistake: null };
}

/** `bsub`. Almost everything that is wrong ends with 255. */
export async function submitJob(call: CommandCall, ground: CommandGround): Promise<Answer> {
  const line = parseLine(call.args);
  if (line.mistake !== null) return notSubmitted(`bsub: illegal option -- ${line.mistake.charAt(0)}\n`);
  const input = line.command.length > 0 ? null : await call.readStdin();
  if (input?.trim() === '') return notSubmitted('No command is specified');
  // Directives count on standard input only.
  const inScript = parseLine(input === null ? [] : directivesOf(input, '#BSUB'));
  if (inScript.mistake !== null) return notSubmitted(`bsub: illegal option -- ${inScript.mistake.charAt(0)}\n`);
  const wish = new Map([...inScript.options, ...line.options]);
  const script = input ?? `#!/bin/sh\n${line.command.join(' ')}\n`;
  const request = requestOf(wish, { script, usualName: line.command.join(' '), call, ground });
  return 'code' in request ? request : take(request, wish, ground);
}

function notSubmitted(why: string): Answer {
  return refused(`${why}. Job not submitted.`, 255);
}

interface Submitting {
  script: string;
  usualName: string;
  call: CommandCall;
  ground: CommandGround;
}

function requestOf(wish: Wish, { script, usualName, call, ground }: Submitting): JobRequest | Answer {
  const { cluster } = ground.system;
  const [, name = '', list] = /^([^[]*)(?:\[(.*)\](?:%\d+)?)?$/.exec(wish.get('J') ?? usualName) ?? [];
  const indices = list === undefined ? null : indicesOf(list);
  if (indices === undefined || (wish.get('J') ?? '').includes('[') !== (indices !== null))
    return notSubmitted('Bad job name');
  if ((indices?.at(-1) ?? 0) > cluster.maxArraySize - 1) return notSubmitted('Job array index too large');
  const queue = cluster.queues.find((one) => one.name === (wish.get('q') ?? cluster.queues[0]?.name));
  if (queue === undefined) return notSubmitted(`${wish.get('q')}: No such queue`);
  const asked = wish.get('W');
  const walltimeSeconds = asked === undefined ? queue.maxWalltimeSeconds : limitSeconds(asked);
  if (walltimeSeconds === null) return notSubmitted(`${asked}: Bad RUNLIMIT specification`);
  if (walltimeSeconds > queue.maxWalltimeSeconds) return notSubmitted("RUNLIMIT: Cannot exceed queue's hard limit(s)");
  const slots = Number(wish.get('n') ?? 1);
  if (!Number.isInteger(slots) || slots < 1) return notSubmitted('The number of processors must be a positive integer');
  if (slots > cluster.coresPerNode) return notSubmitted('Too many processors requested');
  if (/span\[(?!hosts=1\]|ptile=\d+\])/.test(wish.get('R') ?? ''))
    return notSubmitted('Bad resource requirement syntax');
  return {
    name,
    comment: wish.get('Jd') ?? null,
    queue: queue.name,
    script,
    directory: wish.get('cwd') ?? call.directory,
    walltimeSeconds,
    held: wish.has('H'),
    indices,
    blockedBy: null,
    details: { slots: String(slots) },
    nodeFileVariable: 'LSB_DJOB_HOSTFILE',
    environment: (job) => environmentOf(job, { slots, call, ground }),
    outputFile: (job) => outputOf(job, wish.get('o') ?? null, call),
  };
}

/** `1-3`, `1-7:2`, `1,3,9-10`: all from 1. Undefined: none of these. */
function indicesOf(text: string): number[] | undefined {
  const indices: number[] = [];
  for (const piece of text.split(',')) {
    const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(piece);
    if (match === null) return undefined;
    const [first, last, stride] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
    if (first < 1 || last < first || stride < 1 || last > 100_000) return undefined;
    for (let index = first; index <= last; index += stride) indices.push(index);
  }
  return indices;
}

/** All of the caller's own environment goes with the job. */
function environmentOf(
  job: Job,
  { slots, call, ground }: { slots: number; call: CommandCall; ground: CommandGround },
): Record<string, string> {
  const node = job.node ?? '';
  return {
    ...call.environment,
    LSB_DJOB_NUMPROC: String(slots),
    LSB_HOSTS: Array.from({ length: slots }, () => node).join(' '),
    LSB_JOBID: String(job.submission),
    LSB_JOBINDEX: String(job.index ?? 0),
    LSB_JOBNAME: job.index === null ? job.request.name : `${job.request.name}[${job.index}]`,
    LSB_JOB_EXECUSER: ground.user.name,
    LSB_MAX_NUM_PROCESSORS: String(slots),
    LSB_MCPU_HOSTS: `${node} ${slots} `,
    LSB_QUEUE: job.request.queue,
    LSB_SUB_HOST: ground.system.cluster.name,
    LSFUSER: ground.user.name,
    LS_SUBCWD: call.directory,
  };
}

/** Without `-o` it is mailed, which here is nowhere. */
function outputOf(job: Job, pattern: string | null, call: CommandCall): string {
  if (pattern === null) return '/dev/null';
  const letters: Readonly<Record<string, string>> = { J: String(job.submission), I: String(job.index ?? 0) };
  return resolve(
    call.directory,
    pattern.replaceAll(/%([JI])/g, (whole, letter: string) => letters[letter] ?? whole),
  );
}

const refusals = {
  permanent: (queue: string) => notSubmitted(`${queue}: User cannot use the queue`),
  capacity: () => notSubmitted('Pending job threshold reached'),
  transient: () => notSubmitted('Failed in an LSF library call: LIM is down; try later'),
};

export const stillTrying = 'batch system daemon not responding ... still trying\n';

function take(request: JobRequest, wish: Wish, ground: CommandGround): Answer {
  const taken = takeSubmission(request, ground);
  if (taken.kind === 'refused') return refusals[taken.because](request.queue);
  if (taken.kind === 'refused saying') return refused(taken.words, 255);
  if (taken.kind === 'timed out') return notSubmitted(`${stillTrying}Communication time out`);
  const queue = `${wish.has('q') ? '' : 'default '}queue <${request.queue}>`;
  return { stdout: `Job <${taken.submission}> is submitted to ${queue}.\n`, stderr: '', code: 0 };
}
