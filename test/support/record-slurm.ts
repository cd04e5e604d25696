import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, TestUser } from './cluster.ts';
import { appendRecording } from './recording.ts';
import { mustRun, type Ran } from './run-program.ts';
import { freezeController, startController, stopController, thawController, waitForNodes } from './slurm-daemons.ts';
import { cancelAllJobs, forgetAllJobs, slurmEnv, slurmJobs } from './slurm-jobs.ts';
import { asUser } from './test-users.ts';
import { waitUntil } from './wait-until.ts';

const FORMAT = '%i|%A|%F|%K|%T|%r|%D|%S|%V|%e|%B|%k|%j';
const LIST = `SLURM_TIME_FORMAT=%s squeue -h -r -u glt-ada -t all -o '${FORMAT}'`;

/** Job scripts, as files in every home. */
const SCRIPTS = {
  'sleep.sh': '#!/bin/sh\nsleep 600\n',
  'ok.sh': '#!/bin/sh\nexit 0\n',
  'fail.sh': '#!/bin/sh\nexit 3\n',
  'stubborn.sh': '#!/bin/sh\ntrap "" TERM\nsleep 600\n',
  'crlf.sh': '#!/bin/sh\r\nsleep 600\r\n',
  'noshebang.sh': 'sleep 600\n',
  'empty.sh': '',
};

/** How one recording file is written: runs a line as ada (or another), records it, and answers what it said. */
type Record = (command: string, note?: string, user?: TestUser | 'root') => Promise<Ran>;

interface Situation {
  cluster: Cluster;
  record: Record;
}

const FILES: readonly [name: string, play: (situation: Situation) => Promise<void>][] = [
  ['01_version', versions],
  ['02_submit', submissions],
  ['03_list', listings],
  ['04_endings', endings],
  ['05_names', names],
  ['06_environment', environment],
  ['07_errors', errors],
  ['08_cancel', cancellations],
  ['09_cancel_pending', cancelPending],
  ['10_down', controllerDown],
  ['11_lost_answer', lostAnswer],
  ['12_job_count', jobCount],
  ['13_discover', discovery],
];

/**
 * Runs Slurm's clients on the test cluster in every situation the dialect must read, and writes what they said below
 * `parent`, in a directory named after system and version. What was recorded there before is replaced.
 */
export async function recordSlurm(cluster: Cluster, parent: string): Promise<string> {
  const { stdout } = await mustRun('sbatch', ['--version'], { env: slurmEnv(cluster) });
  const directory = join(parent, `slurm-${stdout.trim().split(' ').at(-1)}`);
  await rm(directory, { recursive: true, force: true });
  for (const { home } of Object.values(cluster.users)) {
    for (const [name, text] of Object.entries(SCRIPTS)) await writeFile(join(home, name), text);
  }
  for (const [name, play] of FILES) {
    await forgetAllJobs(cluster);
    await play({ cluster, record: recorder(cluster, directory, name) });
  }
  return directory;
}

function recorder(cluster: Cluster, directory: string, file: string): Record {
  return async (command, note = '', user = cluster.users.ada) => {
    const ran =
      user === 'root'
        ? await runAsRoot(cluster, command)
        : await asUser(cluster, user, command, { seconds: 180, env: { LANG: 'C.UTF-8' } });
    await appendRecording(directory, file, { user: user === 'root' ? user : user.name, command, note, ran });
    return ran;
  };
}

async function runAsRoot(cluster: Cluster, command: string): Promise<Ran> {
  return mustRun('/bin/sh', ['-c', command], { env: slurmEnv(cluster) });
}

async function versions({ record }: Situation): Promise<void> {
  for (const client of ['sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo', 'sacct'])
    await record(`${client} --version`);
}

