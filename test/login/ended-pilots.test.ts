import { expect, it } from 'vitest';
import { endedPilots } from '../../src/login/ended-pilots.ts';
import type { EndMark } from '../../src/login/journal.ts';
import type { FinishedJob } from '../../src/schedulers/scheduler.ts';

const end = (index: number, endedAt: number, more: Partial<EndMark> = {}): EndMark => ({
  tag: 'campus-0123456789',
  index,
  pilotNumber: null,
  exitCode: 0,
  reason: 'exited',
  node: 'node1',
  startedAt: 100,
  endedAt,
  ...more,
});
const job = (id: string, endedAt: number | null, more: Partial<FinishedJob> = {}): FinishedJob => ({
  id,
  submissionId: '7',
  index: Number(id.split('_')[1]),
  tag: null,
  node: 'node2',
  exitCode: null,
  signal: null,
  state: 'NODE_FAIL',
  startedAt: 100,
  endedAt,
  ...more,
});
const seen = (index: number) => ({
  tag: 'campus-0123456789',
  index,
  pilotNumber: null,
  jobId: `7_${index}`,
  node: 'node1',
  startedAt: 100,
});
const none = { marks: [], seen: [], idOf: () => null, finished: [], sinceSeconds: 0 };

it('takes the job at its word, and the accounting for those that left none', () => {
  const marks = [end(0, 300, { exitCode: 3, reason: 'drained' })];
  const ended = endedPilots({ ...none, marks, seen: [seen(0), seen(1)], finished: [job('7_0', 301), job('7_1', 400)] });
  expect(ended).toEqual([
    { id: '7_1', node: 'node2', exitCode: null, reason: 'NODE_FAIL', startedAt: 100, endedAt: 400 },
    { id: '7_0', node: 'node1', exitCode: 3, reason: 'drained', startedAt: 100, endedAt: 300 },
  ]);
});

it('knows the id of one that ended before it could say that it started, from the others of its submission', () => {
  const marks = [end(4, 300, { exitCode: 77, reason: 'bad-user' })];
  expect(endedPilots({ ...none, marks, idOf: (_tag, index) => `7_${index}` })[0]?.id).toBe('7_4');
  expect(endedPilots({ ...none, marks })[0]?.id).toBe('campus-0123456789.4');
});

it('tells of each pilot of a job with several nodes, and of the job only where none of them said a word', () => {
  const marks = [
    end(0, 320, { exitCode: 37 }),
    end(0, 300, { pilotNumber: 0, exitCode: 0, reason: 'drained' }),
    end(0, 310, { pilotNumber: 1, exitCode: 37, node: 'node2' }),
    end(1, 330, { exitCode: 73, reason: 'no-space' }),
  ];
  const finished = [job('7_0', 321), job('7_1', 331)];
  const ended = endedPilots({ ...none, marks, seen: [seen(0), seen(1)], finished });
  expect(ended.map(({ id, exitCode, node }) => [id, exitCode, node])).toEqual([
    ['7_1', 73, 'node1'],
    ['7_0_n1', 37, 'node2'],
    ['7_0_n0', 0, 'node1'],
  ]);
  expect(endedPilots({ ...none, marks, idOf: (_tag, index) => `7_${index}` })[2]?.id).toBe('7_0_n0');
});

it('leaves out what ended too long ago, but not what has no time', () => {
  const finished = [job('7_1', 50), job('7_2', null)];
  const ended = endedPilots({ ...none, marks: [end(0, 99), end(3, 100)], finished, sinceSeconds: 100 });
  expect(ended.map(({ endedAt }) => endedAt)).toEqual([100, null]);
});
