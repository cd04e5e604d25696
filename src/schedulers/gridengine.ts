import { commandLine, quote } from '../shell.ts';
import { askPiece, cutReason, type Piece, piecesIn, piecesProgram } from './asked-pieces.ts';
import { saidBy } from './failed-words.ts';
import {
  type Described,
  describedIn,
  directiveRefusal,
  elementsIn,
  listedElements,
  stateOf,
} from './gridengine-text.ts';
import { noQos, oneNodeOnly } from './keys-without.ts';
import { durationSeconds, saidLines, tagIn, time, walltime } from './pbs-text.ts';
import type {
  BatchJob,
  CancelOutcome,
  Discovery,
  Finished,
  FinishedJob,
  ListedJob,
  Listing,
  ListQuery,
  Output,
  Queue,
  Scheduler,
  Submission,
  SubmitOutcome,
} from './scheduler.ts';
import { given, type OptionLine, optionLines } from './wanted-options.ts';

/**
 * Grid Engine: Son of Grid Engine 8.1.9, which was run (docs/observed/gridengine.md), and its relatives, which were not.
 */
export const gridengine: Scheduler = {
  kind: 'gridengine',
  clients: { needed: ['qsub', 'qstat', 'qdel'], versionCommand: 'qstat -help', versionSays: /^\S*GE \d/m },
  // Debugging text, and names in other widths. What names the cluster (SGE_ROOT, SGE_CELL, the ports) stays.
  defaultsPrefixes: ['SGE_DEBUG_', 'SGE_LONG_', 'SGE_SINGLE_LINE'],
  firstIndex: 1,
  keys: {
    choices: { gpuOption: ['gpu'] },
    without: {
      nodesPerJob: oneNodeOnly('gridengine'),
      qos: noQos('gridengine'),
      gpuType: "has no effect with gridengine; set scheduler.constraint, as in gpu_type=a100, by your site's own word",
    },
    optionsThatSet: {
      queue: ['q'],
      walltime: ['h_rt'],
      nodes: [],
      cores: ['pe'],
      memory: ['mem_free'],
      gpus: ['gpu'],
      account: ['A'],
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
  // qdel kills; what -notify sends before reaches every process of the job, its FUSE mounts with them.
  endCommand: () => null,
  parseEnd: parseCancel,
  discoverCommand,
  parseDiscovery,
  finishedCommand,
  parseFinished,
  explain,
  avoidsNodes,
  pilotId: (submissionId, index) => (index === null ? submissionId : `${submissionId}.${index}`),
  submissionIdOf: (pilotId) => pilotId.replace(/\.\d+$/, ''),
};

// ---- Submitting ----

/**
 * Grid Engine has no word of its own for a whole node: sites define a resource that excludes others, which most call
 * `exclusive`, and a parallel environment for several cores of one node, which many call `smp`.
 */
function directives(job: BatchJob): readonly string[] {
  const options: (OptionLine | null)[] = [
    ['N', `-N ${job.name}`],
    ['exclusive', '-l exclusive=true'],
    job.cores === null ? null : ['pe', `-pe smp ${job.cores}`],
    job.memoryMB === null ? null : ['mem_free', `-l mem_free=${job.memoryMB}M`],
    job.gpus === 0 || job.gpuOption === 'none' ? null : ['gpu', `-l gpu=${job.gpus}`],
    job.constraint === null ? null : ['l', `-l ${job.constraint}`],
    job.avoid.length === 0 || !avoidsNodes(job) ? null : ['h', `-l h=!(${job.avoid.join('|')})`],
    ['h_rt', `-l h_rt=${walltime(job.walltimeSeconds)}`],
    given('q', job.queue),
    given('A', job.account),
    given('P', job.project),
    given('ar', job.reservation),
    ['S', '-S /bin/bash'],
    ['j', '-j y'],
    ['r', '-r n'],
    ['m', '-m n'],
  ];
  return optionLines(options, job);
}

/** A host can be asked for once only, and one of the user's own is meant. */
function avoidsNodes({ skip, constraint, extra }: BatchJob): boolean {
  return !skip.includes('h') && ![constraint ?? '', ...extra].some((asked) => /\bh(?:ost(?:name)?)?=/.test(asked));
}

/**
 * The command line beats the script, and the script what a file of defaults says, such as to wait for the job's end.
 * The tag is in the job's context, which `qstat -j` shows.
 */
function submitCommand(job: BatchJob, submission: Submission): string {
  const skips = (option: string) => job.skip.includes(option);
  const told = [
    ...(job.memoryMB === null || skips('mem_free') ? [] : [`GLIDEIN_MEMORY_MB=${job.memoryMB}`]),
    ...(skips('exclusive') ? [] : ['GLIDEIN_WHOLE_NODE=yes']),
  ];
  const words = [
    ...['qsub', '-N', job.name, '-now', 'n', '-sync', 'n', '-ac', `GLIDEIN_TAG=${submission.tag}`],
    ...(told.length === 0 ? [] : ['-v', told.join(',')]),
    ...(submission.array ? ['-t', `1-${submission.count}`] : []),
    ...(job.queue === null || skips('q') ? [] : ['-q', job.queue]),
  ];
  const file = submission.array ? '$JOB_ID.$TASK_ID.batch' : '$JOB_ID.batch';
  return `${commandLine(words)} -o ${submission.logDirWord}/${quote(file)}`;
}

const accepted = /^Your job(?:-array)? (\d+)(?:\.\d+-\d+:\d+)? \("[^"\n]*"\) has been submitted$/m;

const outcomeUnknown = /receiv|time(?:d )?out|got read error|Broken pipe|Connection reset|^Your job/im;

const tooMany = /with more than \d+ tasks|jobs? (?:is|are) allowed per|exceeds? .*(?:limit|maximum)/i;

const laterAgain = /commlib error|unable to (?:send|contact)|qmaster|can't (?:resolve|find) .*host/i;

/** A warning may come with exit status 1 and an accepted job (8.1.9, run), so only words refuse, and not all. */
function parseSubmit(output: Output): SubmitOutcome {
  const id = accepted.exec(output.stdout)?.[1];
  const text = saidBy(output);
  if (output.code === 0) return id === undefined ? { kind: 'inDoubt', text } : { kind: 'accepted', id };
  const isRefusal = /^(?:Unable to (?:run job|read script file)|qsub: |error: )/m.test(text);
  if (id !== undefined || output.code > 123 || !isRefusal) return { kind: 'inDoubt', text };
  if (outcomeUnknown.test(text)) return { kind: 'inDoubt', text };
  if (tooMany.test(text)) return { kind: 'refused', refusal: 'capacity', text };
  return { kind: 'refused', refusal: laterAgain.test(text) ? 'transient' : 'permanent', text };
}

// ---- Listing ----

// -s a and -u: a file of the user's own may have other defaults. Tags are only in what -j says of each.
function listCommand({ jobName, secondLook }: ListQuery): string {
  const own = 'env TZ=UTC0 qstat -u "$(id -un)" -s a -xml -r';
  const jobs = askPiece('jobs', secondLook ? own : `${own} -g d`);
  const named = `${askPiece('named', `env TZ=UTC0 qstat -j ${quote(jobName)}`)} 2>&1`;
  return piecesProgram([askPiece('user', 'id -un'), ...(secondLook ? [named, jobs] : [jobs, named])]);
}

const noSuchJob = /^Following jobs do not exist/;

/** Two answers that must agree: what the listing has is described, and what is described is in the listing. */
function parseList(output: Output, { jobName }: ListQuery): Listing {
  const pieces = output.code === 0 ? piecesIn(output.stdout) : null;
  if (pieces === null) return incomplete(output.code === 0 ? cutReason(output) : saidBy(output) || 'no listing');
  const find = (name: string) => pieces.find((piece) => piece.name === name);
  const [user, jobs, named] = [find('user'), find('jobs'), find('named')];
  if (user === undefined || jobs === undefined || named === undefined || pieces.length > 3)
    return incomplete('the answer has other parts than were asked for');
  if (jobs.code !== 0) return incomplete(output.stderr.trim() || `qstat ended with ${jobs.code}`);
  if (named.code !== 0 && !named.lines.some((line) => noSuchJob.test(line)))
    return incomplete(named.lines.join('\n') || `qstat -j ended with ${named.code}`);
  const elements = elementsIn(jobs.lines);
  if ('strange' in elements) return incomplete(`qstat printed a line that is not understood: ${elements.strange}`);
  const own = elements.jobs.filter((job) => (job.get('full_job_name') ?? job.get('JB_name')) === jobName);
  return agreed(own, describedIn(named.lines), user.lines[0] ?? '');
}

function incomplete(reason: string): Listing {
  return { kind: 'incomplete', reason: reason.slice(0, 1_000) };
}

type Fields = ReadonlyMap<string, string>;

function agreed(own: readonly Fields[], described: readonly Described[], user: string): Listing {
  const jobs: ListedJob[] = [];
  for (const fields of own) {
    const number = fields.get('JB_job_number') ?? '';
    const about = described.find((one) => one.number === number && one.owner === user);
    if (about === undefined) return incomplete(`qstat listed ${number}, and qstat -j did not describe it`);
    const indices = listedElements(fields.get('tasks'));
    const job = indices === null ? null : jobOf(fields, about);
    if (job === null || indices === null)
      return incomplete(`qstat shows ${number} in a way that is not understood: ${fields.get('state')}`);
    jobs.push(...indices.map((index) => withIndex(job, index)));
  }
  const known = new Set(jobs.map((job) => job.submissionId));
  const lost = described.find(({ number, owner }) => owner === user && !known.has(number));
  return lost === undefined ? { kind: 'complete', jobs } : incomplete(`qstat did not list ${lost.number}`);
}

function withIndex(job: ListedJob, index: number | null): ListedJob {
  return { ...job, index, id: gridengine.pilotId(job.submissionId, index) };
}

function jobOf(fields: Fields, about: Described): ListedJob | null {
  const [id, state] = [fields.get('JB_job_number') ?? '', stateOf(fields.get('state') ?? '')];
  if (state === null || !/^\d+$/.test(id)) return null;
  const startedAt = moment(fields.get('JAT_start_time'));
  const limit = durationSeconds(fields.get('hard_request h_rt'));
  return {
    id,
    submissionId: id,
    index: null,
    state,
    reason: state === 'pending' || state === 'held' ? about.reason : null,
    tag: tagIn(about.context),
    nodes: 1,
    node: /@([^.]+)/.exec(fields.get('queue_name') ?? '')?.[1] ?? null,
    submittedAt: time(about.submitted) ?? moment(fields.get('JB_submission_time')),
    startedAt,
    endsAt: startedAt === null || limit === null ? null : startedAt + limit,
  };
}

/** `2026-11-20T18:27:12`, asked for in UTC. */
function moment(text: string | undefined): number | null {
  const milliseconds = Date.parse(`${text}Z`);
  return Number.isNaN(milliseconds) ? null : Math.floor(milliseconds / 1000);
}

/** `qstat -j` knows jobs and not their elements, so what is listed is asked for too, in a third form. */
function askCommand(ids: readonly string[]): string {
  const each = [...new Set(ids.map((id) => gridengine.submissionIdOf(id)))];
  const jobs = each.map((id) => `${askPiece(id, `qstat -j ${quote(id)}`)} 2>&1`);
  return piecesProgram(
    [askPiece('wanted', 'printf "%s\\n" "$@"'), ...jobs, askPiece('elements', 'qstat -u "$(id -un)" -s a -g d')],
    ids,
  );
}

function parseAsk(output: Output): ReadonlyMap<string, 'exists' | 'gone'> {
  const pieces = output.code === 0 ? (piecesIn(output.stdout) ?? []) : [];
  const [wanted, elements] = ['wanted', 'elements'].map((name) => pieces.find((piece) => piece.name === name));
  const answers = (wanted?.lines ?? []).map((id) => {
    const about = pieces.find((piece) => piece.name === gridengine.submissionIdOf(id));
    return [id, about === undefined ? null : existence(id, about, elements)] as const;
  });
  return new Map(answers.flatMap(([id, answer]) => (answer === null ? [] : [[id, answer]])));
}

/** An element is gone when its job is, or when others of it are listed and it is not. */
function existence(id: string, about: Piece, elements: Piece | undefined): 'exists' | 'gone' | null {
  const [job = '', index] = id.split('.');
  if (about.code === 1 && noSuchJob.test(about.lines[0] ?? '') && about.lines[1] === job) return 'gone';
  if (about.code !== 0 || describedIn(about.lines)[0]?.number !== job) return null;
  if (index === undefined || about.lines.some((line) => new RegExp(`^usage +${index}:`).test(line))) return 'exists';
  if (elements === undefined || elements.code !== 0) return null;
  const listed = elements.lines.filter((line) => new RegExp(`^ *${job} `).test(line));
  if (listed.some((line) => line.trimEnd().endsWith(` ${index}`))) return 'exists';
  return listed.length === 0 ? null : 'gone';
}

// ---- Ending ----

/**
 * `qdel` ends what runs and what waits alike. What must not have started is held first: a held job cannot start, and one
 * that runs goes on (8.1.9, run).
 */
function cancelCommand(ids: readonly string[], options: { onlyPending: boolean }): string {
  if (!options.onlyPending) return commandLine(['qdel', ...ids]);
  const program = [
    // A client that is told to end must not leave anything held.
    'trap : HUP INT TERM PIPE',
    'qhold "$@" </dev/null >/dev/null 2>&1; waiting=; doomed=',
    'listed=$(qstat -u "$(id -un)" -s p -g d </dev/null); code=$?',
    'waiting=$(printf "%s\\n" "$listed" | while read -r job prio name user state day time slots task; do ' +
      '[ -z "$task" ] || job=$job.$task; echo "$job"; done)',
    'for id; do for one in $waiting; do [ "$id" != "$one" ] || doomed="$doomed $id"; done; done',
    'set -f; [ -z "$doomed" ] || { qdel $doomed </dev/null; code=$?; }',
    'qrls "$@" </dev/null >/dev/null 2>&1',
    'exit $code',
  ].join('; ');
  return commandLine(['sh', '-c', program, 'sh', ...ids]);
}

const isDone = / has (?:registered the job|deleted job)/;
const isOver =
  /^(?:denied: job "\d+" does not exist|job "\d+" task "\d+" does not exist|job \d+(?:\.\d+)? is already in deletion)/;

/** qdel complains on stdout. Of ids that are over it does, and ends the others all the same (8.1.9, run). */
function parseCancel(output: Output): CancelOutcome {
  if (output.code === 0) return { kind: 'done' };
  const lines = saidLines(output.stdout);
  const isAll = lines.length > 0 && lines.every((line) => isDone.test(line) || isOver.test(line));
  if (isAll && output.code === 1 && output.stderr.trim() === '') return { kind: 'done' };
  return { kind: 'refused', text: saidBy(output) || `qdel ended with ${output.code}` };
}

// ---- Discovering ----

function discoverCommand(): string {
  return piecesProgram([
    askPiece('queues', 'qstat -f -F num_proc,mem_total,h_rt -s a -xml'),
    askPiece('limits', 'qconf -sconf'),
  ]);
}

function parseDiscovery(output: Output): Discovery {
  const [queues, limits] = output.code === 0 ? (piecesIn(output.stdout) ?? []) : [];
  if (queues?.name !== 'queues' || queues.code !== 0) return { kind: 'unknown', reason: saidBy(output) || 'no answer' };
  const found = elementsIn(queues.lines);
  if ('strange' in found) return { kind: 'unknown', reason: `qstat printed ${found.strange}` };
  const names = [...new Set(found.queues.map((one) => queueName(one)))];
  const most = (name: string): number | null => {
    const said = limits?.lines.map((line) => new RegExp(`^${name} +(\\d+)$`).exec(line)?.[1]).find(Boolean);
    return said === undefined || said === '0' ? null : Number(said);
  };
  return {
    kind: 'known',
    queues: names.map((name) => queueOf(name, found.queues)),
    // max_u_jobs counts an array as one job, whatever it holds.
    limits: { maxArraySize: most('max_aj_tasks'), maxSubmitJobs: null, maxJobsOfCluster: null, accounts: null },
  };
}

function queueName(instance: Fields): string {
  return (instance.get('name') ?? '').replace(/@.*$/, '');
}

/** A queue has an instance on each of its hosts. A job that names no queue may start in any. */
function queueOf(name: string, instances: readonly Fields[]): Queue {
  const own = instances.filter((one) => queueName(one) === name);
  const largest = (values: readonly (number | null)[]): number | null =>
    values.length === 0 || values.includes(null) ? null : Math.max(...values.map((value) => value ?? 0));
  return {
    name,
    isDefault: true,
    // Alarm (a, A) passes; disabled, in error, unreachable, suspended, orphaned or ambiguous does not by itself.
    isOpen: own.some((one) => !/[dDEusScCo]/.test(one.get('state') ?? '')),
    nodes: own.length,
    // What one job may have there, whatever the machine has.
    coresPerNode: largest(own.map((one) => durationSeconds(one.get('slots_total')))),
    memoryMBPerNode: largest(own.map((one) => megabytes(one.get('resource mem_total')))),
    gpusPerNode: 0,
    gpuType: null,
    gpuTypes: [],
    maxWalltimeSeconds: largest(own.map((one) => durationSeconds(one.get('resource h_rt')))),
    maxNodesPerJob: 1,
    // Queues have slots; limits of jobs are the cluster's.
    maxSubmitJobs: null,
    maxArraySize: null,
  };
}

/** `23.541G`. */
function megabytes(text: string | undefined): number | null {
  const [, amount, scale = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text ?? '') ?? [];
  const power = ['', 'K', 'M', 'G', 'T'].indexOf(scale);
  return amount === undefined ? null : Math.floor((Number(amount) * 1024 ** power) / 1024 ** 2);
}

// ---- What is over ----

function finishedCommand({ jobName, sinceSeconds }: { jobName: string; sinceSeconds: number }): string {
  const qacct = askPiece('ended', `env TZ=UTC0 qacct -o "$(id -un)" -j ${quote(jobName)}`);
  return piecesProgram([askPiece('since', `echo ${sinceSeconds}`), `${qacct} 2>&1`]);
}

function parseFinished(output: Output): Finished {
  const [since, ended] = output.code === 0 ? (piecesIn(output.stdout) ?? []) : [];
  if (since === undefined || ended?.name !== 'ended') return { kind: 'unknown', reason: saidBy(output) || 'no answer' };
  const text = ended.lines.join('\n');
  if (/^error: job name .* not found$/m.test(text)) return { kind: 'known', jobs: [] };
  if (ended.code !== 0) return { kind: 'unknown', reason: text };
  const jobs = text.split(/^=+$/m).slice(1).map(finishedJob);
  return { kind: 'known', jobs: jobs.filter((job) => (job.endedAt ?? 0) >= Number(since.lines[0])) };
}

/** The tag is not in the accounting. An exit status above 128 is a signal, and 128. */
function finishedJob(text: string): FinishedJob {
  const field = (name: string) => new RegExp(`^${name} +(.*?) *$`, 'm').exec(text)?.[1];
  const [submissionId, index] = [field('jobnumber') ?? '', Number(field('taskid'))];
  const [status, failed] = ['exit_status', 'failed'].map((name) => Number.parseInt(field(name) ?? '', 10));
  const startedAt = time(field('start_time'));
  const known = status === undefined || Number.isNaN(status) ? null : status;
  const signal = known !== null && known > 128 ? known - 128 : null;
  return {
    id: gridengine.pilotId(submissionId, index || null),
    submissionId,
    index: index || null,
    tag: null,
    node: startedAt === null ? null : (field('hostname')?.replace(/\..*$/, '') ?? null),
    exitCode: signal === null ? known : null,
    signal,
    state: failed === 0 ? (known === 0 ? 'COMPLETED' : 'FAILED') : failed === 100 ? 'KILLED' : `SGE_${failed}`,
    startedAt,
    endedAt: time(field('end_time')),
  };
}

// ---- Words ----

const reasons: readonly (readonly [RegExp, string])[] = [
  [/can't open output file/, 'held: its output cannot be written on the node; look at pilot.logDir, then cancel it'],
  [/cannot run in PE "([^"]*)"/, 'waits: the parallel environment $1 never has, or has no longer, so many cores'],
  [/cannot run at host .* offers only hc:exclusive/, 'waits for a node without other jobs'],
  [/\(-l h_rt=\d+\) cannot run in queue/, 'waits: no queue allows its wall clock; set scheduler.walltime'],
  [/^All queues dropped because of overload or full|dropped because it is full/, 'waits for free slots'],
  [/^Job is in hold state/, 'held; qrls lets it go on'],
];

function explain(reason: string): string | null {
  const found = reasons.find(([pattern]) => pattern.test(reason));
  if (found === undefined) return null;
  return found[1].replace('$1', found[0].exec(reason)?.[1] ?? '');
}
