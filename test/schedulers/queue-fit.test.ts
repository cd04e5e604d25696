import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  closedQueue,
  highTarget,
  inDays,
  jobLimit,
  type KnownDiscovery,
  largestArray,
  queueMistakes,
} from '../../src/schedulers/queue-fit.ts';
import type { BatchJob, Queue, SubmitLimits } from '../../src/schedulers/scheduler.ts';
import { wholeNodeJob } from '../support/batch-job.ts';

const day = 86_400;
const queue = (name: string, more: Partial<Queue> = {}): Queue => ({
  name,
  isDefault: false,
  isOpen: true,
  nodes: 8,
  coresPerNode: 64,
  memoryMBPerNode: 250_000,
  gpusPerNode: 0,
  gpuType: null,
  gpuTypes: [],
  maxWalltimeSeconds: 2 * day,
  maxNodesPerJob: null,
  maxSubmitJobs: null,
  maxArraySize: null,
  ...more,
});
const noLimits: SubmitLimits = { maxArraySize: null, maxSubmitJobs: null, maxJobsOfCluster: null, accounts: null };
const site = (queues: readonly Queue[], limits: Partial<SubmitLimits> = {}): KnownDiscovery => ({
  kind: 'known',
  queues,
  limits: { ...noLimits, ...limits },
});
const campus = site([
  queue('whole', { isDefault: true }),
  queue('shared'),
  queue('long', { maxWalltimeSeconds: null }),
  queue('closed', { isOpen: false }),
  queue('unmeasured', { coresPerNode: null, memoryMBPerNode: null }),
]);
const one = { count: 1, array: true };
const judge = (more: Partial<BatchJob>, discovery = campus) =>
  queueMistakes({ ...wholeNodeJob, ...more }, discovery, one);
const keys = (more: Partial<BatchJob>, discovery = campus) => judge(more, discovery).map(({ key }) => key);

describe('the nodes of a job', () => {
  const small = site([queue('small', { isDefault: true, maxNodesPerJob: 2 })]);

  it('are not more than the queue has, and gives a job', () => {
    expect(judge({ nodes: 8 })).toEqual([]);
    expect(judge({ nodes: 9 })).toEqual([{ key: 'scheduler.nodesPerJob', message: 'is 9, but whole has only 8' }]);
    expect(judge({ nodes: 2 }, small)).toEqual([]);
    expect(judge({ nodes: 3 }, small)).toEqual([
      { key: 'scheduler.nodesPerJob', message: 'is 3, but small allows a job at most 2' },
    ]);
  });

  it('are not judged where a QOS may allow more, or somebody else says how many', () => {
    expect(judge({ nodes: 3, qos: 'wide' }, small)).toEqual([]);
    expect(judge({ nodes: 9, extra: ['--nodes=2'] })).toEqual([]);
    expect(judge({ nodes: 1 }, site([queue('empty', { isDefault: true, nodes: 0 })]))).toEqual([]);
  });
});

describe('the queue', () => {
  it('may be any that is there and open, or none where there is a default', () => {
    for (const name of ['whole', 'shared', null]) expect(judge({ queue: name })).toEqual([]);
    expect(judge({ queue: null }, site([queue('other')]))).toEqual([]);
  });

  it('must be one that the cluster has, and the most similar are named first', () => {
    expect(judge({ queue: 'shred' })).toEqual([
      {
        key: 'scheduler.queue',
        message: 'is shred, which this cluster does not have; it has shared, whole, closed, long, unmeasured',
      },
    ]);
    expect(keys({ queue: 'Whole' })).toEqual(['scheduler.queue']);
    expect(keys({ queue: 'whole,nowhere' })).toEqual(['scheduler.queue']);
  });

  it('names a dozen of very many', () => {
    const many = site(Array.from({ length: 40 }, (_, at) => queue(`q${at}`)));
    expect(judge({ queue: 'q7x' }, many)[0]?.message).toMatch(/it has q7, .* and 28 more$/);
  });

  it('may be closed for now, which is told apart: nothing is wrong with the profile', () => {
    const closed = (more: Partial<BatchJob>, discovery = campus) =>
      closedQueue({ ...wholeNodeJob, ...more }, discovery);
    expect(judge({ queue: 'closed' })).toEqual([]);
    expect(closed({ queue: 'closed' })).toEqual({
      key: 'scheduler.queue',
      message: 'is closed, which is closed now; open are whole, shared, long, unmeasured',
    });
    expect(closed({ queue: 'closed,whole' })).toBeNull();
    expect(closed({ queue: 'nowhere' })).toBeNull();
    expect(closed({ queue: 'closed', extra: ['--partition=whole'] })).toBeNull();
    const maintenance = site([queue('only', { isDefault: true, isOpen: false })]);
    expect(closed({ queue: null }, maintenance)?.message).toBe('is only, which is closed now; and so are all others');
  });

  it('cannot be any where there is none', () => {
    expect(keys({}, site([]))).toEqual(['scheduler.queue']);
  });
});

