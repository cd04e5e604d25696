import type { Cluster } from './cluster.ts';
import { mustRun, run } from './run-program.ts';
import { startController, stopController } from './slurm-daemons.ts';
import { waitUntil } from './wait-until.ts';

/** One job (or array task) as the scheduler itself has it. */
export interface SlurmJob {
  id: string;
  user: string;
  /** Slurm's own word: `PENDING`, `RUNNING`, `COMPLETED` … */
  state: string;
  comment: string;
  name: string;
}

/** Here so that a new word counts as a living job: too many is the mistake the tests look for. */
const OVER = new Set([
  'BOOT_FAIL',
  'CANCELLED',
  'COMPLETED',
  'COMPLETING',
  'DEADLINE',
  'FAILED',
  'NODE_FAIL',
  'OUT_OF_MEMORY',
  'PREEMPTED',
  'REVOKED',
  'TIMEOUT',
]);

/** Every job the scheduler knows, asked as root and past this project's own code; ended ones are known for 300 s. */
export async function slurmJobs(cluster: Cluster): Promise<SlurmJob[]> {
  const { stdout } = await mustRun('squeue', ['-h', '-r', '-t', 'all', '-o', '%i|%u|%T|%k|%j'], {
    env: slurmEnv(cluster),
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('|'))
    .map(([id = '', user = '', state = '', comment = '', ...name]) => ({
      id,
      user,
      state,
      comment,
      name: name.join('|'),
    }));
}

/** The jobs that count against a target: neither over nor on their way out. */
export async function livingJobs(cluster: Cluster): Promise<SlurmJob[]> {
  return (await slurmJobs(cluster)).filter(({ state }) => !OVER.has(state));
}

/** Ends every job of the test users and waits until their nodes are free. For between tests; the controller must run. */
export async function cancelAllJobs(cluster: Cluster): Promise<void> {
  const env = slurmEnv(cluster);
  for (const { name } of Object.values(cluster.users)) {
    // Without the KILL first, a job that ignores TERM would hold its node for KillWait.
    await run('scancel', ['--quiet', '--full', '--signal=KILL', '-t', 'RUNNING', '-u', name], { env });
    await mustRun('scancel', ['--quiet', '-u', name], { env });
  }
  await waitUntil('no job is left', 30, async () => (await mustRun('squeue', ['-h', '-r'], { env })).stdout === '');
}

/** Ends every job and makes the scheduler forget that there were any. Some seconds: slurmctld starts anew. */
export async function forgetAllJobs(cluster: Cluster): Promise<void> {
  await cancelAllJobs(cluster);
  await stopController(cluster);
  await startController(cluster, { forgetJobs: true });
}

/** The environment in which root's Slurm commands find the test's Slurm, and only that. */
export function slurmEnv(cluster: Cluster): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', SLURM_CONF: cluster.slurmConf };
}