async function submissions({ cluster, record }: Situation): Promise<void> {
  await record('sbatch --parsable --job-name=glt-single < sleep.sh');
  await record('sbatch --job-name=glt-words < sleep.sh', 'without --parsable');
  await record('sbatch --parsable --array=0-2 --comment=glt.tag.1 --job-name=glt-array < sleep.sh');
  await record('sbatch --parsable --array=0-0 --job-name=glt-of-one < sleep.sh', 'an array of one task');
  await record('sbatch --parsable --array=1,3,5-6%2 --job-name=glt-sparse < sleep.sh', 'a list with a limit');
  await record('sbatch --parsable sleep.sh', 'the script as a file');
  await record(
    'sbatch --parsable --exclusive --nodes=1 --mem=0 --partition=whole --time=60 < sleep.sh',
    'a whole node',
  );
  await waitForState(cluster, 'RUNNING');
  await record(LIST, 'all of these');
  await record('squeue -u glt-ada', 'the same as a person sees it');
}

async function listings({ cluster, record }: Situation): Promise<void> {
  const reversed = LIST.replace(' -o ', ' -S -i -o ');
  await record(`squeue -h -r -u glt-ada -o '${FORMAT}'`, 'no living job, no state asked for');
  await record(LIST.replace('glt-ada', 'glt-dash'), 'a user who never had a job', cluster.users.dash);
  await record('sbatch --parsable --array=0-7 --time=1-00:00:00 --comment=glt.fill.8 --job-name=glt-fill < sleep.sh');
  await waitForState(cluster, 'RUNNING', 8);
  await record(LIST, 'eight array tasks run');
  await record('sbatch --parsable --array=0-2 --time=1-00:00:00 --comment=glt.wait.3 --job-name=glt-wait < sleep.sh');
  await record(LIST, 'at once after the submission');
  await sleep(3000);
  await record(LIST, 'the nodes are full: three array tasks wait');
  await record(reversed, 'the same, sorted the other way');
  await record(`SQUEUE_SORT=-i ${LIST}`, 'the same with SQUEUE_SORT set');
  await record(LIST.replace(' -r ', ' '), 'the same without -r');
  await heldAndSuspended({ cluster, record });
  await completing({ cluster, record });
}

async function heldAndSuspended({ cluster, record }: Situation): Promise<void> {
  const waiting = await idOf(cluster, 'glt-wait', 'PENDING');
  const running = await idOf(cluster, 'glt-fill', 'RUNNING');
  await record(`scontrol hold ${waiting}`, 'by the user');
  await record('sbatch --parsable --hold --job-name=glt-held < sleep.sh');
  const rootHeld = (await record('sbatch --parsable --job-name=glt-root-held < sleep.sh')).stdout.trim();
  await record(`scontrol hold ${rootHeld}`, 'by root', 'root');
  await record('sbatch --parsable --begin=now+1hour --job-name=glt-later < sleep.sh');
  await record(`sbatch --parsable --dependency=afterok:${rootHeld} --job-name=glt-after < sleep.sh`);
  await record(
    'sbatch --parsable --time=3-00:00:00 --job-name=glt-long < sleep.sh',
    'longer than the partition allows',
  );
  await record('sbatch --parsable --nodes=9 --job-name=glt-wide < sleep.sh', 'more nodes than there are');
  await record(`scontrol suspend ${running}`, 'by root', 'root');
  await record(`scontrol suspend ${running}`, 'by the user: not allowed');
  await sleep(3000);
  await record(
    LIST,
    'a mixture: running, suspended, waiting, held by user and by root, not yet due, dependent, too long',
  );
  await record(LIST.replace(' -t all ', ' '), 'the same, no state asked for');
  await record(`scontrol resume ${running}`, 'by root', 'root');
}

async function completing({ cluster, record }: Situation): Promise<void> {
  await cancelAllJobs(cluster);
  await record(LIST, 'after all of them were cancelled');
  const id = (await record('sbatch --parsable --job-name=glt-stubborn < stubborn.sh')).stdout.trim();
  await waitForState(cluster, 'RUNNING');
  await record(`scancel ${id}`, 'a job that ignores TERM');
  await record(LIST, 'it is completing until KILL ends it');
  await record(`scancel ${id}`, 'again, while it is completing');
}

