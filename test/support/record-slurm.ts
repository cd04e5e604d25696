import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { appendRecording } from './recording.ts';
import { mustRun } from './run-program.ts';
import { forgetAllJobs, slurmEnv } from './slurm-jobs.ts';
import { type Record, scripts, situations } from './slurm-situations.ts';
import { asUser } from './test-users.ts';

/**
 * Runs Slurm's clients on the test cluster in every situation the dialect must read, and writes what they said below
 * `parent`, in a directory named after system and version. What was recorded there before is replaced.
 */
export async function recordSlurm(cluster: Cluster, parent: string): Promise<string> {
  const { stdout } = await mustRun('sbatch', ['--version'], { env: slurmEnv(cluster) });
  const directory = join(parent, `slurm-${stdout.trim().split(' ').at(-1)}`);
  await rm(directory, { recursive: true, force: true });
  for (const { home } of Object.values(cluster.users)) {
    for (const [name, text] of Object.entries(scripts)) await writeFile(join(home, name), text);
  }
  for (const [name, play] of Object.entries(situations)) {
    await forgetAllJobs(cluster);
    await play({ cluster, record: recorder(cluster, directory, name) });
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
