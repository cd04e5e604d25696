import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Discovery, Output, Queue } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { type Recorded, recordings } from '../support/recordings.ts';

const plain = recordings('slurm-22.05.8');
const accounting = recordings('slurm-22.05.8-accounting');
const asked = (all: readonly Recorded[], note: string): Recorded => {
  const found = all.filter((one) => one.command === slurm.discoverCommand() && one.note === note);
  if (found[0] === undefined) throw new Error(`not recorded as it is asked now: ${note}`);
  return found[0];
};
const rich = asked(accounting, 'as glidein asks');

function known(output: Output): Extract<Discovery, { kind: 'known' }> {
  const discovery = slurm.parseDiscovery(output);
  if (discovery.kind === 'unknown') throw new Error(discovery.reason);
  return discovery;
}

function queue(output: Output, name: string): Queue {
  const found = known(output).queues.find((queue) => queue.name === name);
  if (found === undefined) throw new Error(`no queue ${name}`);
  return found;
}

/** The recording with one text of it put in another's place. */
function changed(from: string, to: string): Output {
  expect(rich.stdout).toContain(from);
  return { ...rich, stdout: rich.stdout.replaceAll(from, to) };
}

describe('recorded without accounting', () => {
  it('has queues and the limits of the cluster, and knows none of the user', () => {
    const whole: Queue = {
      name: 'whole',
      isDefault: true,
      isOpen: true,
      nodes: 8,
      coresPerNode: 4,
      memoryMBPerNode: 4000,
      gpusPerNode: 0,
      gpuType: null,
      gpuTypes: [],
      maxWalltimeSeconds: 172_800,
      maxNodesPerJob: null,
      maxSubmitJobs: null,
      maxArraySize: null,
    };
    expect(slurm.parseDiscovery(asked(plain, 'as glidein asks'))).toEqual({
      kind: 'known',
      queues: [whole, { ...whole, name: 'shared', isDefault: false }],
      limits: { maxArraySize: 1001, maxSubmitJobs: null, maxJobsOfCluster: 10_000, accounts: null },
    });
  });

  it('says as many tasks as real Slurm takes in one array, and not one more', () => {
    const { maxArraySize } = known(asked(plain, 'as glidein asks')).limits;
    const array = (tasks: string) =>
      plain.find((one) => one.command === `sbatch --parsable --hold --array=${tasks} < sleep.sh`);
    expect(array(`0-${(maxArraySize ?? 0) - 1}`)?.code).toBe(0);
    expect(array(`0-${maxArraySize}`)?.code).toBe(1);
  });

  it('knows nothing of a controller that does not run, and says what the client said', () => {
    for (const all of [plain, accounting]) {
      const discovery = slurm.parseDiscovery(asked(all, 'slurmctld does not run'));
      expect(discovery).toMatchObject({ kind: 'unknown' });
      expect(discovery.kind === 'unknown' && discovery.reason).toContain('Unable to contact slurm controller');
    }
  });
});

describe('recorded with accounting', () => {
  it('has every queue, hidden ones too, and takes for open what takes jobs and starts them', () => {
    const open = known(rich).queues.map(({ name, isOpen }) => `${name} ${isOpen ? 'open' : 'closed'}`);
    expect(open).toEqual([
      'whole open',
      'shared open',
      'gpu open',
      'endless open',
      'closed closed',
      'draining closed',
      'hidden open',
      'empty open',
    ]);
  });

  it('names the largest that any node of a queue has', () => {
    expect(queue(rich, 'whole')).toMatchObject({
      coresPerNode: 8,
      memoryMBPerNode: 9000,
      gpusPerNode: 2,
      gpuType: 'a100',
      gpuTypes: ['a100'],
    });
    expect(queue(rich, 'gpu')).toMatchObject({ nodes: 2, coresPerNode: 4, gpusPerNode: 2, maxWalltimeSeconds: 86_400 });
    expect(queue(rich, 'hidden')).toMatchObject({ nodes: 1, coresPerNode: 4, gpusPerNode: 0, gpuType: null });
    expect(queue(rich, 'empty')).toMatchObject({ nodes: 0, coresPerNode: null, memoryMBPerNode: null });
  });

  it('reads limits, and none', () => {
    expect(queue(rich, 'endless')).toMatchObject({ maxWalltimeSeconds: null, maxNodesPerJob: 1 });
    expect(queue(rich, 'closed')).toMatchObject({ maxWalltimeSeconds: 1800, maxNodesPerJob: null });
  });

  it('knows the accounts of the user, and the most jobs that any of them may submit', () => {
    expect(known(rich).limits).toMatchObject({ maxArraySize: 1001, maxSubmitJobs: 40, accounts: ['chem', 'phy'] });
    expect(known(asked(accounting, 'a user who may charge no account')).limits).toMatchObject({
      maxSubmitJobs: null,
      accounts: null,
    });
  });

  it('has the queues all the same when the database does not run', () => {
    const discovery = known(asked(accounting, 'slurmdbd does not run'));
    expect(discovery.queues).toEqual(known(rich).queues);
    expect(discovery.limits).toMatchObject({ maxArraySize: 1001, maxSubmitJobs: null, accounts: null });
  });
});

