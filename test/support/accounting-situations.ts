import { setTimeout as sleep } from 'node:timers/promises';
import { slurm } from '../../src/schedulers/slurm.ts';
import { startAccountingDaemon, stopAccountingDaemon } from './slurm-accounting.ts';
import { startController, stopController, waitForNodes } from './slurm-daemons.ts';
import { cancelAllJobs, slurmJobs } from './slurm-jobs.ts';
import type { Stage } from './slurm-situations.ts';
import { waitUntil } from './wait-until.ts';

/** What is recorded of a Slurm with accounting, by the name of its file. */
export const accountingSituations: { readonly [file: string]: (stage: Stage) => Promise<void> } = {
  '01_discover': discovery,
  '02_refused': refusals,
  '03_reasons': reasons,
  '04_finished': endings,
  '05_database_down': databaseDown,
};

const JOB_NAME = 'glidein-campus';
const PLAIN = 'JobID,JobIDRaw,State,ExitCode,DerivedExitCode,Start,End,NodeList,Reason,Comment';

async function discovery({ cluster, record }: Stage): Promise<void> {
  await record(slurm.discoverCommand(), 'as glidein asks');
  await record(slurm.discoverCommand(), 'a user who may charge no account', cluster.users.dash);
  await record('scontrol --oneliner show partition', 'without --all');
  await record("sinfo --all --noheader --format='%R|%D|%c|%m|%G'", 'without --exact');
  await record("sinfo --all --noheader --exact --format='%R|%D|%c|%m|%G'");
  await record('sacctmgr -nP show assoc', 'nobody named');
  await record('sacctmgr -P show assoc where user=glt-ada');
  await record('sacctmgr -P show qos');
}

async function refusals({ cluster, record }: Stage): Promise<void> {
  const submit = (options: string, note = '') =>
    record(`sbatch --parsable --job-name=glidein-campus ${options} < sleep.sh`, note);
  await submit('--hold', 'no account named');
  await submit('--hold --account=PHY', 'an account in capitals');
  await submit('--hold --account=nosuch');
  await submit('--hold --qos=nosuch');
  await submit('--hold --account=chem --qos=short', 'a QOS that the account may not have');
  await submit('--hold --account=phy --qos=short --array=0-3', 'four, where the QOS takes three of a user');
  await submit('--hold --account=phy --qos=short --time=02:00:00', 'longer than the QOS allows');
  await submit('--hold --account=chem --array=0-5', 'six, where the account takes five');
  await submit('--partition=draining');
  await submit('--partition=empty');
  await submit('--partition=hidden --hold');
  await submit('--partition=gpu --gpus=4 --nodes=1', 'more GPUs than any node has');
  await submit('--partition=gpu,whole --hold', 'either of two queues');
  await submit('--partition=gpu,nowhere --hold', 'a queue and one that does not exist');
  await record('sbatch --parsable < sleep.sh', 'a user who may charge no account', cluster.users.dash);
  await sleep(3000);
  await record("squeue -h -o '%i|%a|%q|%P|%T|%r'", 'what was taken, with account, QOS and queue');
}

async function reasons({ cluster, record }: Stage): Promise<void> {
  const submit = (options: string) =>
    record(`sbatch --parsable --job-name=glidein-campus --time=00:40:00 ${options} < sleep.sh`);
  for (let job = 0; job < 2; job += 1) await submit('--account=phy --qos=short --partition=shared');
  for (let job = 0; job < 2; job += 1) await submit('--account=chem --exclusive --partition=shared');
  await submit('--account=phy --qos=short --partition=shared --time=02:00:00');
  await submit('--account=phy --partition=closed --time=10');
  await submit('--account=phy --partition=closed --time=40');
  await submit('--account=phy --partition=endless --nodes=2');
  await submit('--account=phy --partition=gpu --time=2-00:00:00');
  await record('scontrol update nodename=node7 state=drain reason=recording', 'by root', 'root');
  await submit('--account=phy --partition=shared --nodelist=node7');
  await sleep(4000);
  await record(slurm.listCommand({ site: 'campus', jobName: JOB_NAME, secondLook: false }), 'why they wait');
  await record("squeue -h -o '%i|%T|%r|%R'", 'as a person sees it');
  await record('scontrol update nodename=node7 state=resume', 'by root', 'root');
  await cancelAllJobs(cluster);
  await waitForNodes(cluster);
}

