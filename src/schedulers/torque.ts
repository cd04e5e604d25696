import { commandLine } from '../shell.ts';
import { oneNodeOnly } from './keys-without.ts';
import { parseFinished } from './pbs-accounting.ts';
import { cancelCommand, parseCancel } from './pbs-cancel.ts';
import { discoverProgram, parseDiscovery } from './pbs-discovery.ts';
import { askCommand, type Described, describedJobs, listingOf, listProgram, parseAsk } from './pbs-listing.ts';
import { explain } from './pbs-reasons.ts';
import { parseSubmit } from './pbs-refusals.ts';
import { directiveRefusal, pilotId, submissionIdOf, walltime } from './pbs-text.ts';
import type { BatchJob, ListQuery, Scheduler, Submission } from './scheduler.ts';
import { given, type OptionLine, optionLines } from './wanted-options.ts';

/**
 * Torque, 4 to 6, the other descendant of the old PBS. Written from its source and manual pages; none was at hand to run
 * (docs/observed/openpbs.md).
 */
export const torque: Scheduler = {
  kind: 'torque',
  clients: { needed: ['qsub', 'qstat', 'qdel'], versionCommand: 'qstat --version', versionSays: /^Version: \d/m },
  defaultsPrefixes: ['PBS_DEFAULT', 'PBS_SERVER', 'PBS_DPREFIX', 'PBS_QSTAT', 'PBS_CLIENTRETRY', 'QSUB', 'QSTAT_'],
  firstIndex: 0,
  needsCores: () => true,
  keys: {
    choices: { gpuOption: ['gpus'] },
    without: {
      nodesPerJob: oneNodeOnly('torque'),
      project: 'has no effect with torque; set scheduler.account, or a line of scheduler.extra',
      gpuType: 'has no effect with torque; set scheduler.constraint to the nodes that have them',
    },
    optionsThatSet: {
      queue: ['q', 'queue'],
      walltime: ['walltime'],
      nodes: ['nodes'],
      cores: ['ppn', 'ncpus'],
      memory: ['mem'],
      gpus: ['gpus'],
      account: ['A'],
    },
  },
  directives,
  directiveRefusal,
  submitCommand,
  parseSubmit,
  listCommand,
  parseList: (output, { jobName }) => listingOf(named(describedJobs(output), jobName)),
  askCommand,
  parseAsk,
  // Each element is a job of its own.
  cancelCommand: (ids, options) => cancelCommand(ids, { ...options, heldBy: (id) => id }),
  parseCancel,
  // qsig reaches every process of the job.
  endCommand: () => null,
  parseEnd: parseCancel,
  discoverCommand: () => discoverProgram('pbsnodes -a'),
  parseDiscovery,
  finishedCommand,
  parseFinished,
  explain,
  pilotId,
  submissionIdOf,
};

/** One option a line. Memory is the job's, which has one node. */
function directives(job: BatchJob): readonly string[] {
  const options: (OptionLine | null)[] = [
    ['N', `-N ${job.name}`],
    ['nodes', `-l nodes=${nodesOf(job)}`],
    job.memoryMB === null ? null : ['mem', `-l mem=${job.memoryMB}mb`],
    ['walltime', `-l walltime=${walltime(job.walltimeSeconds)}`],
    job.qos === null ? null : ['qos', `-l qos=${job.qos}`],
    job.reservation === null ? null : ['advres', `-l advres=${job.reservation}`],
    given('q', job.queue),
    given('A', job.account),
    ['S', '-S /bin/bash'],
    ['j', '-j oe'],
    ['m', '-m n'],
  ];
  return optionLines(options, job);
}

/** All cores of a node are what keeps others off it: Torque itself has no word for exclusive. */
function nodesOf(job: BatchJob): string {
  const parts = [
    String(job.nodes),
    ...(job.skip.includes('ppn') ? [] : [`ppn=${job.cores ?? 1}`]),
    ...(job.gpus === 0 || job.gpuOption === 'none' || job.skip.includes('gpus') ? [] : [`gpus=${job.gpus}`]),
    ...(job.constraint === null ? [] : [job.constraint]),
  ];
  return parts.join(':');
}

// qsub stays behind for nobody here (its -f means another thing). What Torque prints goes to a file whose name gets the
// element's number behind it, so it must be no directory. One pilot is a plain job, as with PBS.
function submitCommand(job: BatchJob, submission: Submission): string {
  const skips = (option: string) => job.skip.includes(option);
  const memory = job.memoryMB === null ? '' : `,GLIDEIN_MEMORY_MB=${job.memoryMB}`;
  const words = [
    ...['qsub', '-N', job.name, '-v', `GLIDEIN_TAG=${submission.tag}${memory}`],
    ...(submission.count > 1 ? ['-t', `0-${submission.count - 1}`] : []),
    ...(skips('r') ? [] : ['-r', 'n']),
    ...(job.queue === null || skips('q') ? [] : ['-q', job.queue]),
  ];
  return `${commandLine(words)} -o ${submission.logDirWord}/${submission.tag}.OU`;
}

// An element's name has its number behind it, so the name cannot be asked for; each is a job of its own. -1: unfolded.
function listCommand({ secondLook }: ListQuery): string {
  const show = secondLook ? ['qstat', '-f', '-1'] : ['qstat', '-f'];
  return listProgram('qselect -u "$(id -un)"', show, secondLook ? 'reversed' : 'as named');
}

/** Those of this name: `g-campus`, and `g-campus-3` for an element. */
function named(described: Described, jobName: string): Described {
  if ('incomplete' in described) return described;
  const isOurs = (name: string) => name === jobName || (name.startsWith(`${jobName}-`) && /-\d+$/.test(name));
  return { blocks: described.blocks.filter(({ attributes }) => isOurs(attributes.get('Job_Name') ?? '')) };
}

// `qstat -x` is no history here. What is over stays in the listing, in state C, for as long as the server keeps it.
function finishedCommand(query: { jobName: string }): string {
  return listCommand({ ...query, site: '', secondLook: false });
}