async function endings({ cluster, record }: Situation): Promise<void> {
  const limit = (await record('sbatch --parsable --time=1 --job-name=glt-limit < sleep.sh')).stdout.trim();
  await record('sbatch --parsable --array=0-1 --job-name=glt-ok < ok.sh');
  await record('sbatch --parsable --job-name=glt-fail < fail.sh');
  await record('sbatch --parsable --nodelist=node8 --job-name=glt-lost < sleep.sh');
  await waitForState(cluster, 'RUNNING', 2);
  await record('scontrol update nodename=node8 state=down reason=recording', 'by root', 'root');
  await waitForNodes(cluster); // ReturnToService=2 takes it back by itself.
  await waitUntil('the time limit ended the job', 150, async () => {
    return (await slurmJobs(cluster)).some(({ id, state }) => id === limit && state === 'TIMEOUT');
  });
  await record(LIST, 'ended well, with exit 3, by a lost node, by the time limit');
  const again = (await record('sbatch --parsable --requeue --job-name=glt-again < sleep.sh')).stdout.trim();
  await waitForState(cluster, 'RUNNING');
  await record(`scontrol requeue ${again}`);
  await sleep(7000);
  await record(LIST, 'requeued: the same id waits again');
}

async function names({ cluster, record }: Situation): Promise<void> {
  await record("sbatch --parsable --job-name='gläïd-日本-🚀' --comment='é|ü' < sleep.sh", 'unicode and a bar');
  await record("sbatch --parsable --job-name='a b|c' --comment='two words' < sleep.sh");
  await record("sbatch --parsable --job-name='' --comment='' < sleep.sh", 'empty name and comment');
  await record(`sbatch --parsable --job-name=${'n'.repeat(200)} --comment=${'c'.repeat(200)} < sleep.sh`);
  await record(
    `N="$(printf 'line\\nbreak')"; sbatch --parsable --job-name="$N" --comment="$N" < sleep.sh`,
    'a newline in both',
  );
  await waitForState(cluster, 'RUNNING', 5);
  await record(LIST);
  await record(`LC_ALL=C ${LIST}`, 'in the C locale');
  await record(`${LIST} --name=glt-nobody`, 'a name nobody has');
}

async function environment({ cluster, record }: Situation): Promise<void> {
  await record('SBATCH_ARRAY_INX=0-6 sbatch --parsable --array=0-1 --job-name=glt-inx-both < sleep.sh');
  await record(LIST, 'the command line won');
  await cancelAllJobs(cluster);
  await record('SBATCH_ARRAY_INX=0-6 sbatch --parsable --job-name=glt-inx-only < sleep.sh', 'no --array');
  await record(LIST, 'seven tasks of one plain submission');
  await cancelAllJobs(cluster);
  await record('SBATCH_PARTITION=nowhere sbatch --parsable --partition=whole --job-name=glt-part < sleep.sh');
  await record('SBATCH_PARTITION=nowhere sbatch --parsable --job-name=glt-part < sleep.sh', 'no --partition');
  await record('SBATCH_JOB_NAME=foreign sbatch --parsable --job-name=glt-name < sleep.sh');
  await record('SBATCH_HOLD=1 sbatch --parsable --job-name=glt-hold < sleep.sh');
  await record('SLURM_CLUSTERS=elsewhere sbatch --parsable --job-name=glt-else < sleep.sh');
  await waitForState(cluster, 'RUNNING', 2);
  for (const setting of [
    'SQUEUE_STATES=PD',
    'SQUEUE_NAMES=foreign',
    'SQUEUE_PARTITION=shared',
    'SQUEUE_FORMAT=%i',
    'SLURM_CLUSTERS=elsewhere',
  ]) {
    await record(`${setting} ${LIST}`);
    await record(`${setting} squeue -h -r -u glt-ada -o '${FORMAT}'`, 'no state asked for');
  }
  await record('SQUEUE_STATES=R squeue -h -r -u glt-ada', 'waiting jobs are hidden, and the exit is 0');
}

