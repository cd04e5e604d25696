import { describe, expect, it } from 'vitest';
import type { FaultSet } from '../../src/demo/faults.ts';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import { schedulers } from '../../src/schedulers/index.ts';
import type { Output, Scheduler } from '../../src/schedulers/scheduler.ts';
import { conformanceCases, type Role, type Run, type Subject } from '../schedulers/conformance.ts';
import { readings } from '../schedulers/recorded-subjects.ts';
import { Dialogue } from '../support/dialogue.ts';
import { aliveIn, standIn, startJob } from '../support/stand-in.ts';

/** The suite that recordings of real batch systems pass, fed by the stand-in that speaks as each of them. */

const subjects = await Promise.all((Object.keys(spokenSchedulers) as SpokenKind[]).map(standInSubject));

describe.each(subjects)('$name', (subject) => {
  for (const { name, check } of conformanceCases(subject)) it(name, check);

  it('has something to judge in every part', () => {
    const roles = subject.runs.map(({ role }) => role);
    for (const role of ['submit', 'list', 'ask', 'cancel', 'discover'] satisfies Role[]) expect(roles).toContain(role);
    expect(conformanceCases(subject).length).toBeGreaterThanOrEqual(16);
  });

  it('finds out a dialect that finds no job in any listing', () => {
    const scheduler: Scheduler = { ...subject.scheduler, parseList: () => ({ kind: 'complete', jobs: [] }) };
    const failing = conformanceCases({ ...subject, scheduler }).filter(({ check }) => {
      try {
        check();
        return false;
      } catch {
        return true;
      }
    });
    expect(failing.length).toBeGreaterThan(0);
  });
});

/** What the dialect gets from the stand-in in the course of a day. */
async function standInSubject(kind: SpokenKind): Promise<Subject> {
  await using cluster = await standIn({ scheduler: kind, starts: 'when told', runs: 'nothing', hasAccounting: true });
  const scheduler: Scheduler = schedulers[kind];
  const talk = new Dialogue(cluster, scheduler);
  const runs: Run[] = [];
  const note = (role: Role, what: string, output: Output, secondLook: Output | null = null) =>
    runs.push({ role, where: `stand-in: ${kind}`, note: what, command: '', secondLook, ...output });
  const look = async (what: string) => {
    const [first, second] = [false, true].map((secondLook) => scheduler.listCommand({ ...talk.query, secondLook }));
    note('list', what, await talk.run(first ?? ''), await talk.run(second ?? ''));
  };
  const ask = async (what: string, ids: readonly string[]) =>
    note('ask', what, await talk.run(scheduler.askCommand(ids)));
  const cancel = async (what: string, ids: readonly string[], onlyPending: boolean) =>
    note('cancel', what, await talk.run(scheduler.cancelCommand(ids, { onlyPending })));
  const discover = async (what: string) => note('discover', what, await talk.run(scheduler.discoverCommand()));

  await look('nothing is there');
  note('submit', 'three', await talk.submit(3));
  note('submit', 'one', await talk.submit(1, 'campus-bbbbbbbbbb'));
  await look('all wait');
  const ids = aliveIn(cluster);
  const [first = '', second = '', ...others] = ids;
  startJob(cluster, first);
  for (const job of cluster.system.alive()) if (job.state === 'waiting') cluster.system.hold(job);
  await look('one runs, the others are held');
  for (const job of cluster.system.alive()) cluster.system.release(job);
  await ask('all, and one that never was', [...ids, scheduler.pilotId('9999999', scheduler.firstIndex)]);
  await cancel('what waits', [second, first], true);
  await look('one runs, one was cancelled');
  await cancel('the rest', [first, ...others], false);
  await look('nothing is left');
  await discover('open');
  const broken: readonly (readonly [Partial<FaultSet>, (what: string) => Promise<unknown>])[] = [
    ...(['permanent', 'capacity', 'transient'] as const).map(
      (refuse) => [{ refuse }, async (what: string) => note('submit', what, await talk.submit(2))] as const,
    ),
    [{ acceptThenTimeOut: true }, async (what) => note('submit', what, await talk.submit(2, 'campus-cccccccccc'))],
    [{ listFails: true }, look],
    [{ listErrorWithExit0: true }, async (what) => note('list', what, { ...(await listOutput()), code: 1 })],
    [{ down: true }, look],
    [{ down: true }, discover],
    [{ down: true }, (what) => cancel(what, [first], false)],
  ];
  const listOutput = () => talk.run(scheduler.listCommand(talk.query));
  for (const [fault, act] of broken) {
    cluster.faults.clear();
    cluster.faults.set(fault);
    await act(JSON.stringify(fault));
  }
  const { traits } = readings[kind];
  return { name: `stand-in: ${kind}`, scheduler, traits, query: talk.query, runs };
}
