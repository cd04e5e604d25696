import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { slurm } from '../../src/schedulers/slurm.ts';
import type { Cluster, TestUser } from './cluster.ts';
import type { Ran } from './run-program.ts';
import { freezeController, startController, stopController, thawController, waitForNodes } from './slurm-daemons.ts';
import { cancelAllJobs, slurmJobs } from './slurm-jobs.ts';
import { waitUntil } from './wait-until.ts';

/** Runs a line as ada (or another), records it, and answers what it said. */
export type Record = (command: string, note?: string, user?: TestUser | 'root') => Promise<Ran>;

/** What a situation has to play with: a cluster on which nobody has jobs. */
export interface Stage {
  cluster: Cluster;
  record: Record;
}

/** Job scripts the situations submit, as files in every home. */
export const scripts = {
  'sleep.sh': '#!/bin/sh\nsleep 600\n',
  'ok.sh': '#!/bin/sh\nexit 0\n',
  'fail.sh': '#!/bin/sh\nexit 3\n',
  'suicide.sh': '#!/bin/sh\nkill -9 $$\n',
  'stubborn.sh': '#!/bin/sh\ntrap "" TERM\nsleep 600\n',
  'orderly.sh': '#!/bin/bash\ntrap "exit 3" TERM\nsleep 600 &\nwait\n',
  'crlf.sh': '#!/bin/sh\r\nsleep 600\r\n',
  'noshebang.sh': 'sleep 600\n',
  'empty.sh': '',
};

/** What is recorded, by the name of its file. */
export const situations: { readonly [file: string]: (stage: Stage) => Promise<void> } = {
  '01_version': versions,
  '02_submit': submissions,
  '03_list': listings,
  '04_endings': endings,
  '05_names': names,
  '06_environment': environment,
  '07_errors': errors,
  '08_cancel': cancellations,
  '09_cancel_pending': cancelPending,
  '10_down': controllerDown,
  '11_lost_answer': lostAnswer,
  '12_job_count': jobCount,
  '13_discover': discovery,
  '14_cancel_softly': softly,
};

// All jobs have this name, and what tells them apart is a comment of the form of the project's own tags.
const JOB_NAME = 'glidein-campus';
const FORMAT = '%i|%A|%F|%K|%T|%r|%D|%S|%V|%e|%B|%k|%j';
const LIST = `SLURM_TIME_FORMAT=%s squeue -h -r -u glt-ada -t all -o '${FORMAT}'`;

/** Lists in a form that people can read, and then exactly as the dialect does. */
async function list(record: Record, note: string): Promise<void> {
  await record(LIST, note);
  for (const secondLook of [false, true]) {
    await record(
      slurm.listCommand({ site: 'campus', jobName: JOB_NAME, secondLook }),
      `${note}: ${secondLook ? 'second' : 'first'} look`,
    );
  }
}

async function versions({ record }: Stage): Promise<void> {
  for (const client of ['sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo', 'sacct'])
    await record(`${client} --version`);
}

async function submissions({ cluster, record }: Stage): Promise<void> {
  await record('sbatch --parsable --job-name=glidein-campus --comment=campus-single0000 < sleep.sh');
  await record('sbatch --job-name=glidein-campus --comment=campus-words00000 < sleep.sh', 'without --parsable');
  await record('sbatch --parsable --array=0-2 --job-name=glidein-campus --comment=campus-array00000 < sleep.sh');
  await record(
    'sbatch --parsable --array=0-0 --job-name=glidein-campus --comment=campus-ofone00000 < sleep.sh',
    'an array of one task',
  );
  await record(
    'sbatch --parsable --array=1,3,5-6%2 --job-name=glidein-campus --comment=campus-sparse0000 < sleep.sh',
    'a list with a limit',
  );
  await record('sbatch --parsable sleep.sh', 'the script as a file');
  await record(
    'sbatch --parsable --exclusive --nodes=1 --mem=0 --partition=whole --time=60 < sleep.sh',
    'a whole node',
  );
  await waitForState(cluster, 'RUNNING');
  await list(record, 'all of these');
  await record('squeue -u glt-ada', 'the same as a person sees it');
}

