import type { BatchSystem } from './batch-system.ts';
import type { PbsFlavour } from './pbs-flavour.ts';
import { pbsId } from './pbs-records.ts';
import { clock } from './pbs-times.ts';
import { type Answer, type CommandGround, said } from './scheduler-command.ts';

/** What the cluster is: `qstat -B`, `qstat -Q`, `pbsnodes`. */

/** `qstat -Bf`. */
export function showServer({ system, hasAccounting }: CommandGround, { showsOver }: PbsFlavour): Answer {
  const { cluster } = system;
  const history: [string, string][] = hasAccounting && !showsOver ? [['job_history_enable', 'True']] : [];
  return said(
    block(`Server: ${cluster.name}`, [
      ['server_state', 'Active'],
      ['server_host', cluster.name],
      ['scheduling', 'True'],
      ['total_jobs', String(system.alive().length)],
      ['default_queue', cluster.queues[0]?.name ?? ''],
      ['query_other_jobs', 'True'],
      ...history,
      ...(showsOver ? [] : [['max_array_size', String(cluster.maxArraySize)] as [string, string]]),
      ['pbs_version', showsOver ? '6.1.2' : '23.06.06'],
    ]),
  );
}

/** `qstat -Qf`. */
export function showQueues({ system }: CommandGround): Answer {
  const blocks = system.cluster.queues.map(({ name, maxWalltimeSeconds }) =>
    block(`Queue: ${name}`, [
      ['queue_type', 'Execution'],
      ['total_jobs', String(system.alive().filter(({ request }) => request.queue === name).length)],
      ['resources_max.walltime', clock(maxWalltimeSeconds)],
      ['enabled', 'True'],
      ['started', 'True'],
    ]),
  );
  return said(blocks.join(''));
}

/** `pbsnodes -a` or `-av`. */
export function showNodes({ system }: CommandGround, { showsOver }: PbsFlavour): Answer {
  return said(
    system
      .nodeStates()
      .map((node) => (showsOver ? torqueNode : pbsNode)(node, system))
      .join(''),
  );
}

type Node = ReturnType<BatchSystem['nodeStates']>[number];

function pbsNode({ name, isUp, job }: Node, { cluster }: BatchSystem): string {
  const jobs: [string, string][] = job === null ? [] : [['jobs', `${pbsId(job, cluster.name)}/0`]];
  return nodeBlock(name, [
    ['Mom', name],
    ['ntype', 'PBS'],
    ['state', !isUp ? 'down' : job === null ? 'free' : 'job-exclusive'],
    ['pcpus', String(cluster.coresPerNode)],
    ...jobs,
    ['resources_available.arch', 'linux'],
    ['resources_available.host', name],
    ['resources_available.mem', `${cluster.memoryMBPerNode * 1024}kb`],
    ['resources_available.ncpus', String(cluster.coresPerNode)],
    ['resources_available.vnode', name],
    ['resources_assigned.ncpus', job === null ? '0' : String(cluster.coresPerNode)],
    ['resv_enable', 'True'],
    ['sharing', 'default_shared'],
  ]);
}

function torqueNode({ name, isUp, job }: Node, { cluster }: BatchSystem): string {
  const jobs: [string, string][] =
    job === null ? [] : [['jobs', `0-${cluster.coresPerNode - 1}/${pbsId(job, cluster.name)}`]];
  return nodeBlock(name, [
    ['state', !isUp ? 'down' : job === null ? 'free' : 'job-exclusive'],
    ['power_state', 'Running'],
    ['np', String(cluster.coresPerNode)],
    ['ntype', 'cluster'],
    ...jobs,
    ['status', `opsys=linux,physmem=${cluster.memoryMBPerNode * 1024}kb,ncpus=${cluster.coresPerNode},state=free`],
  ]);
}

function block(title: string, attributes: readonly (readonly [string, string])[]): string {
  return `${title}\n${attributes.map(([name, value]) => `    ${name} = ${value}\n`).join('')}\n`;
}

function nodeBlock(title: string, attributes: readonly (readonly [string, string])[]): string {
  return `${title}\n${attributes.map(([name, value]) => `     ${name} = ${value}\n`).join('')}\n`;
}
