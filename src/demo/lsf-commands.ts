import { changeStart, controlJobs } from './lsf-control.ts';
import { showHosts, showMachines, showParameters, showQueues, showVersion } from './lsf-inventory.ts';
import { lsfId } from './lsf-jobs.ts';
import { asksByIds, listJobs } from './lsf-listing.ts';
import { stillTrying, submitJob } from './lsf-submit.ts';
import {
  type Answer,
  type Command,
  type CommandCall,
  type CommandGround,
  commandsOf,
  refused,
  type SpokenScheduler,
} from './scheduler-command.ts';

/**
 * LSF's commands over the stand-in batch system, in the words that were recorded of OpenLava 4.0.0. What glidein and a
 * curious person type is there, and no more.
 */
export const spokenLsf: SpokenScheduler = {
  title: 'LSF',
  commands: (ground) => commandsOf(commands, ground),
  jobId: lsfId,
  queueCommand: ['bjobs'],
  directive: '#BSUB',
  countsCores: false,
  numbersTasks: false,
  endSignals: (ending) =>
    ending === 'out of time' ? ['SIGUSR2', 'SIGINT', 'SIGTERM', 'SIGKILL'] : ['SIGINT', 'SIGTERM', 'SIGKILL'],
};

/** The clients try for ever, unless `LSB_NTRIES` says how often. */
function tryInVain({ environment, program }: CommandCall): Answer | null {
  const tries = Number(environment['LSB_NTRIES'] ?? Number.NaN);
  if (Number.isNaN(tries)) return null;
  const end = program === 'bsub' ? '. Job not submitted.' : '';
  return refused(`${stillTrying.repeat(tries)}${noDaemon}${end}`, 255);
}

const noDaemon = 'Failed in an LSF library call: LIM is down; try later';

const inventory = (run: (call: CommandCall, ground: CommandGround) => Answer): Command => ({
  kind: () => 'other',
  run,
  down: tryInVain,
});
const control: Command = { kind: () => 'cancel', run: controlJobs, down: tryInVain };

const commands: Readonly<Record<string, Command>> = {
  bsub: { kind: () => 'submit', run: submitJob, down: tryInVain },
  bjobs: { kind: (call) => (asksByIds(call) ? 'ask' : 'list'), run: listJobs, down: tryInVain },
  bkill: control,
  bmod: { ...control, run: changeStart },
  bstop: control,
  bresume: control,
  lsid: inventory((_call, ground) => showVersion(ground)),
  bqueues: inventory(({ args }, ground) => showQueues(args.includes('-l'), ground)),
  bhosts: inventory(({ args }, ground) =>
    args.includes('-gpu') ? refused('bhosts: invalid option', 255) : showHosts(ground),
  ),
  lshosts: inventory((_call, ground) => showMachines(ground)),
  bparams: inventory((_call, ground) => showParameters(ground)),
};
