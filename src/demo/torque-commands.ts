import { spokenAs } from './pbs-commands.ts';
import { complaint, type PbsFlavour } from './pbs-flavour.ts';

/** Torque's commands over the stand-in batch system, by its sources and manual pages (4 to 6): none was recorded. */
const torque: PbsFlavour = {
  version: { stdout: '', stderr: 'Version: 6.1.2\nCommit: 0000000\n', code: 0 },
  arrayOption: 't',
  indexVariable: 'PBS_ARRAYID',
  takesSmallArrays: true,
  elementsAreJobs: true,
  overState: 'C',
  showsOver: true,
  codes: { illegalValue: 168, unknownQueue: 172, overLimits: 190, noConnection: 162, finished: 170 },
  unknownJob: (id) => `Unknown Job Id Error ${id}`,
  finishedJob: (id) => `Request invalid for state of job MSG=invalid state for job - COMPLETE ${id}`,
  refusalOfResources: (resources) =>
    resources.has('select') ? complaint('qsub', 'Unknown resource type Resource_List.select', 189) : null,
  refusals: {
    permanent: complaint('qsub', 'Unauthorized Request  MSG=user not allowed in queue', 159),
    capacity: complaint('qsub', 'Maximum number of jobs already in queue MSG=total number of jobs exceeds limit', 200),
    transient: complaint(
      'qsub',
      'Pbs Server is currently too busy to service this request. Please retry this request.',
      30,
    ),
  },
  timedOut: complaint('qsub', 'Time out', 237),
  shownResources: ({ details }) => {
    const [, nodes = '1'] = /(?:^|,)nodes=([^,]*)/.exec(details?.['resources'] ?? '') ?? [];
    return { nodect: nodes.replace(/:.*/, ''), nodes };
  },
};

export const spokenTorque = spokenAs('Torque', torque);
