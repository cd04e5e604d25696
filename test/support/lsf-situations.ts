import { setTimeout as sleep } from 'node:timers/promises';
import { lsf } from '../../src/schedulers/lsf.ts';
import type { BatchJob } from '../../src/schedulers/scheduler.ts';
import { quote } from '../../src/shell.ts';
import { wholeNodeJob } from './batch-job.ts';
import type { Record, Situations } from './record-situations.ts';

/** What is recorded of an LSF with one node of four slots and a queue `short`, by the name of its file. */
export const lsfSituations: Situations = {
  '20_glidein_life': life,
  '21_glidein_cancel': cancellations,
  '22_glidein_refused': refusals,
  '23_glidein_discover': discovery,
  '24_glidein_down': daemonsDown,
};

/** Four of them fit on the node. */
const job: BatchJob = { ...wholeNodeJob, walltimeSeconds: 3_600, skip: ['x'] };

function scriptOf(one: BatchJob): string {
  return ['#!/bin/bash -p', ...lsf.directives(one).map((line) => `#BSUB ${line}`), 'sleep 600', ''].join('\n');
}

/** Submits so many as glidein does, and answers the submission's id. */
async function submit(record: Record, count: number, more: Partial<BatchJob> = {}, note = ''): Promise<string> {
  const one = { ...job, ...more };
  const tag = `campus-${String(count).padStart(10, 'a')}`;
  const submission = { tag, count, array: count > 1, logDirWord: '"$HOME"/logs', scriptWord: '"$HOME"/job.sh' };
  const command = lsf.submitCommand(one, submission);
  const ran = await record(`printf %s ${quote(scriptOf(one))} | ${command}`, note);
  const outcome = lsf.parseSubmit(ran);
  return outcome.kind === 'accepted' ? outcome.id : '';
}

/** Lists in both ways, as glidein does. */
async function list(record: Record, note: string): Promise<void> {
  for (const secondLook of [false, true]) {
    const command = lsf.listCommand({ site: 'campus', jobName: job.name, secondLook });
    await record(command, `${note}, ${secondLook ? 'second' : 'first'} look`);
  }
}

async function life(record: Record): Promise<void> {
  await record(lsf.listCommand({ site: 'campus', jobName: 'g-nobody', secondLook: true }), 'nothing is there');
  const array = await submit(record, 6);
  const alone = await submit(record, 1, {}, 'one that is no array');
  await record('printf "#!/bin/bash\\nsleep 600\\n" > "$HOME"/job.sh');
  await submit(record, 2, { submitBy: 'file', memoryMB: 10 }, 'by its path');
  await list(record, 'submitted');
  await sleep(6_000);
  await list(record, 'four run, the others wait');
  const ids = [lsf.pilotId(array, 1), lsf.pilotId(array, 6), lsf.pilotId(array, 9), alone, array, '999999'];
  await record(lsf.askCommand(ids), 'the third and the last are unknown');
  await record(
    `bstop ${quote(lsf.pilotId(array, 6))}; bstop ${quote(lsf.pilotId(array, 1))}`,
    'one is held, one stopped',
  );
  await sleep(3_000);
  await list(record, 'one is held and one suspended');
  await record(`bkill -J ${job.name} 0`, 'over with all');
  await sleep(5_000);
  await list(record, 'they are over, or on their way out');
  await record(lsf.askCommand([lsf.pilotId(array, 6), alone]), 'over');
  await sleep(25_000);
  await list(record, 'all are over');
  await record(lsf.finishedCommand({ jobName: job.name, sinceSeconds: 0 }), 'what is still known');
}

async function cancellations(record: Record): Promise<void> {
  const array = await submit(record, 6);
  const alone = await submit(record, 1);
  await sleep(6_000);
  const members = [1, 6].map((index) => lsf.pilotId(array, index));
  await record(lsf.cancelCommand([...members, alone, '999999'], { onlyPending: true }), 'only what has not started');
  await list(record, 'the first of the array still runs, the sixth is over');
  await record(lsf.cancelCommand([...members, alone], { onlyPending: false }), 'two of them are over');
  await record(lsf.cancelCommand([lsf.pilotId(array, 2)], { onlyPending: true }), 'one that runs is left alone');
  await record(
    lsf.cancelCommand(
      [1, 2, 3, 4, 5, 6].map((index) => lsf.pilotId(array, index)),
      { onlyPending: false },
    ),
    'all of them',
  );
  await sleep(25_000);
  await list(record, 'all are over');
  await record(lsf.cancelCommand([lsf.pilotId(array, 1)], { onlyPending: false }), 'all of it is over');
}

async function refusals(record: Record): Promise<void> {
  await submit(record, 1_001, {}, 'larger than an array may be');
  await submit(record, 1, { queue: 'nosuch' }, 'no such queue');
  await submit(record, 1, { queue: 'short' }, 'longer than the queue allows');
  await submit(record, 1, { queue: 'noexcl', skip: [] }, 'a queue that gives no whole nodes');
  await submit(record, 1, { cores: 400 }, 'more than any node has');
  await submit(record, 1, { constraint: 'nosuch>1' }, 'nothing is called so');
}

async function discovery(record: Record): Promise<void> {
  await record(lsf.discoverCommand(), 'as glidein asks');
}

async function daemonsDown(record: Record): Promise<void> {
  const array = await submit(record, 2);
  await record('kill -STOP $(pidof sbatchd) && kill -KILL $(pidof mbatchd)', 'the batch daemon ends', 'root');
  await sleep(1_000);
  await list(record, 'the batch daemon is down');
  await submit(record, 2, {}, 'the batch daemon is down');
  await record(lsf.askCommand([lsf.pilotId(array, 1)]), 'the batch daemon is down');
  await record(lsf.cancelCommand([lsf.pilotId(array, 1)], { onlyPending: false }), 'the batch daemon is down');
  await record(lsf.cancelCommand([lsf.pilotId(array, 1)], { onlyPending: true }), 'the batch daemon is down');
  await record(lsf.discoverCommand(), 'the batch daemon is down');
  await record('kill -CONT $(pidof sbatchd)', 'it is started again', 'root');
  await sleep(8_000);
  await list(record, 'it is back, and knows them');
  await record(`bkill -J ${job.name} 0`);
}