async function errors({ record }: Situation): Promise<void> {
  const refused: Record = (options, note) => record(`sbatch --parsable ${options} < sleep.sh`, note);
  await refused('--partition=nowhere');
  await refused('--qos=nosuch');
  await refused('--account=nosuch');
  await refused('--reservation=nosuch');
  await refused('--constraint=nosuch');
  await refused('--gpus=1');
  await refused('--array=2-1', 'a reversed range');
  await refused('--array=x');
  await refused('--array=0-1001', 'over MaxArraySize');
  await refused('--time=3-00:00:00', 'over the limit of the partition: accepted');
  await refused('--time=0');
  await refused('--time=banana');
  await refused('--nodes=99');
  await refused('--mem=999G --nodes=1');
  await refused('--no-such-option');
  await refused('--exclusive=nosuch');
  for (const script of ['crlf.sh', 'noshebang.sh', 'empty.sh']) await record(`sbatch --parsable < ${script}`);
  await record('sbatch --parsable missing.sh');
  await record('squeue -h -j 999999', 'an id nobody has');
  await record('squeue -h -j 999999,999998', 'two ids nobody has');
  await record('squeue -h -u nobody-here', 'a user nobody knows');
  await record('squeue -h -p nowhere');
  await record('sacct -n -P -X -j 1', 'no accounting is configured');
  await record('SLURM_CONF=/nonexistent/slurm.conf squeue -h');
}

async function cancelPending({ cluster, record }: Situation): Promise<void> {
  const { running, waiting, other } = await fullCluster({ cluster, record });
  await record(`scancel --state=PENDING ${waiting}_1`, 'one waiting task of four, the waiting ones only');
  await record(LIST, 'all four waiting tasks were cancelled');
  const next = (await record('sbatch --parsable --array=0-5 --job-name=glt-next < sleep.sh')).stdout.trim();
  await record(`scontrol hold ${next}_1`, 'a held task becomes a record of its own');
  await record(`scancel --state=PENDING ${next}_1`, 'that held task, the waiting ones only');
  await record(LIST, 'the others of its array still wait');
  await record(`scancel --state=PENDING ${running}_6`, 'a running task, the waiting ones only');
  await record(`scontrol hold ${running}_6`, 'a running task');
  await record(`scontrol hold ${next}_2,${running}_6,${next}_3`, 'waiting and running tasks');
  await record(`scontrol hold ${next}_4 999999`, 'a waiting task and an id nobody has');
  await record(`scancel --state=PENDING ${next}_2 ${running}_6 ${next}_3`, 'those held, and a running one');
  await record(LIST, 'the running one still runs');
  await record(`scancel --state=PENDING ${next}_99`, 'a task the array never had');
  await record('scancel --state=PENDING 999999', 'an id nobody has');
  await record(`scancel --state=PENDING 999999 ${next}_4`, 'an id nobody has and a held task');
  await record(`scancel --state=PENDING ${next}_4`, 'a task that has ended');
  await record(`scancel --state=PENDING ${other}`, "somebody else's");
  await record(`scancel --state=PENDING ${running}`, 'an array all of which runs');
  await record(`scancel --state=PENDING ${next}`, 'an array by its base id');
  await record(LIST, 'what is left');
}

async function cancellations({ cluster, record }: Situation): Promise<void> {
  const { running, waiting, other } = await fullCluster({ cluster, record });
  await record(`scancel ${waiting}_3`, 'a waiting task');
  await record(`scancel ${waiting}_3`, 'again: it has ended');
  await record(`scancel ${running}_7 ${waiting}_2`, 'a running and a waiting task');
  await sleep(2000);
  await record(LIST, 'only these ended');
  await record('scancel 999999', 'an id nobody has');
  await record(`scancel 999999 ${running}_5`, 'an id nobody has and a running task');
  await record(`scancel ${running}_99`, 'a task the array never had');
  for (const id of ['abc', '12x', '12_x', "''", '-5', '0']) await record(`scancel ${id}`, 'malformed');
  await record(`scancel ${other}`, "somebody else's");
  await record(`scancel ${other} ${running}_4`, "somebody else's and a running task");
  await record('scancel', 'no id at all');
  await record(`scancel --verbose ${running}_3`);
  await record(`scancel --batch --signal=TERM ${running}_2`, 'a signal to the batch shell only');
  await record(`scancel ${running}`, 'the whole array, partly ended');
  await sleep(2000);
  await record(`scancel ${running}`, 'again: it has ended');
  await record(`scancel ${running}_0`, 'a task that has ended');
  await record(LIST, 'what is left');
}

