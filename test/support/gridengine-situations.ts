import { setTimeout as sleep } from 'node:timers/promises';
import { gridengine } from '../../src/schedulers/gridengine.ts';
import type { BatchJob } from '../../src/schedulers/scheduler.ts';
import { quote } from '../../src/shell.ts';
import { wholeNodeJob } from './batch-job.ts';
import type { Record, Situations } from './record-situations.ts';

/**
 * What is recorded of a Grid Engine with one host, by the name of its file: a queue `all.q` of four slots, `short.q` of
 * two slots and one hour, a parallel environment `smp` in both, and the resource `exclusive` at the host.
 */
export const gridengineSituations: Situations = {
  '01_version': version,
  '02_life': life,
  '03_cancel': cancellations,
  '04_refused': refusals,
  '05_whole_node': wholeNode,
  '06_reasons': waitingReasons,
  '07_directives': directiveLines,
  '08_environment': environment,
  '09_discover': discovery,
  '10_down': masterDown,
  '11_limits': limits,
};

/** Several of them fit on the host. */
const job: BatchJob = { ...wholeNodeJob, walltimeSeconds: 3_600, skip: ['exclusive'] };

function scriptOf(one: BatchJob, body = 'sleep 600'): string {
  return ['#!/bin/bash -p', ...gridengine.directives(one).map((line) => `#$ ${line}`), body, ''].join('\n');
}

interface Wish {
  more?: Partial<BatchJob>;
  array?: boolean;
  body?: string;
  note?: string;
}

/** Submits so many as glidein does, and answers the submission's id. */
async function submit(record: Record, count: number, { more = {}, array = true, body, note }: Wish = {}) {
  const one = { ...job, ...more };
  const tag = `campus-${String(count).padStart(10, 'a')}`;
  const submission = { tag, count, array, logDirWord: '"$HOME"/logs', scriptWord: '"$HOME"/job.sh' };
  const command = gridengine.submitCommand(one, submission);
  const outcome = gridengine.parseSubmit(await record(`printf %s ${quote(scriptOf(one, body))} | ${command}`, note));
  return outcome.kind === 'accepted' ? outcome.id : '';
}

/** Lists in both ways, as glidein does. */
async function list(record: Record, note: string): Promise<void> {
  for (const secondLook of [false, true]) {
    const command = gridengine.listCommand({ site: 'campus', jobName: job.name, secondLook });
    await record(command, `${note}, ${secondLook ? 'second' : 'first'} look`);
  }
}

const cancel = (record: Record, ids: readonly string[], onlyPending: boolean, note: string) =>
  record(gridengine.cancelCommand(ids, { onlyPending }), note);

const pilots = (id: string, ...indices: readonly number[]) => indices.map((index) => gridengine.pilotId(id, index));

async function version(record: Record): Promise<void> {
  await record('qstat -help');
}

async function life(record: Record): Promise<void> {
  await list(record, 'nothing is there');
  const array = await submit(record, 8);
  const alone = await submit(record, 1, { array: false, note: 'one that is no array' });
  const one = await submit(record, 1, { note: 'an array of one' });
  await list(record, 'submitted');
  await sleep(5_000);
  await list(record, 'six run, the others wait');
  const ids = [...pilots(array, 1, 8, 99), alone, ...pilots(one, 1), '999999', '999999.1'];
  await record(gridengine.askCommand(ids), 'the third and the last two are unknown');
  await record(`qhold ${pilots(array, 1, 8).join(' ')}`, 'one that runs, and one that waits');
  await record(`qmod -sj ${pilots(array, 2).join(' ')}`, 'one is stopped', 'sgeadmin');
  await sleep(3_000);
  await list(record, 'one is held and one suspended');
  await record(`qdel ${pilots(array, 3).join(' ')} ${alone}`, 'as a person types it');
  await list(record, 'two are on their way out');
  await sleep(5_000);
  await list(record, 'they are over');
  await record(gridengine.askCommand([...pilots(array, 3, 4), alone]), 'the second still runs');
  await record(`qdel ${array} ${one}`);
  await sleep(5_000);
  await list(record, 'all are over');
  await record(gridengine.finishedCommand({ jobName: job.name, sinceSeconds: 0 }), 'what the accounting has');
  await record(gridengine.finishedCommand({ jobName: 'g-nobody', sinceSeconds: 0 }), 'of a name that nobody had');
}