async function listings({ cluster, record }: Stage): Promise<void> {
  const reversed = LIST.replace(' -o ', ' -S -i -o ');
  await record(`squeue -h -r -u glt-ada -o '${FORMAT}'`, 'no living job, no state asked for');
  await record(LIST.replace('glt-ada', 'glt-dash'), 'a user who never had a job', cluster.users.dash);
  await record(
    'sbatch --parsable --array=0-7 --time=1-00:00:00 --job-name=glidein-campus --comment=campus-fill000000 < sleep.sh',
  );
  await waitForState(cluster, 'RUNNING', 8);
  await list(record, 'eight array tasks run');
  await record(
    'sbatch --parsable --array=0-2 --time=1-00:00:00 --job-name=glidein-campus --comment=campus-wait000000 < sleep.sh',
  );
  await list(record, 'at once after the submission');
  await sleep(3000);
  await list(record, 'the nodes are full: three array tasks wait');
  await record(reversed, 'the same, sorted the other way');
  await record(`SQUEUE_SORT=-i ${LIST}`, 'the same with SQUEUE_SORT set');
  await record(LIST.replace(' -r ', ' '), 'the same without -r');
  await heldAndSuspended({ cluster, record });
  await completing({ cluster, record });
}

async function heldAndSuspended({ cluster, record }: Stage): Promise<void> {
  const waiting = await idOf(cluster, 'campus-wait000000', 'PENDING');
  const running = await idOf(cluster, 'campus-fill000000', 'RUNNING');
  await record(`scontrol hold ${waiting}`, 'by the user');
  await record('sbatch --parsable --hold --job-name=glidein-campus --comment=campus-held000000 < sleep.sh');
  const rootHeld = (
    await record('sbatch --parsable --job-name=glidein-campus --comment=campus-rootheld00 < sleep.sh')
  ).stdout.trim();
  await record(`scontrol hold ${rootHeld}`, 'by root', 'root');
  await record('sbatch --parsable --begin=now+1hour --job-name=glidein-campus --comment=campus-later00000 < sleep.sh');
  await record(
    `sbatch --parsable --dependency=afterok:${rootHeld} --job-name=glidein-campus --comment=campus-after00000 < sleep.sh`,
  );
  await record(
    'sbatch --parsable --time=3-00:00:00 --job-name=glidein-campus --comment=campus-long000000 < sleep.sh',
    'longer than the partition allows',
  );
  await record(
    'sbatch --parsable --nodes=9 --job-name=glidein-campus --comment=campus-wide000000 < sleep.sh',
    'more nodes than there are',
  );
  await record(`scontrol suspend ${running}`, 'by root', 'root');
  await record(`scontrol suspend ${running}`, 'by the user: not allowed');
  await sleep(3000);
  await list(
    record,
    'a mixture: running, suspended, waiting, held by user and by root, not yet due, dependent, too long',
  );
  await record(LIST.replace(' -t all ', ' '), 'the same, no state asked for');
  await record(`scontrol resume ${running}`, 'by root', 'root');
}

async function completing({ cluster, record }: Stage): Promise<void> {
  await cancelAllJobs(cluster);
  await list(record, 'after all of them were cancelled');
  const id = (
    await record('sbatch --parsable --job-name=glidein-campus --comment=campus-stubborn00 < stubborn.sh')
  ).stdout.trim();
  await waitForState(cluster, 'RUNNING');
  await record(`scancel ${id}`, 'a job that ignores TERM');
  await list(record, 'it is completing until KILL ends it');
  await record(`scancel ${id}`, 'again, while it is completing');
}

async function endings({ cluster, record }: Stage): Promise<void> {
  const limit = (
    await record('sbatch --parsable --time=1 --job-name=glidein-campus --comment=campus-limit00000 < sleep.sh')
  ).stdout.trim();
  await record('sbatch --parsable --array=0-1 --job-name=glidein-campus --comment=campus-ok00000000 < ok.sh');
  await record('sbatch --parsable --job-name=glidein-campus --comment=campus-fail000000 < fail.sh');
  await record('sbatch --parsable --nodelist=node8 --job-name=glidein-campus --comment=campus-lost000000 < sleep.sh');
  await waitForState(cluster, 'RUNNING', 2);
  await record('scontrol update nodename=node8 state=down reason=recording', 'by root', 'root');
  await waitForNodes(cluster); // ReturnToService=2 takes it back by itself.
  await waitUntil('the time limit ended the job', 150, async () => {
    return (await slurmJobs(cluster)).some(({ id, state }) => id === limit && state === 'TIMEOUT');
  });
  await list(record, 'ended well, with exit 3, by a lost node, by the time limit');
  const again = (
    await record('sbatch --parsable --requeue --job-name=glidein-campus --comment=campus-again00000 < sleep.sh')
  ).stdout.trim();
  await waitForState(cluster, 'RUNNING');
  await record(`scontrol requeue ${again}`);
  await sleep(7000);
  await list(record, 'requeued: the same id waits again');
}

