import { describe, expect, it } from 'vitest';
import { draftOf, mistakeIn } from '../../src/fleet/init-draft.ts';
import { inquiryFor, type Known } from '../../src/fleet/init-questions.ts';
import { optionsFailure } from '../../src/fleet/init-words.ts';
import type { ClusterFacts, FoundScheduler } from '../../src/login/cluster-facts.ts';
import type { SchedulerKind } from '../../src/schedulers/index.ts';
import type { Queue } from '../../src/schedulers/scheduler.ts';

/** What `init` asks, and what an empty line means. */

const queue = (name: string, more: Partial<Queue> = {}): Queue => ({
  ...{ name, isDefault: false, isOpen: true, nodes: 4, coresPerNode: 48, memoryMBPerNode: 190_000, gpusPerNode: 0 },
  ...{ gpuType: null, gpuTypes: [], maxWalltimeSeconds: 7 * 86_400, maxNodesPerJob: null },
  ...{ maxSubmitJobs: null, maxArraySize: null, ...more },
});
const compute = queue('compute', { isDefault: true });
const gpu = queue('gpu', { gpusPerNode: 4, maxWalltimeSeconds: 3600 });

function found(
  kind: SchedulerKind,
  queues: readonly Queue[] | null,
  accounts: readonly string[] | null = null,
): FoundScheduler {
  const limits = { maxArraySize: null, maxSubmitJobs: null, maxJobsOfCluster: null, accounts };
  const discovery =
    queues === null ? { kind: 'unknown' as const, reason: 'down' } : { kind: 'known' as const, queues, limits };
  return { kind, version: null, discovery };
}

function known(one: FoundScheduler | null, more: Partial<Known> = {}): Known {
  const cluster = cluster1({ schedulers: one === null ? [] : [one] });
  return { host: null, cluster, found: one, queue: null, needsCores: false, tokenFile: null, ...more };
}

function cluster1(more: Partial<ClusterFacts>): ClusterFacts {
  return { user: 'ada', schedulers: [], runtime: null, modules: [], image: null, ...more };
}

const asked = (key: Parameters<typeof inquiryFor>[0], state: Known) => {
  const inquiry = inquiryFor(key, state);
  if (inquiry.kind === 'settled') return inquiry.value;
  const { choices, otherwise } = inquiry.question;
  return { choices: choices.map(({ value }) => value), otherwise };
};

describe('a name for the site', () => {
  it.each([
    ['campus', 'campus'],
    ['ada@login.Example.org', 'example'],
    ['login2.hpc.campus.edu', 'campus'],
    ['frontera.tacc.utexas.edu', 'frontera'],
    ['10.0.0.7', null],
    ['localhost', null],
  ])('from %s is %s', (host, name) => {
    expect(asked('site', known(null, { host }))).toMatchObject({ otherwise: name });
  });
});

describe('the batch system', () => {
  const withAll = (...schedulers: FoundScheduler[]) => known(null, { cluster: cluster1({ schedulers }) });

  it('is not asked for where there is one', () => {
    expect(asked('scheduler', withAll(found('lsf', null)))).toBe('lsf');
  });

  it('is offered where there are several; the one that answers is meant', () => {
    const answer = asked('scheduler', withAll(found('slurm', null), found('pbs', [compute])));
    expect(answer).toEqual({ choices: ['pbs', 'slurm'], otherwise: 'pbs' });
  });

  it('must be said where several answer, or none', () => {
    for (const queues of [[compute], null]) {
      const state = withAll(found('slurm', queues), found('pbs', queues));
      expect(asked('scheduler', state)).toMatchObject({ otherwise: null });
    }
  });
});

describe('the queue', () => {
  it('is the only one, or the default among the open ones', () => {
    expect(asked('queue', known(found('slurm', [gpu])))).toBe('gpu');
    const closed = queue('old', { isOpen: false });
    expect(asked('queue', known(found('slurm', [gpu, closed, compute])))).toEqual({
      choices: ['gpu', 'compute'],
      otherwise: 'compute',
    });
  });

  it('must be said where none is the default, or the default is closed', () => {
    for (const other of [queue('long'), queue('down', { isDefault: true, isOpen: false })]) {
      expect(asked('queue', known(found('slurm', [gpu, queue('day'), other])))).toMatchObject({ otherwise: null });
    }
  });

  it('can be left out where nothing is known of the queues', () => {
    expect(asked('queue', known(found('slurm', null)))).toEqual({ choices: [], otherwise: '' });
  });
});

