import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { freePorts } from './free-ports.ts';
import { isAlive, stopProcess } from './processes.ts';
import { mustRun, run } from './run-program.ts';
import { waitUntil } from './wait-until.ts';

const PARTITIONS = { shared: 'shared', exclusive: 'whole' };

type Slurm = Pick<Cluster, 'slurmConf' | 'controllerPidFile' | 'nodes' | 'nodeCores' | 'partitions'>;

/** How large a Slurm to start. */
export interface SlurmSize {
  nodeCount?: number;
  nodeCores?: number;
  /** Further lines of slurm.conf. */
  extraLines?: readonly string[];
}

/** Starts Debian's Slurm below `prefix`: one slurmctld and several slurmd, all on loopback. Answers when jobs can run. */
export async function startSlurm(prefix: string, mungeSocket: string, size: SlurmSize = {}): Promise<Slurm> {
  const { nodeCount = 8, nodeCores = 4, extraLines = [] } = size;
  const directory = join(prefix, 'slurm');
  await mkdir(join(directory, 'state'), { recursive: true });
  const nodes = Array.from({ length: nodeCount }, (_, index) => `node${index + 1}`);
  const [controllerPort = 0, ...nodePorts] = await freePorts(1 + nodes.length);
  const slurmConf = join(directory, 'slurm.conf');
  const text = [
    ...controllerLines(directory, controllerPort, mungeSocket),
    ...extraLines,
    ...nodes.map((node, index) => nodeLine(node, nodePorts[index] ?? 0, nodeCores)),
    `PartitionName=${PARTITIONS.exclusive} Nodes=ALL OverSubscribe=EXCLUSIVE Default=YES MaxTime=2-00:00:00 State=UP`,
    `PartitionName=${PARTITIONS.shared} Nodes=ALL OverSubscribe=NO MaxTime=2-00:00:00 State=UP`,
  ];
  await writeFile(slurmConf, `${text.join('\n')}\n`);
  const controllerPidFile = join(directory, 'slurmctld.pid');
  const slurm = { slurmConf, controllerPidFile, nodes, nodeCores, partitions: PARTITIONS };
  await mustRun('/usr/sbin/slurmctld', ['-f', slurmConf]);
  for (const node of nodes) await mustRun('/usr/sbin/slurmd', ['-f', slurmConf, '-N', node]);
  await waitForNodes(slurm);
  return slurm;
}

function controllerLines(directory: string, port: number, mungeSocket: string): string[] {
  return [
    'ClusterName=campus',
    `SlurmctldHost=${hostname()}(127.0.0.1)`,
    `SlurmctldPort=${port}`,
    'SlurmUser=root',
    'AuthType=auth/munge',
    `AuthInfo=socket=${mungeSocket}`,
    // Loopback only: without these two the daemons listen on every address.
    'CommunicationParameters=NoCtldInAddrAny,NoInAddrAny',
    `StateSaveLocation=${directory}/state`,
    `SlurmctldPidFile=${directory}/slurmctld.pid`,
    `SlurmctldLogFile=${directory}/slurmctld.log`,
    `SlurmdSpoolDir=${directory}/spool.%n`,
    `SlurmdPidFile=${directory}/slurmd.%n.pid`,
    `SlurmdLogFile=${directory}/slurmd.%n.log`,
    // The machine's real size does not matter: every node is as large as the configuration says.
    'SlurmdParameters=config_overrides',
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core_Memory',
    'DefMemPerCPU=1000',
    'SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0',
    'MinJobAge=300',
    'KillWait=5',
    'ReturnToService=2',
    'JobRequeue=0',
  ];
}

function nodeLine(node: string, port: number, cores: number): string {
  const size = `CPUs=${cores} RealMemory=${1000 * cores}`;
  return `NodeName=${node} NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${port} ${size} State=UNKNOWN`;
}

/** Ends slurmctld as an administrator would; running jobs go on. Answers when the process is gone. */
export async function stopController(cluster: Pick<Cluster, 'controllerPidFile'>): Promise<void> {
  const pid = controllerPid(cluster);
  if (pid !== null) await stopProcess(pid);
}

/**
 * Starts slurmctld again, with the jobs it knew or, with `forgetJobs`, with none and the first job id. Answers when it
 * answers and every node is back.
 */
export async function startController(cluster: Slurm, options: { forgetJobs?: boolean } = {}): Promise<void> {
  const forget = options.forgetJobs ? ['-c'] : [];
  if (controllerPid(cluster) === null) await mustRun('/usr/sbin/slurmctld', ['-f', cluster.slurmConf, ...forget]);
  await waitForNodes(cluster);
}

/** Stops slurmctld in mid-step: connections to it are accepted by the kernel and never answered. */
export function freezeController(cluster: Pick<Cluster, 'controllerPidFile'>): void {
  signalController(cluster, 'SIGSTOP');
}

/** Lets a frozen slurmctld go on. What clients had sent meanwhile is served now, even when they are gone. */
export function thawController(cluster: Pick<Cluster, 'controllerPidFile'>): void {
  signalController(cluster, 'SIGCONT');
}

function signalController(cluster: Pick<Cluster, 'controllerPidFile'>, signal: NodeJS.Signals): void {
  const pid = controllerPid(cluster);
  if (pid === null) throw new Error('slurmctld does not run');
  process.kill(pid, signal);
}

function controllerPid(cluster: Pick<Cluster, 'controllerPidFile'>): number | null {
  try {
    const pid = Number(readFileSync(cluster.controllerPidFile, 'utf8'));
    return isAlive(pid) ? pid : null;
  } catch {
    return null;
  }
}

/** Answers when every node can take jobs, or has them. */
export async function waitForNodes(slurm: Pick<Cluster, 'slurmConf' | 'nodes'>): Promise<void> {
  const env = { ...process.env, SLURM_CONF: slurm.slurmConf };
  await waitUntil('every Slurm node is up', 30, async () => {
    const { stdout, code } = await run('sinfo', ['-h', '-N', '-o', '%N %t', '-p', PARTITIONS.shared], {
      env,
      seconds: 5,
    });
    const states = stdout.trim().split('\n');
    return (
      code === 0 &&
      states.length === slurm.nodes.length &&
      states.every((line) => /^\S+ (idle|mix|alloc|comp)$/.test(line))
    );
  });
}
