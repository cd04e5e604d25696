import { commandLine, quote } from '../shell.ts';
import { oneNodeOnly } from './keys-without.ts';
import { finishedCommand, parseFinished } from './lsf-accounting.ts';
import { cancelCommand, parseCancel } from './lsf-cancel.ts';
import { discoverCommand, parseDiscovery } from './lsf-discovery.ts';
import { askCommand, firstIndex, listCommand, parseAsk, parseList } from './lsf-listing.ts';
import { explain } from './lsf-reasons.ts';
import { parseSubmit } from './lsf-refusals.ts';
import { directiveRefusal, pilotId, submissionIdOf } from './lsf-text.ts';
import type { BatchJob, Scheduler, Submission } from './scheduler.ts';
import { wantedOptions } from './wanted-options.ts';

/**
 * IBM's LSF, 9.1.3 and later, and OpenLava 4, the open descendant of its ancestor. Nothing depends on what only one of
 * them has. What was seen of OpenLava 4.0.0 is in docs/observed/openlava.md.
 */
export const lsf: Scheduler = {
  kind: 'lsf',
  clients: { needed: ['bsub', 'bjobs', 'bkill', 'bqueues'], versionCommand: 'lsid' },
  // BSUB_CHK_RESREQ checks and submits nothing, BSUB_QUIET keeps the id back. What names the cluster (LSF_ENVDIR, …) stays.
  // The job inherits the rest, so GLIDEIN_MEMORY_MB is only ever ours.
  defaultsPrefixes: [
    'GLIDEIN_MEMORY_MB',
    'BSUB_',
    'LSB_BHOSTS_',
    'LSB_BJOBS_',
    'LSB_BQUEUES_',
    'LSB_BSUB_',
    'LSB_DEFAULT',
    'LSB_DISPLAY_',
    'LSB_INTERACT',
    'LSB_JOB',
    'LSB_NTRIES',
    'LSB_QUERY_',
    'LSB_STDOUT_',
    'LSB_SUB',
  ],
  firstIndex,
  // One slot is the whole node only with -x, or with what somebody asks for instead of a number of slots.
  needsCores: ({ skip }) => skip.includes('x') && !skip.includes('n'),
  keys: {
    choices: { gpuOption: ['gpu'], submitBy: ['stdin', 'file'] },
    without: {
      nodesPerJob: oneNodeOnly('lsf'),
      qos: 'has no effect with lsf; set a line of scheduler.extra, as in -sla NAME or -app NAME',
    },
    optionsThatSet: {
      queue: ['q'],
      walltime: ['W'],
      nodes: ['nnodes'],
      cores: ['n'],
      memory: ['mem', 'M'],
      gpus: ['gpu'],
      account: ['P'],
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
  // bkill -s reaches every process of the job, its FUSE mounts with them (OpenLava 4.0.0, run).
  endCommand: () => null,
  parseEnd: parseCancel,
  discoverCommand,
  parseDiscovery,
  finishedCommand,
  parseFinished,
  explain,
  avoidsNodes: ({ skip }) => !skip.includes('R') && !skip.includes('select'),
  pilotId,
  submissionIdOf,
};

/** An option and its value; null: it has none. The value stands in double quotes where it has more than a word's characters. */
type Option = readonly [name: string, flag: string, value: string | null];

// -oo, -cwd, -env and -rn would be clearer, but OpenLava takes them for other options with other values (run).
function optionsOf(job: BatchJob): Option[] {
  const options: (Option | null)[] = [
    ['J', '-J', job.name],
    // Without a number of cores it is one slot; -x gives all of the node to the job all the same.
    ['n', '-n', String(job.cores ?? 1)],
    ['x', '-x', null],
    given('R', requirement(job)),
    gpuRequest(job),
    ['W', '-W', String(Math.ceil(job.walltimeSeconds / 60))],
    given('q', job.queue),
    given('P', job.project),
    given('G', job.account),
    given('U', job.reservation),
  ];
  return wantedOptions(options, job);
}

function given(name: string, value: string | null): Option | null {
  return value === null ? null : [name, `-${name}`, value];
}

/** What its node must be and give. Memory is in the site's unit, which is MB unless it says otherwise. */
function requirement({ constraint, memoryMB, skip, avoid }: BatchJob): string | null {
  const others = avoid.map((node) => `hname!='${node}'`);
  const mine = constraint === null || others.length === 0 ? constraint : `(${constraint})`;
  const wanted = [...(mine === null ? [] : [mine]), ...others];
  const parts = [
    wanted.length === 0 || skip.includes('select') ? '' : `select[${wanted.join(' && ')}]`,
    memoryMB === null || skip.includes('mem') ? '' : `rusage[mem=${memoryMB}]`,
    skip.includes('span') ? '' : 'span[hosts=1]',
  ].filter((part) => part !== '');
  return parts.length === 0 ? null : parts.join(' ');
}

/** IBM's, 10.1.0.3 and later; OpenLava has no such option. */
function gpuRequest({ gpus, gpuType, gpuOption }: BatchJob): Option | null {
  if (gpus === 0 || gpuOption === 'none') return null;
  const model = gpuType === null ? '' : `:gmodel=${gpuType}`;
  return ['gpu', '-gpu', `num=${gpus}${model}:j_exclusive=yes`];
}

function directives(job: BatchJob): readonly string[] {
  const lines = optionsOf(job).map(([, flag, value]) => (value === null ? flag : `${flag} ${inQuotes(value)}`));
  return [...lines, ...job.extra];
}

/** As bsub reads them in a script: a value with blanks or brackets in double quotes. */
function inQuotes(value: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(value) ? value : `"${value}"`;
}

/**
 * The command line beats the script's own lines, so what decides how many and where stands here as well. The job begins
 * in /, which every node has. Even one pilot is an array where the site has arrays. A script that is named instead of
 * read has no lines that bsub would look at, so all of them are given here, and the shell that the script wants.
 */
function submitCommand(job: BatchJob, submission: Submission): string {
  const skips = (option: string) => job.skip.includes(option);
  const name = submission.array ? `${job.name}[1-${submission.count}]` : job.name;
  const decisive = ['-J', name, '-Jd', submission.tag, ...(job.queue === null || skips('q') ? [] : ['-q', job.queue])];
  const log = `${submission.logDirWord}/${quote(submission.array ? '%J[%I].batch' : '%J.batch')}`;
  // The job inherits all of bsub's environment, and so learns what memory it was promised.
  const memory = job.memoryMB === null ? [] : [`GLIDEIN_MEMORY_MB=${job.memoryMB}`];
  const start = ['sh', '-c', 'cd / && exec env "$@"', 'sh', 'LSB_NTRIES=2', ...memory, 'bsub'];
  const bsub = `${commandLine([...start, ...decisive])} -o ${log}`;
  if (job.submitBy === 'stdin') return bsub;
  const rest = { ...job, skip: [...job.skip, 'J', 'q'] };
  const options = directives(rest).flatMap(wordsOf);
  return `${bsub} ${commandLine([...options, '/bin/bash', '-p'])} ${submission.scriptWord}`;
}

/** The words of a directive, as a shell would take them: blanks divide, quotes keep together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''),
  );
}