describe('what is charged', () => {
  it('is an account or a project, as the batch system calls it', () => {
    for (const [kind, key, other] of [
      ['slurm', 'account', 'project'],
      ['torque', 'account', 'project'],
      ['lsf', 'project', 'account'],
    ] as const) {
      const state = known(found(kind, [compute]));
      expect(asked(key, state)).toEqual({ choices: [], otherwise: '' });
      expect(asked(other, state)).toBeNull();
    }
  });

  it('is not asked for where one may charge one only, and offered where it is several', () => {
    expect(asked('account', known(found('slurm', [compute], ['abc'])))).toBe('abc');
    expect(asked('account', known(found('slurm', [compute], ['abc', 'def'])))).toMatchObject({
      choices: ['abc', 'def'],
    });
  });
});

describe('the size of a job', () => {
  it.each([
    ['the queue’s limit', 3600, '01:00:00'],
    ['two days in a queue that allows more', 14 * 86_400, '2-00:00:00'],
    ['two days where there is no limit', null, '2-00:00:00'],
  ])('has a wall clock of %s', (_what, maxWalltimeSeconds, walltime) => {
    expect(asked('walltime', known(null, { queue: queue('q', { maxWalltimeSeconds }) }))).toMatchObject({
      otherwise: walltime,
    });
  });

  it('has all GPUs of a node in a queue that was chosen for them, none in the default queue', () => {
    expect(asked('gpus', known(null, { queue: gpu }))).toMatchObject({ otherwise: '4' });
    expect(asked('gpus', known(null, { queue: { ...gpu, isDefault: true } }))).toMatchObject({ otherwise: '0' });
    expect(asked('gpus', known(null, { queue: compute }))).toBeNull();
  });

  it('has the cores of a node only where the batch system must be told', () => {
    expect(asked('cores', known(null, { queue: compute }))).toBeNull();
    expect(asked('cores', known(null, { queue: compute, needsCores: true }))).toBe('48');
    const unsaid = queue('q', { coresPerNode: null });
    expect(asked('cores', known(null, { queue: unsaid, needsCores: true }))).toMatchObject({ otherwise: null });
  });
});

describe('a module', () => {
  it('is offered only where the login node has no runtime without', () => {
    const modules = ['apptainer/1.3', 'singularity/3.8'];
    expect(asked('module', known(null, { cluster: cluster1({ modules }) }))).toEqual({
      choices: [...modules, ''],
      otherwise: 'apptainer/1.3',
    });
    expect(asked('module', known(null, { cluster: cluster1({ modules, runtime: 'apptainer 1.3' }) }))).toBeNull();
  });
});

describe('a draft', () => {
  it('has each answer at its key, in the order of a profile, and what is set by name on top', () => {
    const said = {
      owners: 'ada, bob@ap.example.org',
      host: 'ada@login',
      site: 'campus',
      gpus: '0',
      queue: '',
      module: 'apptainer',
    };
    const draft = draftOf(said, [{ path: ['connection', 'port'], value: 2222 }]);
    expect(JSON.stringify(draft)).toBe(
      '{"name":"campus","connection":{"host":"login","user":"ada","port":2222},"pilot":{"owners":["ada","bob@ap.example.org"],"modules":["apptainer"]}}',
    );
  });

  it('tells what is wrong with one key, and not with the others', () => {
    const draft = draftOf({ host: 'a b', walltime: '9-00:00:00', queue: 'compute', target: 'many' }, []);
    expect(mistakeIn('target', draft, null)).toContain('must be a whole number');
    expect(mistakeIn('host', draft, null)).toContain('must be a host name');
    expect(mistakeIn('queue', draft, null)).toBeNull();
  });

  it('tells what its queue cannot take', () => {
    const cluster = found('slurm', [compute]);
    expect(mistakeIn('walltime', draftOf({ queue: 'compute', walltime: '9-00:00:00' }, []), cluster)).toContain(
      'allows at most',
    );
    expect(mistakeIn('queue', draftOf({ queue: 'copmute' }, []), cluster)).toContain('it has compute');
  });
});

it('the command that is told has what was given, and examples for what is missing or wrong', () => {
  const failure = optionsFailure(
    { missing: ['site', 'token'], wrong: [{ key: 'walltime', reason: 'must be a wall clock' }] },
    { host: 'login', owners: 'ada bob', walltime: '9d', queue: 'the gpu one' },
    [{ path: ['connection', 'prologue'], value: ['module load slurm'] }],
  );
  expect(failure).toEqual({
    kind: 'usage',
    message:
      'without a terminal there is nobody to ask; what is missing: SITE, --token FILE\n  --walltime must be a wall clock',
    hint: "glidein init campus --host login --queue 'the gpu one' --walltime 1-00:00:00 --owner ada --owner bob --token ~/.config/glidein/campus.token --set 'connection.prologue=[\"module load slurm\"]'",
  });
  const wrong = [{ key: null, reason: 'pilot.env must not' }];
  const settings = [{ path: ['pilot', 'env'], value: {} }];
  expect(optionsFailure({ missing: [], wrong }, { site: 'campus' }, settings)).toMatchObject({
    hint: 'glidein init campus',
  });
});
