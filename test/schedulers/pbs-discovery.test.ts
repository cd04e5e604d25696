import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pbs } from '../../src/schedulers/pbs.ts';
import { unsaidCores } from '../../src/schedulers/queue-fit.ts';
import type { Discovery, Output } from '../../src/schedulers/scheduler.ts';
import { torque } from '../../src/schedulers/torque.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { recordings } from '../support/recordings.ts';

const all = recordings('openpbs-23.06.06').filter(({ command }) => command.includes('ask server qstat -Bf'));
const recorded = all.find(({ note }) => note === 'as glidein asks')?.stdout ?? '';
const output = (stdout: string, stderr = '', code = 0): Output => ({ stdout, stderr, code });
const knownIn = (discovery: Discovery) => {
  if (discovery.kind === 'unknown') throw new Error(discovery.reason);
  return discovery;
};
const queue = (text: string, name: string) =>
  knownIn(pbs.parseDiscovery(output(text))).queues.find((one) => one.name === name);

describe('what PBS offers', () => {
  it('was recorded', () => {
    expect(knownIn(pbs.parseDiscovery(output(recorded)))).toEqual({
      kind: 'known',
      queues: [
        expect.objectContaining({ name: 'workq', isDefault: true, isOpen: true, nodes: 4, coresPerNode: 4 }),
        expect.objectContaining({ name: 'short', isDefault: false, memoryMBPerNode: 8_192, maxWalltimeSeconds: 3_600 }),
        expect.objectContaining({ name: 'closed', isOpen: false, gpusPerNode: 0, maxWalltimeSeconds: null }),
        // It runs nothing itself, and leads to short alone.
        expect.objectContaining({ name: 'route', isOpen: true, nodes: 4, maxWalltimeSeconds: 3_600 }),
      ],
      limits: { maxArraySize: 10_000, maxSubmitJobs: null, maxJobsOfCluster: null, accounts: null },
    });
  });

  it('is unknown while the server is down', () => {
    const down = all.filter(({ note }) => note === 'the server is down');
    expect(down.length).toBe(1);
    for (const one of down) {
      expect(pbs.parseDiscovery(one)).toMatchObject({
        kind: 'unknown',
        reason: expect.stringContaining('cannot connect'),
      });
    }
  });

  it('is unknown where the answer is cut, at any byte', () => {
    fc.assert(
      fc.property(fc.nat({ max: recorded.length - 1 }), (end) => {
        expect(pbs.parseDiscovery(output(recorded.slice(0, end))).kind).toBe('unknown');
      }),
      { numRuns: 200 },
    );
  });

  it('leaves out the nodes that serve other queues alone', () => {
    const bound = recorded.replace(
      '     resources_available.ncpus = 4',
      '     queue = short\n     resources_available.ncpus = 64',
    );
    expect(queue(bound, 'short')).toMatchObject({ nodes: 1, coresPerNode: 64 });
    expect(queue(bound, 'workq')).toMatchObject({ nodes: 3, coresPerNode: 4 });
    const listed = recorded
      .replace(
        '     resources_available.ncpus = 4',
        '     resources_available.Qlist = fat,gpu\n     resources_available.ncpus = 64',
      )
      .replace('Queue: short\n', 'Queue: short\n    default_chunk.Qlist = fat\n');
    expect(queue(listed, 'short')).toMatchObject({ nodes: 1, coresPerNode: 64 });
  });

  it('counts what several parts of one machine have together, and its GPUs', () => {
    const parts = recorded
      .replace('resources_available.host = n2', 'resources_available.host = n1')
      .replace('     resources_available.ncpus = 4', '     resources_available.ngpus = 2\n$&');
    expect(queue(parts, 'workq')).toMatchObject({ nodes: 3, coresPerNode: 8, memoryMBPerNode: 16_384, gpusPerNode: 2 });
  });

  it('says what a user may have queued, by name, else as everybody', () => {
    const limited = (text: string) =>
      knownIn(
        pbs.parseDiscovery(output(recorded.replace('Server: pbs1\n', `Server: pbs1\n    max_queued = ${text}\n`))),
      ).limits;
    expect(limited('[u:PBS_GENERIC=50],[o:PBS_ALL=900]')).toMatchObject({ maxSubmitJobs: 50, maxJobsOfCluster: 900 });
    expect(limited('[u:PBS_GENERIC=50],[u:ada=7]')).toMatchObject({ maxSubmitJobs: 7 });
  });

  const limits = all.find(({ note }) => note === 'limits of queues and of one user')?.stdout ?? '';
  it('says so of each queue, too, whose limits have a line each', () => {
    expect(knownIn(pbs.parseDiscovery(output(limits))).limits).toMatchObject({
      maxArraySize: 10_000,
      maxSubmitJobs: 4,
      maxJobsOfCluster: 900,
    });
    // Nobody has more than all together.
    expect(queue(limits, 'workq')).toMatchObject({ maxSubmitJobs: 40, maxArraySize: null });
    expect(queue(limits, 'short')).toMatchObject({ maxSubmitJobs: 2, maxArraySize: 3 });
    expect(queue(limits.replace('[u:ada=2]', '[u:bea=2]'), 'short')).toMatchObject({ maxSubmitJobs: 3 });
    expect(queue(limits, 'closed')).toMatchObject({ maxSubmitJobs: null, maxArraySize: null });
    // Arrays must fit where a routing queue sends them; there its jobs wait, and do not count in it.
    expect(queue(limits, 'route')).toMatchObject({ maxSubmitJobs: null, maxArraySize: 3 });
  });

  it('says what real PBS takes and refuses', () => {
    const submitted = (note: string) =>
      recordings('openpbs-23.06.06').find((one) => one.file === '25_glidein_limits.txt' && one.note === note)?.code;
    expect(submitted('larger than an array of this queue may be')).toBe(3);
    expect(submitted('as many as this user may have in the queue')).toBe(0);
    expect(submitted('this user has as many as the queue allows')).toBe(38);
    expect(submitted('as many as this user may have in all queues')).toBe(0);
    expect(submitted('this user has as many as all queues allow')).toBe(38);
  });
});