async function endings({ cluster, record }: Stage): Promise<void> {
  const began = Math.floor(Date.now() / 1000);
  const submit = async (tag: string, options: string, script: string) => {
    const line = `sbatch --parsable --job-name=${JOB_NAME} --partition=shared --comment=campus-${tag} ${options} < ${script}`;
    return (await record(line)).stdout.trim();
  };
  const limit = await submit('limit00000', '--time=1', 'sleep.sh');
  await submit('ok00000000', '--array=0-1', 'ok.sh');
  await submit('fail000000', '', 'fail.sh');
  await submit('lost000000', '--nodelist=node8', 'sleep.sh');
  const running = await submit('running000', '', 'sleep.sh');
  const waiting = await submit('waiting000', '--partition=closed', 'sleep.sh');
  const array = await submit('array00000', '--partition=closed --array=0-3,7', 'sleep.sh');
  const held = await submit('held000000', '--hold', 'sleep.sh');
  const killed = await submit('killed0000', '', 'sleep.sh');
  const throttled = await submit('throttle00', '--array=0-3%1', 'sleep.sh');
  await submit('signal0000', '', 'suicide.sh');
  await submit('still00000', '', 'sleep.sh');
  await record('sbatch --parsable --job-name=other --comment=campus-other00000 < ok.sh', 'another name');
  await waitUntil('they run', 30, async () => {
    const running = (await slurmJobs(cluster)).filter(({ state }) => state === 'RUNNING');
    return running.length >= 6;
  });
  // All but this one have some time in which the accounting can hear of them.
  const hasty = await submit('hasty00000', '--partition=closed', 'sleep.sh');
  await record(`scancel ${hasty}`, 'a waiting job, at once');
  await sleep(10_000);
  await record('scontrol update nodename=node8 state=down reason=recording', 'by root', 'root');
  await record(`scancel ${running}`, 'a running job');
  await record(`scancel ${waiting}`, 'a waiting job');
  await record(`scancel ${held}`, 'a held job');
  await record(`scancel ${array}_2`, 'a waiting task');
  await record(`scancel ${array}`, 'the rest of its array, none of which started');
  await record(`scancel --signal=KILL --full ${killed}`, 'a running job, by a signal');
  await record(`scancel ${throttled}`, 'an array of which one task runs');
  await record(finished(began), 'at once');
  await waitForNodes(cluster);
  await waitUntil('the time limit ended the job', 150, async () => {
    return (await slurmJobs(cluster)).some(({ id, state }) => id === limit && state === 'TIMEOUT');
  });
  await sleep(3000);
  await record(finished(began), 'all of these, as glidein asks');
  await looks({ cluster, record }, began);
}

/** The same jobs, asked for in other ways. */
async function looks({ cluster, record }: Stage, began: number): Promise<void> {
  await record(finished(began + 30), 'since half a minute later: what ended before is left out');
  await record(finished(began + 3600), 'since a time to come');
  await record(
    finished(began).replace('TZ=UTC0 ', 'TZ=Asia/Tokyo '),
    'with another time zone: the start means another moment',
  );
  await record(finished(began).replace('SLURM_TIME_FORMAT=%s ', ''), 'without SLURM_TIME_FORMAT');
  await record(finished(began), 'a user who had no jobs', cluster.users.dash);
  await record(`sacct -n -P -X -S uts${began} --name=${JOB_NAME} -o ${PLAIN}`, 'a start in seconds since the epoch');
  await record(`sacct -P -X -S now-1hour --name=${JOB_NAME} -o ${PLAIN}`, 'as a person sees it');
  await record(`sacct -P -S now-1hour --name=${JOB_NAME} -o ${PLAIN}`, 'without -X');
  await record(`SACCT_FORMAT=JobID sacct -n -P -X -S now-1hour --name=${JOB_NAME}`, 'SACCT_FORMAT without --format');
  await record(`sacct -n -P -X -S now-1hour --name=${JOB_NAME} -o JobID,NoSuchField`, 'a field it does not know');
}

function finished(sinceSeconds: number): string {
  return slurm.finishedCommand({ jobName: JOB_NAME, sinceSeconds });
}

async function databaseDown({ cluster, record }: Stage): Promise<void> {
  const began = Math.floor(Date.now() / 1000) - 3600;
  const ask = async (note: string) => {
    for (const command of [finished(began), slurm.discoverCommand()]) await record(command, note);
  };
  await stopAccountingDaemon(cluster);
  await ask('slurmdbd does not run');
  await startAccountingDaemon(cluster);
  await stopController(cluster);
  await ask('slurmctld does not run');
  await startController(cluster);
}
