import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountingSituations } from './accounting-situations.ts';
import type { Cluster } from './cluster.ts';
import { installMissing } from './install.ts';
import { appendRecording } from './recording.ts';
import { mustRun } from './run-program.ts';
import { accountingPackages, addAccounting } from './slurm-accounting.ts';
import { forgetAllJobs, slurmEnv } from './slurm-jobs.ts';
import { type Record, type Stage, scripts, situations } from './slurm-situations.ts';
import { asUser } from './test-users.ts';

/**
 * Runs Slurm's clients on the test cluster in every situation the dialect must read, or in those that `only` names, and
 * writes what they said below `parent`, in a directory named after system and version. What was recorded there of these
 * before is replaced.
 */
export async function recordSlurm(cluster: Cluster, parent: string, only: readonly string[]): Promise<string> {
  const directory = join(parent, `slurm-${await version(cluster)}`);
  return play(cluster, directory, situations, only);
}

/** The same of a Slurm with accounting, into a directory of its own. The cluster keeps the accounting. */
export async function recordAccounting(cluster: Cluster, parent: string, only: readonly string[]): Promise<string> {
  const directory = join(parent, `slurm-${await version(cluster)}-accounting`);
  await installMissing((line) => process.stderr.write(`recording: ${line}\n`), accountingPackages);
  await addAccounting(cluster);
  return play(cluster, directory, accountingSituations, only);
}

async function version(cluster: Cluster): Promise<string> {
  const { stdout } = await mustRun('sbatch', ['--version'], { env: slurmEnv(cluster) });
  return stdout.trim().split(' ').at(-1) ?? '';
}

async function play(
  cluster: Cluster,
  directory: string,
  situations: { readonly [file: string]: (stage: Stage) => Promise<void> },
  only: readonly string[],
): Promise<string> {
  if (only.length === 0) await rm(directory, { recursive: true, force: true });
  for (const { home } of Object.values(cluster.users)) {
    for (const [name, text] of Object.entries(scripts)) await writeFile(join(home, name), text);
  }
  for (const [name, situation] of Object.entries(situations)) {
    if (only.length > 0 && !only.includes(name)) continue;
    await rm(join(directory, `${name}.txt`), { force: true });
    await forgetAllJobs(cluster);
    await situation({ cluster, record: recorder(cluster, directory, name) });
  }
  return directory;
}

function recorder(cluster: Cluster, directory: string, file: string): Record {
  return async (command, note = '', user = cluster.users.ada) => {
    const ran =
      user === 'root'
        ? await mustRun('/bin/sh', ['-c', command], { env: slurmEnv(cluster) })
        : await asUser(cluster, user, command, { seconds: 180, env: { LANG: 'C.UTF-8' } });
    await appendRecording(directory, file, { user: user === 'root' ? user : user.name, command, note, ran });
    return ran;
  };
}
