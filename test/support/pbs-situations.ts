import { setTimeout as sleep } from 'node:timers/promises';
import { pbs } from '../../src/schedulers/pbs.ts';
import type { BatchJob } from '../../src/schedulers/scheduler.ts';
import { quote } from '../../src/shell.ts';
import { wholeNodeJob } from './batch-job.ts';
import type { Record, Situations } from './record-situations.ts';

/** What is recorded of a PBS with four nodes of four cores each and a queue `short`, by the name of its file. */
export const pbsSituations: Situations = {
  '20_glidein_life': life,
  '21_glidein_cancel': cancellations,
  '22_glidein_refused': refusals,
  '23_glidein_discover': discovery,
  '24_glidein_down': serverDown,
  '25_glidein_limits': limits,
};

const job: BatchJob = { ...wholeNodeJob, cores: 4, walltimeSeconds: 3_600 };

const script = ['#!/bin/bash -p', ...pbs.directives(job).map((line) => `#PBS ${line}`), 'sleep 600', ''].join('\n');

/** Submits so many as glidein does, and answers the submission's id. */
async function submit(record: Record, count: number, more: Partial<BatchJob> = {}, note = ''): Promise<string> {
  const tag = `campus-${String(count).padStart(10, 'a')}`;
  const submission = { tag, count, array: true, logDirWord: '"$HOME"/logs', scriptWord: 'none' };
  const command = pbs.submitCommand({ ...job, ...more }, submission);
  const ran = await record(`printf %s ${quote(script)} | ${command}`, note);
  const outcome = pbs.parseSubmit(ran);
  return outcome.kind === 'accepted' ? outcome.id : '';
}

/** Lists in both ways, as glidein does. */
async function list(record: Record, note: string): Promise<void> {
  for (const secondLook of [false, true]) {
    const command = pbs.listCommand({ site: 'campus', jobName: job.name, secondLook });
    await record(command, `${note}, ${secondLook ? 'second' : 'first'} look`);
  }
}

async function life(record: Record): Promise<void> {
  const began = Math.floor(Date.now() / 1000) - 5;
  await list(record, 'nothing is there');
  const array = await submit(record, 6);
  const alone = await submit(record, 1, {}, 'one is no array');
  await sleep(5_000);
  await list(record, 'four run, three wait');
  const ids = [pbs.pilotId(array, 0), pbs.pilotId(array, 5), pbs.pilotId(array, 9), alone, '999999'];
  await record(pbs.askCommand(ids), 'the last of the array and of all are unknown');
  await record(`qhold -h u ${quote(array)}`, 'the array is held');
  await list(record, 'a held array: what runs goes on');
  await record(`qrls -h u ${quote(array)}`);
  const early = await submit(record, 2, { cores: 400 }, 'asks for more than any node has; the directives ask for four');
  await record(`qalter -l select=1:ncpus=400 ${quote(early)}`, 'so that it can never run');
  await sleep(8_000);
  await list(record, 'some can never run');
  for (const id of [array, alone, early]) await record(`qdel ${quote(id)}`, 'over with all');
  await sleep(1_000);
  await list(record, 'they are on their way out');
  await sleep(20_000);
  await list(record, 'all are over');
  await record(pbs.askCommand([pbs.pilotId(array, 0), alone]), 'over, with history');
  await record(pbs.finishedCommand({ jobName: job.name, sinceSeconds: began }), 'what the server kept');
}

