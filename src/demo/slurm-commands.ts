import type { Job } from './batch-system.ts';
import type { FaultyCommand } from './faults.ts';
import {
  type Answer,
  type Command,
  type CommandCall,
  type CommandGround,
  commandsOf,
  refused,
  type SpokenScheduler,
} from './scheduler-command.ts';
import { cancelJobs, controlJobs } from './slurm-control.ts';
import { showConfig, showNodes, showPartitions } from './slurm-inventory.ts';
import { listJobs } from './slurm-listing.ts';
import { showFinished } from './slurm-past.ts';
import { submitJob } from './slurm-submit.ts';

/**
 * Slurm's commands over the stand-in batch system, in the words of 22.05.8 as they are in docs/observed/slurm.md. What
 * glidein and a curious person type is there, and no more.
 */
export const spokenSlurm: SpokenScheduler = {
  title: 'Slurm',
  commands: (ground) => commandsOf(commands, ground),
  jobId: ({ submission, index }: Job) => (index === null ? String(submission) : `${submission}_${index}`),
  queueCommand: ['squeue'],
  directive: '#SBATCH',
  countsCores: false,
  numbersTasks: true,
  endSignals: () => ['SIGTERM', 'SIGKILL'],
};

const noController = 'Unable to contact slurm controller (connect failure)';

const commands: Readonly<Record<string, Command>> = {
  sbatch: {
    kind: ({ args }) => (args.includes('--version') ? 'other' : 'submit'),
    run: submitJob,
    down: () => refused(`sbatch: error: Batch job submission failed: ${noController}`),
  },
  squeue: { kind: () => 'list', run: listJobs, down: () => refused(`slurm_load_jobs error: ${noController}`) },
  scancel: {
    kind: () => 'cancel',
    run: cancelJobs,
    down: () => refused(`scancel: error: Kill job error: ${noController}`, 8),
  },
  scontrol: { kind: kindOfControl, run: control, down: () => refused(`slurm_load_jobs error: ${noController}`) },
  sinfo: { kind: () => 'other', run: showNodes, down: () => refused(`slurm_load_partitions: ${noController}`) },
  sacct: { kind: () => 'other', run: showFinished, down: () => refused(`sacct: error: ${noController}`) },
  sacctmgr: { kind: () => 'other', run: () => noAccounting, down: () => refused(`sacctmgr: error: ${noController}`) },
};

const noAccounting = refused(
  "You are not running a supported accounting_storage plugin\nOnly 'accounting_storage/slurmdbd' is supported.",
);

function kindOfControl({ args }: CommandCall): FaultyCommand {
  const words = operandsOf(args);
  if (words[0] === 'hold' || words[0] === 'release') return 'cancel';
  return words[1] === 'job' ? 'ask' : 'other';
}

function control(call: CommandCall, ground: CommandGround): Answer {
  const [verb = '', what = '', ...rest] = operandsOf(call.args);
  if (verb === 'show' && what.startsWith('part')) return showPartitions(ground);
  if (verb === 'show' && what.startsWith('config')) return showConfig(ground);
  if (verb === 'show' && what.startsWith('job')) return controlJobs('show', rest, ground);
  if (verb === 'hold' || verb === 'release') return controlJobs(verb, [what, ...rest], ground);
  if (verb === 'ping') return { stdout: 'Slurmctld(primary) at stand-in is UP\n', stderr: '', code: 0 };
  return refused(`invalid keyword: ${verb}`);
}

function operandsOf(args: readonly string[]): string[] {
  return args.filter((arg) => !arg.startsWith('-'));
}