async function cancellations(record: Record): Promise<void> {
  const array = await submit(record, 8);
  const alone = await submit(record, 1, { array: false });
  await sleep(5_000);
  await cancel(record, [...pilots(array, 1, 8), alone, '999999'], true, 'only what has not started');
  await list(record, 'the first of the array still runs, the eighth is over');
  await cancel(record, pilots(array, 2), true, 'one that runs is left alone');
  await cancel(record, pilots(array, 2, 3), false, 'two that run');
  await cancel(record, pilots(array, 2, 4), false, 'one of them was cancelled just before');
  await sleep(4_000);
  await cancel(record, pilots(array, 2, 99), false, 'both are over, or never were');
  await cancel(record, pilots(array, 1, 4, 5, 6, 7), false, 'all of them');
  await sleep(5_000);
  await list(record, 'all are over');
  await cancel(record, [...pilots(array, 1), '999999'], false, 'all of it is over');
  await record('qdel 999999', 'as a person types it');
}

async function refusals(record: Record): Promise<void> {
  await submit(record, 75_001, { note: 'larger than an array may be' });
  await submit(record, 1, { more: { queue: 'nosuch.q' }, note: 'no such queue' });
  await submit(record, 1, { more: { extra: ['-l nosuch=1'] }, note: 'no such resource' });
  await submit(record, 1, { more: { project: 'nosuch' }, note: 'no such project' });
  await submit(record, 1, { more: { extra: ['-pe nosuch 2'] }, note: 'no such parallel environment' });
  await submit(record, 1, { more: { reservation: '99' }, note: 'no such reservation' });
  const long = { queue: 'short.q', walltimeSeconds: 7_200 };
  await submit(record, 1, { more: { ...long, extra: ['-w e'] }, note: 'checked, and longer than the queue allows' });
  await submit(record, 1, { more: { ...long, extra: ['-w w'] }, note: 'warned, and taken' });
  await record(`qdel ${job.name}`);
}

async function wholeNode(record: Record): Promise<void> {
  const array = await submit(record, 2, { more: { skip: [], walltimeSeconds: 600 }, note: 'alone on its host' });
  await sleep(5_000);
  await list(record, 'one runs, the other waits for the host');
  await record(`qdel ${array}`);
  await sleep(4_000);
  const cores = await submit(record, 2, { more: { skip: [], cores: 4 }, note: 'with all of its slots' });
  await sleep(5_000);
  await list(record, 'one runs on four slots');
  await record(`qdel ${cores}`);
  await sleep(4_000);
}

async function waitingReasons(record: Record): Promise<void> {
  await submit(record, 1, { more: { cores: 99 }, note: 'more cores than any queue has' });
  await submit(record, 1, { more: { queue: 'short.q', walltimeSeconds: 7_200 }, note: 'longer than the queue allows' });
  await submit(record, 1, { more: { constraint: 'arch=nosuch' }, note: 'no such machine' });
  await record('qsub -N g-campus -o /nosuch/x -j y -b y sleep 600', 'its output cannot be written');
  await record('qsub -N g-campus -h -b y sleep 600', 'held');
  await sleep(5_000);
  await list(record, 'none of them runs');
  await record(`qdel ${job.name}`);
  await sleep(2_000);
}

