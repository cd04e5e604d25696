import type { BatchSystem } from './batch-system.ts';
import { type CommandGround, said } from './scheduler-command.ts';

/** What the cluster is: `lsid`, `bqueues`, `bhosts`, `lshosts`, `bparams`. */

export function showVersion({ system }: CommandGround) {
  return said(
    `OpenLava 4.0.0, Nov 20 2026\n\nMy cluster name is ${system.cluster.name}\nMy master name is ${system.cluster.name}\n`,
  );
}

/** `bqueues`, and with `-l` all that is known of each. */
export function showQueues(isLong: boolean, { system }: CommandGround) {
  if (isLong) return said(system.cluster.queues.map((queue, at) => longQueue(queue, at === 0, system)).join(separator));
  const header = 'QUEUE_NAME     PRIO      STATUS      MAX  JL/U JL/P JL/H NJOBS  PEND  RUN  SUSP\n';
  const rows = system.cluster.queues.map(({ name }) => {
    const { pending, running, held } = counts(name, system);
    const numbers = [pending + running + held, pending, running, held]
      .map((count) => String(count).padStart(5))
      .join(' ');
    return `${name.padEnd(14)}  30    Open:Active      -    -    -    - ${numbers} \n`;
  });
  return said(header + rows.join(''));
}

const separator = '-------------------------------------------------------------------------------\n';

function counts(queue: string, system: BatchSystem): { pending: number; running: number; held: number } {
  const jobs = system.alive().filter(({ request }) => request.queue === queue);
  const waiting = jobs.filter(({ state }) => state === 'waiting');
  const held = waiting.filter((job) => job.held).length;
  return { pending: waiting.length - held, running: jobs.length - waiting.length, held };
}

function longQueue(
  { name, maxWalltimeSeconds }: { name: string; maxWalltimeSeconds: number },
  isDefault: boolean,
  system: BatchSystem,
): string {
  const { pending, running, held } = counts(name, system);
  const numbers = [pending + running + held, pending, running, 0, held, 0]
    .map((one) => String(one).padStart(5))
    .join(' ');
  return `
QUEUE: ${name}
  -- ${isDefault ? 'default  This is the default queue.' : 'No description provided.'}

PARAMETERS/STATISTICS
PRIO NICE     STATUS       MAX JL/U JL/P JL/H NJOBS  PEND  RUN  SSUSP USUSP  RSV
  30   0    Open:Active     -    -    -    - ${numbers}

Interval for a host to accept two jobs is 0 seconds

 RUNLIMIT                
 ${(maxWalltimeSeconds / 60).toFixed(1)} min of ${system.cluster.name}

SCHEDULING PARAMETERS
           r15s   r1m  r15m   ut      pg    io   ls    it    tmp    swp    mem
 loadSched   -     -     -     -       -     -    -     -     -      -      -  
 loadStop    -     -     -     -       -     -    -     -     -      -      -  

SCHEDULING POLICIES:  EXCLUSIVE

USERS:  all users
HOSTS:  all hosts used by the OpenLava system

`;
}

/** `bhosts -w`. */
export function showHosts({ system }: CommandGround) {
  const cores = system.cluster.coresPerNode;
  const rows = system.nodeStates().map(({ name, isUp, job }) => {
    const state = !isUp ? 'unavail' : job === null ? 'ok' : 'closed_Excl';
    const numbers = [job === null ? 0 : cores, job === null ? 0 : cores, 0, 0, 0];
    return `${name.padEnd(18)} ${state.padEnd(14)}  -  ${String(cores).padStart(5)} ${numbers.map((one) => String(one).padStart(6)).join(' ')}\n`;
  });
  return said(`HOST_NAME          STATUS       JL/U    MAX  NJOBS    RUN  SSUSP  USUSP    RSV \n${rows.join('')}`);
}

/** `lshosts -w`. */
export function showMachines({ system }: CommandGround) {
  const { coresPerNode, memoryMBPerNode } = system.cluster;
  const rows = system
    .nodeStates()
    .map(
      ({ name }) =>
        `${name.padEnd(15)} linux    x86_64  100.0 ${String(coresPerNode).padStart(5)} ${`${memoryMBPerNode}M`.padStart(7)}      -    Yes (cs)\n`,
    );
  return said(`HOST_NAME       type    model  cpuf ncpus  maxmem maxswp server RESOURCES\n${rows.join('')}`);
}

/** `bparams -l`. */
export function showParameters({ system }: CommandGround) {
  return said(`System default queues for automatic queue selection:
    DEFAULT_QUEUE = ${system.cluster.queues[0]?.name}

The amount of time during which finished jobs are kept in core:
    CLEAN_PERIOD = 3600 (seconds)

The maximum number of jobs in a job array:
    MAX_JOB_ARRAY_SIZE = ${system.cluster.maxArraySize - 1}

`);
}