/** Eight running tasks of ada, four more that wait, and one waiting job of somebody else. */
async function fullCluster({
  cluster,
  record,
}: Situation): Promise<{ running: string; waiting: string; other: string }> {
  const running = (await record('sbatch --parsable --array=0-7 --job-name=glt-run < sleep.sh')).stdout.trim();
  await waitForState(cluster, 'RUNNING', 8);
  const waiting = (await record('sbatch --parsable --array=0-3 --job-name=glt-queue < sleep.sh')).stdout.trim();
  const other = (
    await record('sbatch --parsable --job-name=glt-other < sleep.sh', '', cluster.users.dash)
  ).stdout.trim();
  await record(LIST, 'eight tasks run, four wait');
  return { running, waiting, other };
}

async function controllerDown({ cluster, record }: Situation): Promise<void> {
  await record('sbatch --parsable --array=0-1 --job-name=glt-before < sleep.sh');
  await stopController(cluster);
  await record('timeout 30 sbatch --parsable --job-name=glt-down < sleep.sh', 'slurmctld does not run');
  await record(
    'timeout 150 sbatch --parsable --job-name=glt-down < sleep.sh',
    'slurmctld does not run, a longer limit',
  );
  await record(LIST.replace(' squeue ', ' timeout 30 squeue '), 'slurmctld does not run');
  await record('timeout 30 scancel 1', 'slurmctld does not run');
  await record('timeout 30 scancel --state=PENDING 1', 'slurmctld does not run');
  await record('timeout 30 sinfo -h', 'slurmctld does not run');
  await record('timeout 30 scontrol ping', 'slurmctld does not run');
  await startController(cluster);
  await record(LIST, 'slurmctld runs again: the jobs from before, none from meanwhile');
}

async function lostAnswer({ cluster, record }: Situation): Promise<void> {
  freezeController(cluster);
  await record(
    'timeout 8 sbatch --parsable --hold --comment=glt.lost.1 --job-name=glt-lost < sleep.sh',
    'slurmctld is frozen',
  );
  await record(LIST.replace(' squeue ', ' timeout 8 squeue '), 'slurmctld is frozen');
  await record(
    'timeout 60 sbatch --parsable --hold --comment=glt.lost.2 --job-name=glt-lost < sleep.sh',
    'slurmctld is frozen, a longer limit',
  );
  await record('timeout 60 squeue -h -u glt-ada', 'slurmctld is frozen, a longer limit');
  await record('timeout 8 scancel 1', 'slurmctld is frozen');
  thawController(cluster);
  await sleep(2000);
  await record(LIST, 'it goes on: both submissions are there, of the killed client and of the one that gave up');
}

async function jobCount({ cluster, record }: Situation): Promise<void> {
  const before = await readFile(cluster.slurmConf, 'utf8');
  await stopController(cluster);
  await appendFile(cluster.slurmConf, 'MaxJobCount=2\n');
  await startController(cluster);
  await record(
    'timeout 30 sbatch --parsable --array=0-3 --job-name=glt-many < sleep.sh',
    'MaxJobCount=2, an array of 4',
  );
  await record(
    'timeout 150 sbatch --parsable --job-name=glt-many < sleep.sh',
    'MaxJobCount=2, the finished jobs count too',
  );
  await stopController(cluster);
  await writeFile(cluster.slurmConf, before);
  await startController(cluster);
  await record(LIST, 'MaxJobCount as usual again');
}

async function discovery({ record }: Situation): Promise<void> {
  await record("sinfo -h -o '%R|%a|%l|%D|%c|%m|%f|%G|%h'");
  await record('sinfo -h -s');
  await record('scontrol show partition -o');
  await record(
    "scontrol show config | grep -E '^(MaxArraySize|MaxJobCount|MinJobAge|KillWait|SelectType|DefMem|EnforcePartLimits|JobRequeue|SLURM_VERSION)'",
  );
  await record('scontrol show reservation');
  await record('sacctmgr -nP show qos');
}

async function waitForState(cluster: Cluster, state: string, count = 1): Promise<void> {
  await waitUntil(`${count} jobs are ${state}`, 30, async () => {
    return (await slurmJobs(cluster)).filter((job) => job.state === state).length >= count;
  });
}

async function idOf(cluster: Cluster, name: string, state: string): Promise<string> {
  const found = (await slurmJobs(cluster)).find((job) => job.name === name && job.state === state);
  if (found === undefined) throw new Error(`no ${state} job is named ${name}`);
  return found.id;
}