describe('what Torque offers', () => {
  it('is read from its own words', () => {
    const text = [
      'asked server\nServer: srv\n    default_queue = batch\n    max_user_queuable = 30\n\nanswered 0',
      'asked queues\nQueue: batch\n    resources_max.walltime = 24:00:00\n    enabled = True\n    started = True\n\nanswered 0',
      'asked nodes\nn1\n     state = free\n     np = 16\n     gpus = 2\n     status = arch=x,physmem=65536000kb,ncpus=16\n\nanswered 0',
      'asked user\nada\nanswered 0\nasked all\n',
    ].join('\n');
    const { queues, limits } = knownIn(torque.parseDiscovery(output(text)));
    expect(queues).toEqual([
      expect.objectContaining({
        name: 'batch',
        isDefault: true,
        isOpen: true,
        nodes: 1,
        coresPerNode: 16,
        gpusPerNode: 2,
      }),
    ]);
    expect(queues[0]).toMatchObject({ memoryMBPerNode: 64_000, maxWalltimeSeconds: 86_400 });
    expect(limits.maxSubmitJobs).toBe(30);
    const limited = text.replace('Queue: batch\n', 'Queue: batch\n    max_queuable = 40\n    max_user_queuable = 4\n');
    expect(knownIn(torque.parseDiscovery(output(limited))).queues[0]).toMatchObject({ maxSubmitJobs: 4 });
    const shared = limited.replace('    max_user_queuable = 4\n', '');
    expect(knownIn(torque.parseDiscovery(output(shared))).queues[0]).toMatchObject({ maxSubmitJobs: 40 });
  });
});

describe('cores that nobody named', () => {
  const discovery = pbs.parseDiscovery(output(recorded));
  it('are asked for, with the number that the queue’s nodes have', () => {
    expect(unsaidCores({ ...wholeNodeJob, queue: 'short' }, discovery)).toEqual({
      key: 'scheduler.cores',
      message: expect.stringMatching(/^must be set, .*set it to 4: the nodes of short have so many$/),
    });
    const blind = unsaidCores(wholeNodeJob, { kind: 'unknown', reason: 'x' });
    expect(blind?.message).toMatch(/set it to the cores that its nodes have$/);
  });

  it('are no mistake where they are said in another way', () => {
    expect(unsaidCores({ ...wholeNodeJob, cores: 4 }, discovery)).toBeNull();
    expect(unsaidCores({ ...wholeNodeJob, extra: ['-l select=1:ncpus=4'] }, discovery)).toBeNull();
    expect(unsaidCores({ ...wholeNodeJob, skip: ['select'] }, discovery)).toBeNull();
  });
});