async function names({ cluster, record }: Stage): Promise<void> {
  await record("sbatch --parsable --job-name='gläïd-日本-🚀' --comment='é|ü' < sleep.sh", 'unicode and a bar');
  await record("sbatch --parsable --job-name='a b|c' --comment='two words' < sleep.sh");
  await record("sbatch --parsable --job-name='' --comment='' < sleep.sh", 'empty name and comment');
  await record(`sbatch --parsable --job-name=${'n'.repeat(200)} --comment=${'c'.repeat(200)} < sleep.sh`);
  await record(
    `N="$(printf 'line\\nbreak')"; sbatch --parsable --job-name="$N" --comment="$N" < sleep.sh`,
    'a newline in both',
  );
  await waitForState(cluster, 'RUNNING', 5);
  await record(LIST, 'all of these');
  await record(`LC_ALL=C ${LIST}`, 'in the C locale');
  await record(`${LIST} --name=glt-nobody`, 'a name nobody has');
}

async function environment({ cluster, record }: Stage): Promise<void> {
  await record(
    'SBATCH_ARRAY_INX=0-6 sbatch --parsable --array=0-1 --job-name=glidein-campus --comment=campus-inxboth000 < sleep.sh',
  );
  await list(record, 'the command line won');
  await cancelAllJobs(cluster);
  await record(
    'SBATCH_ARRAY_INX=0-6 sbatch --parsable --job-name=glidein-campus --comment=campus-inxonly000 < sleep.sh',
    'no --array',
  );
  await list(record, 'seven tasks of one plain submission');
  await cancelAllJobs(cluster);
  await record(
    'SBATCH_PARTITION=nowhere sbatch --parsable --partition=whole --job-name=glidein-campus --comment=campus-part000000 < sleep.sh',
  );
  await record(
    'SBATCH_PARTITION=nowhere sbatch --parsable --job-name=glidein-campus --comment=campus-part000000 < sleep.sh',
    'no --partition',
  );
  await record(
    'SBATCH_JOB_NAME=foreign sbatch --parsable --job-name=glidein-campus --comment=campus-name000000 < sleep.sh',
  );
  await record('SBATCH_HOLD=1 sbatch --parsable --job-name=glidein-campus --comment=campus-hold000000 < sleep.sh');
  await record(
    'SLURM_CLUSTERS=elsewhere sbatch --parsable --job-name=glidein-campus --comment=campus-else000000 < sleep.sh',
  );
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

async function errors({ record }: Stage): Promise<void> {
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

async function cancelPending({ cluster, record }: Stage): Promise<void> {
  const { running, waiting, other } = await fullCluster({ cluster, record });
  await record(`scancel --state=PENDING ${waiting}_1`, 'one waiting task of four, the waiting ones only');
  await list(record, 'all four waiting tasks were cancelled');
  const next = (
    await record('sbatch --parsable --array=0-5 --job-name=glidein-campus --comment=campus-next000000 < sleep.sh')
  ).stdout.trim();
  await record(`scontrol hold ${next}_1`, 'a held task becomes a record of its own');
  await record(`scancel --state=PENDING ${next}_1`, 'that held task, the waiting ones only');
  await list(record, 'the others of its array still wait');
  await record(`scancel --state=PENDING ${running}_6`, 'a running task, the waiting ones only');
  await record(`scontrol hold ${running}_6`, 'a running task');
  await record(`scontrol hold ${next}_2,${running}_6,${next}_3`, 'waiting and running tasks');
  await record(`scontrol hold ${next}_4 999999`, 'a waiting task and an id nobody has');
  await record(`scancel --state=PENDING ${next}_2 ${running}_6 ${next}_3`, 'those held, and a running one');
  await list(record, 'the running one still runs');
  await record(`scontrol release ${running}_6`, 'the running one');
  await list(record, 'nothing of the hold is left');
  await record(`scancel --state=PENDING ${next}_99`, 'a task the array never had');
  await record('scancel --state=PENDING 999999', 'an id nobody has');
  await record(`scancel --state=PENDING 999999 ${next}_4`, 'an id nobody has and a held task');
  await record(`scancel --state=PENDING ${next}_4`, 'a task that has ended');
  await record(`scancel --state=PENDING ${other}`, "somebody else's");
  await record(`scancel --state=PENDING ${running}`, 'an array all of which runs');
  await record(`scancel --state=PENDING ${next}`, 'an array by its base id');
  await list(record, 'what is left');
}

async function cancellations({ cluster, record }: Stage): Promise<void> {
  const { running, waiting, other } = await fullCluster({ cluster, record });
  await record(`scancel ${waiting}_3`, 'a waiting task');
  await record(`scancel ${waiting}_3`, 'again: it has ended');
  await record(`scancel ${running}_7 ${waiting}_2`, 'a running and a waiting task');
  await sleep(2000);
  await list(record, 'only these ended');
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
  await list(record, 'what is left');
}

async function softly({ cluster, record }: Stage): Promise<void> {
  const submit = async (options: string, comment: string, script: string) =>
    (
      await record(`sbatch --parsable ${options} --job-name=${JOB_NAME} --comment=campus-${comment} < ${script}`)
    ).stdout.trim();
  const orderly = await submit('--array=0-3', 'orderly000', 'orderly.sh');
  const stubborn = await submit('--array=0-1', 'stubborn00', 'stubborn.sh');
  const single = await submit('', 'single0000', 'orderly.sh');
  const paused = await submit('', 'paused0000', 'orderly.sh');
  await waitForState(cluster, 'RUNNING', 8);
  const waiting = await submit('--array=0-3', 'waiting000', 'sleep.sh');
  const one = 'sbatch --parsable --job-name=glidein-campus --comment=campus-other00000 < sleep.sh';
  const other = (await record(one, '', cluster.users.dash)).stdout.trim();
  const soft = (ids: string, note: string) => record(`scancel --batch --signal=TERM ${ids}`, note);
  await soft(`${orderly}_0`, 'a running task whose shell ends by TERM');
  await list(record, 'right after');
  await sleep(3000);
  await list(record, 'three seconds later');
  await soft(`${orderly}_0`, 'again: it has ended');
  await soft(`${stubborn}_0`, 'a running task whose shell ignores TERM');
  await soft(`${waiting}_0`, 'a task that Slurm has started just now, on the node that 1_0 leaves');
  await record(`scontrol hold ${waiting}_3`, 'a waiting task');
  await record(`timeout 12 scancel --batch --signal=TERM ${waiting}_3`, 'a task that waits, under a limit of ours');
  await soft('999999', 'an id nobody has');
  await soft(`${orderly}_99`, 'a task the array never had');
  await soft(other, "somebody else's");
  await soft(`999999 ${waiting}_1 ${orderly}_0 ${other} ${orderly}_1`, 'all of these, and a running task at the end');
  await soft(`${single}`, 'a job that is no array');
  await record(`scontrol suspend ${paused}`, 'a running job', 'root');
  await record(`timeout 12 scancel --batch --signal=TERM ${paused}`, 'a job that is suspended, under a limit of ours');
  await record(`scontrol resume ${paused}`, 'the suspended job', 'root');
  await sleep(2000);
  await list(record, 'it runs as before');
  await record(`scancel ${stubborn}_1`, 'the hard way, a task that ignores TERM');
  await soft(`${stubborn}_1`, 'while it is completing');
  await soft(orderly, 'an array by its base id, partly ended');
  await sleep(1000);
  await list(record, 'what is left');
}

/** Eight running tasks of ada, four more that wait, and one waiting job of somebody else. */
async function fullCluster({ cluster, record }: Stage): Promise<{ running: string; waiting: string; other: string }> {
  const running = (
    await record('sbatch --parsable --array=0-7 --job-name=glidein-campus --comment=campus-run0000000 < sleep.sh')
  ).stdout.trim();
  await waitForState(cluster, 'RUNNING', 8);
  const waiting = (
    await record('sbatch --parsable --array=0-3 --job-name=glidein-campus --comment=campus-queue00000 < sleep.sh')
  ).stdout.trim();
  const other = (
    await record(
      'sbatch --parsable --job-name=glidein-campus --comment=campus-other00000 < sleep.sh',
      '',
      cluster.users.dash,
    )
  ).stdout.trim();
  await list(record, 'eight tasks run, four wait');
  return { running, waiting, other };
}

async function controllerDown({ cluster, record }: Stage): Promise<void> {
  await record('sbatch --parsable --array=0-1 --job-name=glidein-campus --comment=campus-before0000 < sleep.sh');
  await stopController(cluster);
  await record(
    'timeout 30 sbatch --parsable --job-name=glidein-campus --comment=campus-down000000 < sleep.sh',
    'slurmctld does not run',
  );
  await record(
    'timeout 150 sbatch --parsable --job-name=glidein-campus --comment=campus-down000000 < sleep.sh',
    'slurmctld does not run, a longer limit',
  );
  await list(record, 'slurmctld does not run');
  await record('timeout 30 scancel 1', 'slurmctld does not run');
  await record('timeout 30 sinfo -h', 'slurmctld does not run');
  await record('timeout 30 scontrol ping', 'slurmctld does not run');
  await startController(cluster);
  await list(record, 'slurmctld runs again: the jobs from before, none from meanwhile');
}

async function lostAnswer({ cluster, record }: Stage): Promise<void> {
  freezeController(cluster);
  await record(
    'timeout 8 sbatch --parsable --hold --job-name=glidein-campus --comment=campus-lost000000 < sleep.sh',
    'slurmctld is frozen',
  );
  await record(LIST.replace(' squeue ', ' timeout 8 squeue '), 'slurmctld is frozen');
  await list(record, 'slurmctld is frozen, no limit');
  await record(
    'timeout 60 sbatch --parsable --hold --job-name=glidein-campus --comment=campus-later00000 < sleep.sh',
    'slurmctld is frozen, a longer limit',
  );
  await record('timeout 8 scancel 1', 'slurmctld is frozen');
  thawController(cluster);
  await sleep(2000);
  await list(record, 'it goes on: both submissions are there, of the killed client and of the one that gave up');
}

async function jobCount({ cluster, record }: Stage): Promise<void> {
  const before = await readFile(cluster.slurmConf, 'utf8');
  await stopController(cluster);
  await appendFile(cluster.slurmConf, 'MaxJobCount=2\n');
  await startController(cluster);
  const submit = 'sbatch --parsable --job-name=glidein-campus --comment=campus-many000000';
  await record(`timeout 20 ${submit} --array=0-3 < sleep.sh`, 'MaxJobCount=2, an array of 4');
  for (let job = 0; job < 2; job += 1) await record(`timeout 20 ${submit} < sleep.sh`, 'MaxJobCount=2');
  await record(`timeout 20 ${submit} < sleep.sh`, 'MaxJobCount=2, and that many are there');
  await record(`timeout 150 ${submit} < sleep.sh`, 'the same with a longer limit');
  await stopController(cluster);
  await writeFile(cluster.slurmConf, before);
  await startController(cluster);
  await list(record, 'MaxJobCount as usual again');
}

async function discovery({ cluster, record }: Stage): Promise<void> {
  await record("sinfo -h -o '%R|%a|%l|%D|%c|%m|%f|%G|%h'");
  await record('sinfo -h -s');
  await record('scontrol show partition -o');
  await record(
    "scontrol show config | grep -E '^(MaxArraySize|MaxJobCount|MinJobAge|KillWait|SelectType|DefMem|EnforcePartLimits|JobRequeue|SLURM_VERSION)'",
  );
  await record('scontrol show reservation');
  await record('sacctmgr -nP show qos');
  for (const tasks of ['0-1000', '0-1001', '1000'])
    await record(`sbatch --parsable --hold --array=${tasks} < sleep.sh`, 'MaxArraySize is 1001');
  await record(slurm.discoverCommand(), 'as glidein asks');
  await record(slurm.finishedCommand({ jobName: JOB_NAME, sinceSeconds: Math.floor(Date.now() / 1000) - 3600 }));
  await stopController(cluster);
  await record(slurm.discoverCommand(), 'slurmctld does not run');
  await startController(cluster);
}

async function waitForState(cluster: Cluster, state: string, count = 1): Promise<void> {
  await waitUntil(`${count} jobs are ${state}`, 30, async () => {
    return (await slurmJobs(cluster)).filter((job) => job.state === state).length >= count;
  });
}

async function idOf(cluster: Cluster, tag: string, state: string): Promise<string> {
  const found = (await slurmJobs(cluster)).find((job) => job.comment === tag && job.state === state);
  if (found === undefined) throw new Error(`no ${state} job has the tag ${tag}`);
  return found.id;
}