describe('the size', () => {
  it('must not be more than the queue allows and its nodes have', () => {
    expect(judge({ walltimeSeconds: 3 * day, cores: 65, memoryMB: 250_001 })).toEqual([
      { key: 'scheduler.walltime', message: 'is 3-00:00:00, but whole allows at most 2-00:00:00' },
      { key: 'scheduler.cores', message: 'is 65, but no node of whole has more than 64' },
      { key: 'scheduler.memoryMB', message: 'is 250001, but no node of whole has more than 250000' },
    ]);
  });

  it('may be just what they have', () => {
    expect(judge({ walltimeSeconds: 2 * day, cores: 64, memoryMB: 250_000 })).toEqual([]);
  });

  it('counts in whole minutes', () => {
    const short = site([queue('short', { isDefault: true, maxWalltimeSeconds: 3_600 })]);
    expect(keys({ walltimeSeconds: 3_541 }, short)).toEqual([]);
    expect(keys({ walltimeSeconds: 3_601 }, short)).toEqual(['scheduler.walltime']);
  });

  it('is not judged where no limit is known', () => {
    expect(judge({ queue: 'long', walltimeSeconds: 30 * day })).toEqual([]);
    expect(judge({ queue: 'unmeasured', cores: 4_000, memoryMB: 67_108_864 })).toEqual([]);
  });

  it('must fit one of several queues', () => {
    const two = site([queue('small', { coresPerNode: 4 }), queue('large', { coresPerNode: 128 })]);
    expect(keys({ queue: 'small,large', cores: 128 }, two)).toEqual([]);
    expect(judge({ queue: 'small,large', cores: 129 }, two)[0]?.message).toBe(
      'is 129, but no node of small and large has more than 128',
    );
  });

  it('leaves the wall clock to a QOS', () => {
    expect(keys({ walltimeSeconds: 3 * day, qos: 'long', cores: 65 })).toEqual(['scheduler.cores']);
  });
});

