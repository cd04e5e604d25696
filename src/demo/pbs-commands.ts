import type { FaultyCommand } from './faults.ts';
import { controlJobs } from './pbs-control.ts';
import { complaint, type PbsFlavour } from './pbs-flavour.ts';
import { showNodes, showQueues, showServer } from './pbs-inventory.ts';
import { asksForOne, listJobs, selectJobs } from './pbs-listing.ts';
import { pbsId } from './pbs-records.ts';
import { submitJob } from './pbs-submit.ts';
import {
  type Answer,
  type Command,
  type CommandCall,
  type CommandGround,
  clusterName,
  commandsOf,
  refused,
  type SpokenScheduler,
  said,
} from './scheduler-command.ts';

/**
 * OpenPBS's commands over the stand-in batch system, in the words that were recorded of 23.06.06. What glidein and a
 * curious person type is there, and no more.
 */
const openPbs: PbsFlavour = {
  version: said('pbs_version = 23.06.06\n'),
  arrayOption: 'J',
  indexVariable: 'PBS_ARRAY_INDEX',
  takesSmallArrays: false,
  elementsAreJobs: false,
  overState: 'F',
  showsOver: false,
  codes: { illegalValue: 166, unknownQueue: 170, overLimits: 188, noConnection: 162, finished: 35 },
  unknownJob: (id) => `Unknown Job Id ${id}`,
  finishedJob: (id) => `Job has finished ${id}`,
  refusalOfResources,
  refusals: {
    permanent: complaint('qsub', 'Unauthorized Request ', 159),
    capacity: complaint('qsub', "would exceed complex's per-user limit", 38),
    transient: complaint(
      'qsub',
      `Connection refused\nqsub: cannot connect to server ${clusterName} (errno=15010)`,
      162,
    ),
  },
  timedOut: complaint('qsub', 'Premature end of message', 183),
  shownResources: ({ details }) => {
    const [, select = '1:ncpus=1'] = /(?:^|,)select=([^,]*)/.exec(details?.['resources'] ?? '') ?? [];
    const [, place = 'pack'] = /(?:^|,)place=([^,]*)/.exec(details?.['resources'] ?? '') ?? [];
    return { ncpus: /ncpus=(\d+)/.exec(select)?.[1] ?? '1', nodect: select.replace(/:.*/, ''), place, select };
  },
};

function refusalOfResources(resources: ReadonlyMap<string, string>): Answer | null {
  const known = ['select', 'place', 'walltime', 'ncpus', 'nodes', 'mem', 'ngpus', 'mpiprocs'];
  const unknown = [...resources.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) return complaint('qsub', `Unknown resource Resource_List.${unknown}`, 187);
  const select = resources.get('select');
  if (select === undefined) return null;
  if (!/^[1-9]\d*(?::\w+=[^:+]+)*(?:\+[1-9]\d*(?::\w+=[^:+]+)*)*$/.test(select))
    return complaint('qsub', 'Illegal attribute or resource value Resource_List.select', 166);
  return resources.has('nodes') ? complaint('qsub', 'Cannot be used with select or place: nodes', 6) : null;
}

/** Either PBS: what differs is its flavour's. */
export function spokenAs(title: string, flavour: PbsFlavour): SpokenScheduler {
  return {
    title,
    commands: (ground) => commandsOf(pbsPrograms(flavour), ground),
    jobId: (job) => pbsId(job, clusterName),
    queueCommand: ['qstat', '-t'],
    directive: '#PBS',
    countsCores: true,
    numbersTasks: false,
    endSignals: () => ['SIGTERM', 'SIGKILL'],
  };
}

export const spokenPbs = spokenAs('PBS', openPbs);

function pbsPrograms(flavour: PbsFlavour): Readonly<Record<string, Command>> {
  const { noConnection } = flavour.codes;
  const control: Command = {
    kind: () => 'cancel',
    run: (call, ground) => controlJobs(call, ground, flavour),
    down: () => refused(`Connection refused\nCouldn't connect to cluster: ${clusterName}`, noConnection),
  };
  const cannotConnect = ({ program }: CommandCall, code: number) =>
    refused(`Connection refused\n${program}: cannot connect to server ${clusterName} (errno=15010)`, code);
  return {
    qsub: {
      kind: () => 'submit',
      run: (call, ground) => submitJob(call, ground, flavour),
      down: (call) => cannotConnect(call, noConnection),
    },
    qstat: {
      kind: kindOfStatus,
      run: (call, ground) => status(call, ground, flavour),
      down: (call) => cannotConnect(call, 255),
    },
    qselect: {
      kind: () => 'list',
      run: (call, ground) => selectJobs({ call, ground, flavour }),
      down: (call) => cannotConnect(call, noConnection),
    },
    qdel: control,
    qhold: control,
    qrls: control,
    pbsnodes: {
      kind: () => 'other',
      run: (_call, ground) => showNodes(ground, flavour),
      down: () => refused(`Connection refused\npbsnodes: cannot connect to server ${clusterName}, error=15010`, 1),
    },
  };
}

function kindOfStatus({ args }: CommandCall): FaultyCommand {
  if (args.some((arg) => /^-\w*[BQ]/.test(arg) || arg === '--version')) return 'other';
  return asksForOne(args) ? 'ask' : 'list';
}

function status(call: CommandCall, ground: CommandGround, flavour: PbsFlavour): Answer {
  const options = call.args.filter((arg) => arg.startsWith('-')).join('');
  if (options.includes('--version')) return flavour.version;
  if (options.includes('B')) return showServer(ground, flavour);
  return options.includes('Q') ? showQueues(ground) : listJobs({ call, ground, flavour });
}