async function cancellations(record: Record): Promise<void> {
  const array = await submit(record, 6);
  const alone = await submit(record, 1);
  await sleep(4_000);
  const members = [0, 4].map((index) => pbs.pilotId(array, index));
  await record(pbs.cancelCommand([...members, alone, '999999'], { onlyPending: true }), 'only what has not started');
  await list(record, 'the first of the array still runs, the fifth is over');
  await record(pbs.cancelCommand([...members, alone], { onlyPending: false }), 'two of them are over');
  await record(pbs.cancelCommand([pbs.pilotId(array, 1)], { onlyPending: true }), 'one that runs is left alone');
  await list(record, 'after that');
  await record(
    pbs.cancelCommand(
      [0, 1, 2, 3, 4, 5].map((index) => pbs.pilotId(array, index)),
      { onlyPending: false },
    ),
  );
  await sleep(12_000);
  await record(pbs.cancelCommand([pbs.pilotId(array, 0)], { onlyPending: false }), 'all of it is over');
}

async function refusals(record: Record): Promise<void> {
  await submit(record, 4, { queue: 'short' }, 'over the limit of queued jobs of a user, which is 3');
  await submit(record, 10_001, {}, 'larger than an array may be');
  await submit(record, 1, { queue: 'nosuch' }, 'no such queue');
  await submit(record, 1, { queue: 'closed' }, 'a queue that is closed');
  await record('printf "sleep 1\\n" | qsub -f -N g-campus -J 0-0', 'an array of one');
  await record('printf "sleep 1\\n" | qsub -f -N g-campus -J 0-1 -r n', 'an array that may not be run again');
  await record(
    'printf "sleep 1\\n" | qsub -f -N g-campus -l walltime=48:00:00 -q short',
    'longer than the queue allows',
  );
}

async function discovery(record: Record): Promise<void> {
  await record(pbs.discoverCommand(), 'as glidein asks');
}

async function serverDown(record: Record): Promise<void> {
  const array = await submit(record, 2);
  await record('qterm -t quick', 'the server ends', 'root');
  await sleep(3_000);
  await list(record, 'the server is down');
  await submit(record, 2, {}, 'the server is down');
  await record(pbs.askCommand([pbs.pilotId(array, 0)]), 'the server is down');
  await record(pbs.cancelCommand([pbs.pilotId(array, 0)], { onlyPending: false }), 'the server is down');
  await record(pbs.cancelCommand([pbs.pilotId(array, 0)], { onlyPending: true }), 'the server is down');
  await record(pbs.discoverCommand(), 'the server is down');
  await record(pbs.finishedCommand({ jobName: job.name, sinceSeconds: 0 }), 'the server is down');
  await record('pbs_server >/dev/null 2>&1', 'it is started again', 'root');
  await sleep(5_000);
  await list(record, 'it is back, and knows them');
}

/** Limits on queues and on one user, which the client shows a line each, and what is said of what breaks them. */
async function limits(record: Record): Promise<void> {
  const manage = (line: string) => record(`qmgr -c ${quote(line)}`, '', 'root');
  await manage('set queue short max_queued = "[u:PBS_GENERIC=3],[u:ada=2],[u:zoe=1],[o:PBS_ALL=9]"');
  await manage('set queue short max_array_size = 3');
  await manage('set queue workq max_queued = "[o:PBS_ALL=40]"');
  await manage('set server max_queued = "[u:PBS_GENERIC=50],[u:ada=4],[u:zoe=1],[o:PBS_ALL=900]"');
  await record(pbs.discoverCommand(), 'limits of queues and of one user');
  await submit(record, 4, { queue: 'short' }, 'larger than an array of this queue may be');
  await submit(record, 3, { queue: 'short' }, 'more than this user may have in the queue');
  await submit(record, 2, { queue: 'short' }, 'as many as this user may have in the queue');
  await submit(record, 1, { queue: 'short' }, 'this user has as many as the queue allows');
  await submit(record, 3, {}, 'more than this user may have in all queues');
  await submit(record, 2, {}, 'as many as this user may have in all queues');
  await submit(record, 1, {}, 'this user has as many as all queues allow');
  await manage('unset server max_queued');
  await manage('unset queue workq max_queued');
  await manage('set queue short max_queued = "[u:PBS_GENERIC=3]"');
  await manage('unset queue short max_array_size');
}