describe('GPUs', () => {
  const a100 = { gpusPerNode: 4, gpuType: 'a100', gpuTypes: ['a100', 'v100'] };
  const gpuSite = site([
    queue('whole', { isDefault: true }),
    queue('gpu', a100),
    queue('more', { gpusPerNode: 8, gpuType: 'h100', gpuTypes: ['h100'] }),
    queue('plain', { gpusPerNode: 2 }),
    queue('hidden', { ...a100, coresPerNode: null }),
  ]);
  const gpus = (more: Partial<BatchJob>) => judge({ queue: 'gpu', gpus: 4, ...more }, gpuSite);

  it('may be as many as a node has, of any kind that it has', () => {
    for (const gpuType of [null, 'a100', 'v100', 'A100']) expect(gpus({ gpuType })).toEqual([]);
    expect(gpus({ queue: 'gpu,more', gpus: 8, gpuType: 'h100' })).toEqual([]);
    expect(gpus({ queue: 'whole', gpus: 0 })).toEqual([]);
  });

  it('must not be more, and not where there are none', () => {
    expect(gpus({ gpus: 5 })).toEqual([{ key: 'scheduler.gpus', message: 'is 5, but no node of gpu has more than 4' }]);
    expect(gpus({ queue: null, gpus: 1, gpuType: 'a100' })).toEqual([
      { key: 'scheduler.gpus', message: 'is 1, but no node of whole has GPUs' },
    ]);
    expect(gpus({ queue: 'gpu,more', gpus: 9 })[0]?.message).toBe('is 9, but no node of gpu and more has more than 8');
  });

  it('must be of a kind that is there', () => {
    expect(gpus({ gpuType: 'h100' })).toEqual([
      { key: 'scheduler.gpuType', message: 'is h100, but gpu has a100, v100' },
    ]);
    expect(gpus({ queue: 'plain', gpus: 1, gpuType: 'a100' })).toEqual([
      { key: 'scheduler.gpuType', message: 'is a100, but the GPUs of plain have no names' },
    ]);
  });

  it('are not judged where not all nodes are shown, or somebody else asks for them', () => {
    expect(gpus({ queue: 'hidden', gpus: 9, gpuType: 'x' })).toEqual([]);
    for (const more of [
      { gpuOption: 'none' },
      { extra: ['--gres=gpu:9'] },
      { extra: ['-G 9'] },
      { extra: ['--gpus=9'] },
      { skip: ['gpus-per-node'] },
    ])
      expect(gpus({ gpus: 9, ...more }), JSON.stringify(more)).toEqual([]);
    expect(gpus({ gpus: 9, extra: ['--mem=1G'] })).toHaveLength(1);
  });
});

describe('what the user sets by hand is not judged', () => {
  const wrong = { queue: 'whole', walltimeSeconds: 3 * day, cores: 65, memoryMB: 250_001, account: 'nosuch' };
  const strict = site(campus.queues, { accounts: ['phy'] });
  const all = ['scheduler.walltime', 'scheduler.cores', 'scheduler.memoryMB', 'scheduler.account'];

  it.each([
    [['--partition=other'], ['scheduler.account']],
    [['-p', 'other'], ['scheduler.account']],
    [['-p other'], ['scheduler.account']],
    [['--part=other'], ['scheduler.account']],
    [['--time=60'], all.filter((key) => key !== 'scheduler.walltime')],
    [['-t60'], all.filter((key) => key !== 'scheduler.walltime')],
    [['-l walltime=01:00:00'], all.filter((key) => key !== 'scheduler.walltime')],
    [['--cpus-per-task=2'], all.filter((key) => key !== 'scheduler.cores')],
    [['--mem=1G'], all.filter((key) => key !== 'scheduler.memoryMB')],
    [['--account=other'], all.filter((key) => key !== 'scheduler.account')],
    [['--mail-type=NONE', '--licenses=x'], all],
  ])('%j', (extra, left) => {
    expect(keys({ ...wrong, extra }, strict)).toEqual(left);
  });

  it.each([
    ['partition', ['scheduler.account']],
    ['time', all.filter((key) => key !== 'scheduler.walltime')],
    ['account', all.filter((key) => key !== 'scheduler.account')],
    ['mem', all.filter((key) => key !== 'scheduler.memoryMB')],
    ['no-requeue', all],
  ])('skip %s', (name, left) => {
    expect(keys({ ...wrong, skip: [name] }, strict)).toEqual(left);
  });
});