async function directiveLines(record: Record): Promise<void> {
  const lines = ['-ac A="x y"', '-ac A="x#y"', '-ac A=x#y', '-ac A=x"y', '-ac A=x\\y', '-ac A=$HOME', 'words'];
  for (const line of lines) {
    const script = quote(`#!/bin/bash\n#$ ${line}\nsleep 1\n`);
    await record(`id=$(printf %s ${script} | qsub -h -terse) && qstat -j "$id" | grep ^context: ; qdel "$id"`, line);
  }
  const late = quote('#!/bin/bash\nsleep 1\ncat <<END\n#$ -ac A=late\nEND\n');
  await record(`id=$(printf %s ${late} | qsub -h -terse) && qstat -j "$id" | grep ^context: ; qdel "$id"`, 'far below');
  await record('echo "-s r" > "$HOME"/.sge_qstat; qsub -h -b y sleep 1; qstat; qstat -s a; rm "$HOME"/.sge_qstat');
  await record('qdel sleep');
}

async function environment(record: Record): Promise<void> {
  const body = 'env | sort; ulimit -a; id; pwd; sleep 5';
  const array = await submit(record, 2, { body, more: { cores: 2, memoryMB: 100 } });
  await sleep(12_000);
  await record(`cat "$HOME"/logs/${array}.2.batch`, 'what a job of an array has');
  const soft = 'trap "echo got TERM" TERM; trap "echo got USR2" USR2; sleep 600 & wait; wait; sleep 3';
  const told = await submit(record, 1, {
    array: false,
    body: soft,
    more: { extra: ['-notify'] },
    note: 'with -notify',
  });
  await sleep(4_000);
  await record(`qdel ${told}; sleep 4; cat "$HOME"/logs/${told}.batch; qstat`, 'what it is sent when it is cancelled');
}

async function discovery(record: Record): Promise<void> {
  await record(gridengine.discoverCommand(), 'as glidein asks');
  await record('qmod -d short.q', 'a queue is closed', 'sgeadmin');
  await record(gridengine.discoverCommand(), 'one queue is closed');
  await record('qmod -e short.q', 'and open again', 'sgeadmin');
  await record('qconf -sc');
}

async function masterDown(record: Record): Promise<void> {
  const array = await submit(record, 2);
  await record('kill $(cat /var/spool/gridengine/qmaster/qmaster.pid)', 'the master ends', 'root');
  await sleep(10_000);
  await list(record, 'the master is down');
  await submit(record, 2, { note: 'the master is down' });
  await record(gridengine.askCommand(pilots(array, 1)), 'the master is down');
  for (const onlyPending of [false, true]) await cancel(record, pilots(array, 1), onlyPending, 'the master is down');
  await record(gridengine.discoverCommand(), 'the master is down');
  await record('/usr/sbin/sge_qmaster', 'it is started again', 'root');
  await sleep(5_000);
  await list(record, 'it is back, and knows them');
  await record('kill -STOP $(cat /var/spool/gridengine/qmaster/qmaster.pid)', 'the master does not answer', 'root');
  await record('timeout 3 qstat', 'the master does not answer');
  await record('timeout 3 qsub -b y sleep 1', 'the master does not answer');
  await record('kill -CONT $(cat /var/spool/gridengine/qmaster/qmaster.pid)', 'it does again', 'root');
  await record(`qdel ${array}`);
}

/** The site's configuration with another limit, which its manager may set. */
const withLimit = (name: string, limit: number) =>
  `d=$(mktemp -d) && qconf -sconf | sed "s/^${name} .*/${name} ${limit}/" >"$d/global" && qconf -Mconf "$d/global"; rm -r "$d"`;

async function limits(record: Record): Promise<void> {
  for (const name of ['max_u_jobs', 'max_jobs']) {
    await record(withLimit(name, 2), '', 'sgeadmin');
    await submit(record, 4, { note: 'an array counts as one job' });
    await submit(record, 1);
    await submit(record, 1, { note: `one more than ${name}` });
    await record(withLimit(name, 0), '', 'sgeadmin');
    await record(`qdel ${job.name}`);
    await sleep(4_000);
  }
}