describe('limits', () => {
  const limits = (from: string, to: string) => known(changed(from, to)).limits;

  it('of several that hold are the smallest, of several that may hold the largest', () => {
    expect(limits('campus|chem|5|', 'campus|chem|50|').maxSubmitJobs).toBe(50);
    expect(limits('campus|chem|5|', 'campus|chem||').maxSubmitJobs).toBeNull();
    expect(limits('campus|phy|40|', 'campus|phy|40|7').maxSubmitJobs).toBe(7);
    expect(limits('normal|||', 'normal|20||').maxSubmitJobs).toBe(20);
  });

  it('are those of this cluster', () => {
    expect(limits('campus|phy|', 'elsewhere|phy|').accounts).toEqual(['chem']);
  });

  it('hold only where Slurm enforces them', () => {
    expect(limits('= associations,limits,qos', '= none')).toMatchObject({ maxSubmitJobs: null, accounts: null });
    expect(limits('= associations,limits,qos', '= associations')).toMatchObject({
      maxSubmitJobs: null,
      accounts: ['chem', 'phy'],
    });
  });

  it('know that the scheduler may take less in an array than its size says', () => {
    expect(limits('sched_interval=2', 'max_array_tasks=20').maxArraySize).toBe(20);
    expect(limits('= 1001', '= 0').maxArraySize).toBe(0);
  });
});

describe('nodes', () => {
  const gpu = (gres: string) => queue(changed('gpu:a100:2', gres), 'gpu');

  it.each([
    ['gpu:a100:4(S:0-1)', 4, 'a100'],
    ['gpu:2', 2, null],
    ['gpu:2(S:0)', 2, null],
    ['nsight:no_consume:1,gpu:tesla_v100-sxm3-32gb:16(S:0-3),pfsdir:scratch:1', 16, 'tesla_v100-sxm3-32gb'],
    ['gpu:nvidia_a100_80gb:2,mig:nvidia_a100_3g.40gb:7,gpu:nvidia_h100_80gb:4', 6, 'nvidia_h100_80gb'],
    ['shard:8', 0, null],
    ['(null)', 0, null],
  ])('%s are %i GPUs', (gres, count, type) => {
    expect(gpu(gres)).toMatchObject({ gpusPerNode: count, gpuType: type });
  });

  it('have every kind of GPU that any of them has, each once', () => {
    const kinds = (gres: string) => gpu(gres)?.gpuTypes;
    expect(kinds('gpu:a100:4(S:0-1),gpu:v100:2,gpu:1')).toEqual(['a100', 'v100']);
    expect(kinds('gpu:2')).toEqual([]);
    const mixed = ['gpu:v100:1', 'gpu:a100:2'].map((gres) => ['gpu', '1', '4', '4000', gres].join('\u001f')).join('\n');
    const one = ['gpu', '2', '4', '4000', 'gpu:a100:2'].join('\u001f');
    expect(queue(changed(one, mixed), 'gpu')).toMatchObject({ gpuType: 'a100', gpuTypes: ['v100', 'a100'] });
  });

  it('of different kinds in one line are at least so large', () => {
    const line = (cores: string) => ['gpu', '2', cores, '4000', 'gpu:a100:2'].join('\u001f');
    expect(queue(changed(line('4'), line('64+')), 'gpu')).toMatchObject({ coresPerNode: 64 });
  });

  it('that sinfo does not show may be larger: then nobody knows how large they are', () => {
    const line = (nodes: string) => ['gpu', nodes, '4', '4000', 'gpu:a100:2'].join('\u001f');
    expect(queue(changed(line('2'), line('1')), 'gpu')).toMatchObject({
      nodes: 2,
      coresPerNode: null,
      memoryMBPerNode: null,
      gpusPerNode: 2,
    });
  });

  it('are not known where sinfo failed or is not understood', () => {
    const failed = changed('(null)\nanswered 0\nasked settings', '(null)\nanswered 1\nasked settings');
    const strange = changed('asked nodes\n', 'asked nodes\nNODES ARE RESTING\n');
    for (const output of [failed, strange]) {
      expect(queue(output, 'whole')).toMatchObject({ nodes: 8, coresPerNode: null, memoryMBPerNode: null });
    }
  });
});

describe('what cannot be understood is unknown', () => {
  it.each([
    ['MaxTime=1-00:00:00', 'MaxTime=soon'],
    ['MaxTime=1-00:00:00', 'MxTime=1-00:00:00'],
    ['TotalNodes=2', 'TotalNodes=two'],
    ['PartitionName=gpu', 'Name=gpu'],
    ['asked partitions\n', 'asked partitions\nWelcome to campus\n'],
    ['asked qos\n', ''],
    ['asked settings\n', 'asked nodes\n'],
  ])('%j as %j', (from, to) => {
    expect(slurm.parseDiscovery(changed(from, to)).kind).toBe('unknown');
  });

  it('is cut anywhere: then it is nothing, never a part', () => {
    fc.assert(
      fc.property(fc.nat({ max: rich.stdout.length - 1 }), (length) => {
        const cut = { ...rich, stdout: rich.stdout.slice(0, length) };
        expect(slurm.parseDiscovery(cut).kind).toBe('unknown');
      }),
      { numRuns: 300 },
    );
  });

  it('is empty, timed out, or no answer of these', () => {
    for (const output of [
      { stdout: '', stderr: '', code: 124 },
      { stdout: '', stderr: 'sh: not found', code: 127 },
      { stdout: 'asked all\n', stderr: '', code: 0 },
    ]) {
      const discovery = slurm.parseDiscovery(output);
      expect(discovery.kind === 'unknown' && discovery.reason).not.toBe('');
    }
    expect(slurm.parseDiscovery({ stdout: '', stderr: '', code: 124 })).toEqual({
      kind: 'unknown',
      reason: 'no answer within the time limit',
    });
  });
});

it('asks on one line, and leaves no variable of the user a word', () => {
  expect(slurm.discoverCommand()).not.toContain('\n');
  for (const prefix of ['SINFO_', 'SCONTROL_', 'SACCT_']) expect(slurm.defaultsPrefixes).toContain(prefix);
});
