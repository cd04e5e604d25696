import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { stopProcess } from './processes.ts';
import { mustRun } from './run-program.ts';
import { startController, stopController } from './slurm-daemons.ts';

/** GPUs for two nodes of the test cluster: two a100 each, as far as Slurm can tell. */

/** slurm.conf with them. */
export function gpuNodes(conf: string): string {
  return conf
    .replace(/^(AccountingStorageType=.*)$/m, '$1\nGresTypes=gpu')
    .replace(/^(NodeName=node[12] .*)$/gm, '$1 Gres=gpu:a100:2');
}

/** Of GPUs without files slurmd counts none (22.05.8); it does not ask whether the files are devices. */
export async function inventGpus(directory: string): Promise<void> {
  for (const gpu of ['gpu0', 'gpu1']) await writeFile(join(directory, gpu), '');
  await writeFile(join(directory, 'gres.conf'), `NodeName=node[1-2] Name=gpu Type=a100 File=${directory}/gpu[0-1]\n`);
}

/** Ends every slurmd. */
export async function stopNodes(cluster: Cluster): Promise<void> {
  for (const node of cluster.nodes) {
    const pidFile = join(dirname(cluster.slurmConf), `slurmd.${node}.pid`);
    await stopProcess(Number(await readFile(pidFile, 'utf8')));
  }
}

/** Gives the running cluster GPUs; its jobs are forgotten. Answers with the way back. */
export async function addGpus(cluster: Cluster): Promise<() => Promise<void>> {
  const directory = dirname(cluster.slurmConf);
  const before = await readFile(cluster.slurmConf, 'utf8');
  await inventGpus(directory);
  await restartWith(cluster, gpuNodes(before));
  return async () => {
    await rm(join(directory, 'gres.conf'));
    await restartWith(cluster, before);
  };
}

async function restartWith(cluster: Cluster, conf: string): Promise<void> {
  await stopController(cluster);
  await stopNodes(cluster);
  await writeFile(cluster.slurmConf, conf);
  for (const node of cluster.nodes) await mustRun('/usr/sbin/slurmd', ['-f', cluster.slurmConf, '-N', node]);
  await startController(cluster, { forgetJobs: true });
}