describe('accounts and arrays', () => {
  it('take any account where none are known, and known ones in any case', () => {
    expect(judge({ account: 'phy' })).toEqual([]);
    const strict = site(campus.queues, { accounts: ['chem', 'phy'] });
    expect(judge({ account: 'PHY' }, strict)).toEqual([]);
    expect(judge({ account: null }, strict)).toEqual([]);
    expect(judge({ account: 'phys' }, strict)).toEqual([
      { key: 'scheduler.account', message: 'is phys, but the accounts you may charge here are phy, chem' },
    ]);
  });

  it('tell how large an array may be, which is no mistake', () => {
    const small = site(campus.queues, { maxArraySize: 10 });
    expect(largestArray(wholeNodeJob, small)).toBe(10);
    expect(queueMistakes(wholeNodeJob, small, { count: 11, array: true })).toEqual([]);
    expect(largestArray(wholeNodeJob, campus)).toBeNull();
    expect(largestArray(wholeNodeJob, { kind: 'unknown', reason: 'x' })).toBeNull();
  });

  it('are as small as the queue and the cluster together want them', () => {
    const queues = [
      queue('tight', { isDefault: true, maxArraySize: 4 }),
      queue('wide'),
      queue('tighter', { maxArraySize: 2 }),
    ];
    const sizes = (name: string | null, more: Partial<BatchJob> = {}, maxArraySize: number | null = 10) =>
      largestArray({ ...wholeNodeJob, queue: name, ...more }, site(queues, { maxArraySize }));
    expect(['tight', null, 'wide', 'tighter'].map((name) => sizes(name))).toEqual([4, 4, 10, 2]);
    expect(sizes('tight', {}, 3)).toBe(3);
    expect(sizes('tight', {}, null)).toBe(4);
    expect(sizes('wide', {}, null)).toBeNull();
    // It may start in either, and nobody knows in which.
    expect(sizes('tight,tighter')).toBe(4);
    expect(sizes('tight,wide')).toBe(10);
    expect(sizes('tight', { extra: ['-q wide'] })).toBe(10);
  });

  it('ask for no arrays where the cluster has none', () => {
    const none = site(campus.queues, { maxArraySize: 0 });
    expect(queueMistakes(wholeNodeJob, none, { count: 1, array: true })).toEqual([
      { key: 'scheduler.arrays', message: 'must be false: this cluster has no job arrays' },
    ]);
    expect(queueMistakes(wholeNodeJob, none, { count: 1, array: false })).toEqual([]);
  });
});

describe('the jobs of a user', () => {
  const queues = [queue('short', { isDefault: true, maxSubmitJobs: 3 }), queue('wide')];
  const limit = (name: string | null, maxSubmitJobs: number | null = null) =>
    jobLimit({ ...wholeNodeJob, queue: name }, site(queues, { maxSubmitJobs }));

  it('are limited by what is met first', () => {
    expect(limit('short')).toEqual({ most: 3, where: 'short' });
    expect(limit(null, 5)).toEqual({ most: 3, where: 'short' });
    expect(limit('short', 2)).toEqual({ most: 2, where: 'the cluster' });
    expect(limit('wide', 5)).toEqual({ most: 5, where: 'the cluster' });
    expect(limit('short,wide')).toBeNull();
    expect(limit('nosuch', 5)).toEqual({ most: 5, where: 'the cluster' });
    expect(jobLimit(wholeNodeJob, { kind: 'unknown', reason: 'x' })).toBeNull();
  });

  it('may be too few for the target, counted in whole jobs', () => {
    const high = (target: number, nodesPerJob: number) =>
      highTarget(wholeNodeJob, site(queues), { target, nodesPerJob })?.message;
    expect([high(3, 1), high(6, 2), high(7, 2)]).toEqual([undefined, undefined, undefined]);
    expect(high(4, 1)).toBe('is 4, but short takes at most 3 jobs of yours');
    expect(high(8, 2)).toBe('is 8, but short takes at most 3 jobs of yours of 2 pilots each');
    expect(highTarget(wholeNodeJob, campus, { target: 99, nodesPerJob: 1 })).toBeNull();
  });
});

it('never finds a mistake in what is smaller than a job that fits', () => {
  const size = fc.record({
    walltimeSeconds: fc.integer({ min: 1, max: 4 * day }),
    cores: fc.option(fc.integer({ min: 1, max: 128 })),
    memoryMB: fc.option(fc.integer({ min: 1, max: 500_000 })),
  });
  fc.assert(
    fc.property(size, size, (small, large) => {
      const least = (a: number | null, b: number | null) => (a === null || b === null ? null : Math.min(a, b));
      const both = {
        walltimeSeconds: Math.min(small.walltimeSeconds, large.walltimeSeconds),
        cores: least(small.cores, large.cores),
        memoryMB: least(small.memoryMB, large.memoryMB),
      };
      if (keys(large).length === 0) expect(keys(both)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

it('writes a wall clock as profiles do', () => {
  expect([60, 43_200, 2 * day + 3_661].map(inDays)).toEqual(['0-00:01:00', '0-12:00:00', '2-01:01:01']);
});
