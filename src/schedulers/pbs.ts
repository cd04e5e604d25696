import { commandLine, quote } from '../shell.ts';
import { noQos, oneNodeOnly } from './keys-without.ts';
import { moment, parseFinished } from './pbs-accounting.ts';
import { cancelCommand, parseCancel } from './pbs-cancel.ts';
import { discoverProgram, parseDiscovery } from './pbs-discovery.ts';
import { askCommand, describedJobs, listingOf, listProgram, parseAsk } from './pbs-listing.ts';
import { explain } from './pbs-reasons.ts';
import { parseSubmit } from './pbs-refusals.ts';
import { directiveRefusal, pilotId, submissionIdOf, walltime } from './pbs-text.ts';
import type { BatchJob, ListQuery, Scheduler, Submission } from './scheduler.ts';
import { given, type OptionLine, optionLines } from './wanted-options.ts';

/**
 * OpenPBS, and PBS Professional 14 and later. What was seen of 23.06.06 is in docs/observed/openpbs.md; messages are
 * those of its source.
 */
export const pbs: Scheduler = {
  kind: 'pbs',
  clients: { needed: ['qsub', 'qstat', 'qdel'], versionCommand: 'qstat --version', versionSays: /^pbs_version = /m },
  // PBS_DEFAULT and PBS_SERVER name another server, PBS_DPREFIX another beginning of the directives, QSTAT_DEFAULTS
  // other columns.
  defaultsPrefixes: [
    'PBS_DEFAULT',
    'PBS_SERVER',
    'PBS_DPREFIX',
    'PBS_QSTAT',
    'PBS_CPUSET',
    'QSUB_',
    'QSTAT_',
    'QSELECT_',
  ],
  firstIndex: 0,
  needsCores: () => true,
  keys: {
    choices: { gpuOption: ['ngpus'], resourceStyle: ['select', 'legacy'] },
    without: {
      nodesPerJob: oneNodeOnly('pbs'),
      qos: noQos('pbs'),
      reservation: 'has no effect with pbs, where a reservation is a queue; set scheduler.queue to it',
      gpuType: "has no effect with pbs; set scheduler.constraint, as in gpu_model=a100, by your site's own word",
    },
    optionsThatSet: {
      queue: ['q', 'queue'],
      walltime: ['walltime'],
      nodes: ['select', 'nodes'],
      cores: ['ncpus'],
      memory: ['mem'],
      gpus: ['ngpus'],
      account: ['A', 'P'],
    },
  },
  directives,
  directiveRefusal,
  submitCommand,
  parseSubmit,
  listCommand,
  parseList: (output) => listingOf(describedJobs(output)),
  askCommand,
  parseAsk,
  // With PBS only an array as a whole can be held.
  cancelCommand: (ids, options) => cancelCommand(ids, { ...options, heldBy: submissionIdOf }),
  parseCancel,
  // qsig reaches every process of the job, its FUSE mounts with them (23.06, run).
  endCommand: () => null,
  parseEnd: parseCancel,
  discoverCommand: () => discoverProgram('pbsnodes -av'),
  parseDiscovery,
  finishedCommand,
  parseFinished,
  explain,
  pilotId,
  submissionIdOf,
};

/** One option a line; lists are of what the site can have. */
function directives(job: BatchJob): readonly string[] {
  const options: (OptionLine | null)[] = [
    ['N', `-N ${job.name}`],
    ...resources(job).map((line): readonly [string, string] => ['l', line]),
    ['walltime', `-l walltime=${walltime(job.walltimeSeconds)}`],
    given('q', job.queue),
    given('A', job.account),
    given('P', job.project),
    ['S', '-S /bin/bash'],
    ['j', '-j oe'],
    // Written where it belongs as it comes, not copied there at the end. PBS before 18 has no d.
    ['k', '-k oed'],
    ['m', '-m n'],
  ];
  return optionLines(options, job);
}

/**
 * A chunk on a host of its own. What is not asked for is not granted where the site keeps jobs to what they asked for
 * (cgroups), exclusive or not, so cores, memory and GPUs are all named. The older form cannot be combined with a place:
 * there, all cores of a node are what keeps others off it.
 */
function resources(job: BatchJob): string[] {
  const each: (readonly [name: string, value: string | null])[] = [
    ['ncpus', String(job.cores ?? 1)],
    ['mem', job.memoryMB === null ? null : `${job.memoryMB}mb`],
    ['ngpus', job.gpus === 0 || job.gpuOption === 'none' ? null : String(job.gpus)],
  ];
  const asked = each.filter(([name, value]) => value !== null && !job.skip.includes(name));
  const list = asked.map(([name, value]) => `${name}=${value}`);
  if (job.resourceStyle === 'legacy') return list.map((one) => `-l ${one}`);
  const chunk = [String(job.nodes), ...list, ...(job.constraint === null ? [] : [job.constraint])].join(':');
  return [
    ...(job.skip.includes('select') ? [] : [`-l select=${chunk}`]),
    ...(job.skip.includes('place') || job.skip.includes('select') ? [] : ['-l place=scatter:exclhost']),
  ];
}

// -f: without it the first qsub stays as a daemon that holds the channel and the lock, and may go on submitting after it
// was killed (23.06, run). The command line beats the directives. PBS refuses an array of one, and arrays that may not
// be run again.
function submitCommand(job: BatchJob, submission: Submission): string {
  const skips = (option: string) => job.skip.includes(option);
  const memory = job.memoryMB === null ? '' : `,GLIDEIN_MEMORY_MB=${job.memoryMB}`;
  const array = submission.count > 1;
  const words = [
    ...['qsub', '-f', '-N', job.name, '-v', `GLIDEIN_TAG=${submission.tag}${memory}`],
    ...(array ? ['-J', `0-${submission.count - 1}`] : []),
    ...(array || skips('r') ? [] : ['-r', 'n']),
    ...(job.queue === null || skips('q') ? [] : ['-q', job.queue]),
  ];
  return `${commandLine(words)} -o ${submission.logDirWord}/`;
}

// The elements of arrays are shown by -t the first time, and named one by one the second.
function listCommand({ jobName, secondLook }: ListQuery): string {
  const own = `-u "$(id -un)" -N ${quote(jobName)}`;
  return secondLook
    ? listProgram(`qselect -T ${own}`, ['qstat', '-f'], 'reversed')
    : listProgram(`qselect ${own}`, ['qstat', '-f', '-t'], 'as named');
}

// Arrays are named when any of theirs changed since then, and then all of theirs are shown.
function finishedCommand({ jobName, sinceSeconds }: { jobName: string; sinceSeconds: number }): string {
  const select = `env TZ=UTC0 qselect -x -u "$(id -un)" -N ${quote(jobName)} -tm.ge.${moment(sinceSeconds)}`;
  return listProgram(select, ['qstat', '-x', '-f', '-t'], 'as named');
}
