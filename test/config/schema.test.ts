import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dottedKeys } from '../../src/config/profile-keys.ts';
import { checkProfile, type Profile, profileKeys } from '../../src/config/schema.ts';
import type { Mistake } from '../../src/failure.ts';
import { exampleProfile, exampleWith } from '../support/example-profile.ts';

function checked(raw: unknown): Profile {
  const result = checkProfile(raw, { site: null, file: null });
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return result.value;
}

function mistakesOf(raw: unknown): readonly Mistake[] {
  const result = checkProfile(raw, { site: 'campus', file: '/sites/campus.json' });
  if (result.ok) return [];
  expect(result.failure).toMatchObject({ kind: 'profile-invalid', site: 'campus', file: '/sites/campus.json' });
  return result.failure.kind === 'profile-invalid' ? result.failure.mistakes : [];
}

/** The one mistake that a profile with `value` at `key` has. */
function mistakeAt(key: string, value: unknown): Mistake | undefined {
  const mistakes = mistakesOf(exampleWith({ [key]: value }));
  expect(mistakes.length).toBeLessThanOrEqual(1);
  return mistakes[0];
}

describe('a profile with only what is required', () => {
  it('has the defaults of the design', () => {
    expect(checked(exampleProfile())).toEqual({
      name: 'campus',
      target: 0,
      minTarget: 0,
      connection: {
        host: 'login.example.org',
        transport: 'auto',
        user: null,
        port: null,
        identityFile: null,
        loginShell: true,
        prologue: [],
        remoteDir: '~/.glidein/campus',
        jobDir: '~/.glidein/campus',
        timeouts: { connect: 20, list: 30, submit: 150 },
      },
      scheduler: {
        kind: 'slurm',
        walltime: '24:00:00',
        walltimeSeconds: 86_400,
        queue: null,
        account: null,
        project: null,
        qos: null,
        constraint: null,
        reservation: null,
        cores: null,
        memoryMB: null,
        nodesPerJob: 1,
        gpus: 0,
        gpuType: null,
        gpuOption: null,
        resourceStyle: 'select',
        submitBy: 'stdin',
        arrays: true,
        extra: [],
        skip: [],
      },
      pilot: {
        site: 'Campus',
        resource: 'Campus-CE1',
        owners: ['ada'],
        token: '~/.glidein/token',
        projects: [],
        startExtra: null,
        squid: null,
        scratch: null,
        runtime: 'auto',
        modules: [],
        binds: [],
        env: {},
        attributes: {},
        cpus: null,
        memoryMB: null,
        idleMinutes: 30,
        drainMinutes: 60,
        cvmfs: 'auto',
        cvmfsOptions: null,
        logDir: '~/.glidein/campus/logs',
      },
      image: {
        source: 'docker://hub.opensciencegrid.org/osg-htc/ospool-ep:25-release',
        name: null,
        remotePath: null,
        dir: '~/.glidein/campus/images',
        maxAgeHours: 72,
      },
      limits: { maxPending: 5, maxPerPass: 20, nodeHours: null, until: null },
      demand: null,
    });
  });

  it.each([
    'name',
    'connection.host',
    'scheduler.kind',
    'scheduler.walltime',
    'pilot.site',
    'pilot.resource',
    'pilot.owners',
    'pilot.token',
  ])('misses %s when it is left out', (key) => {
    expect(mistakeAt(key, undefined)).toEqual({ key, message: expect.stringMatching(/^is missing; it must be /) });
  });

  it('misses all of a section that is left out', () => {
    expect(mistakesOf(exampleWith({ pilot: undefined })).map(({ key }) => key)).toEqual([
      'pilot.site',
      'pilot.resource',
      'pilot.owners',
      'pilot.token',
    ]);
  });
});

describe('the directories of a profile', () => {
  it('follow remoteDir', () => {
    const { connection, pilot, image } = checked(exampleWith({ 'connection.remoteDir': '/scratch/ada/' }));
    expect(connection.jobDir).toBe('/scratch/ada/');
    expect(pilot.logDir).toBe('/scratch/ada/logs');
    expect(image.dir).toBe('/scratch/ada/images');
  });

  it('can each be somewhere else', () => {
    const { connection, pilot } = checked(exampleWith({ 'connection.jobDir': '/jobs', 'pilot.logDir': '~/logs' }));
    expect(connection).toMatchObject({ remoteDir: '~/.glidein/campus', jobDir: '/jobs' });
    expect(pilot.logDir).toBe('~/logs');
  });
});

describe('the drain time', () => {
  it('is at most a quarter of the wall clock, and says how much that is', () => {
    const short = { 'scheduler.walltime': '04:00:00' };
    expect(checked(exampleWith({ ...short, 'pilot.drainMinutes': 60 })).pilot.drainMinutes).toBe(60);
    expect(mistakesOf(exampleWith({ ...short, 'pilot.drainMinutes': 61 }))).toEqual([
      { key: 'pilot.drainMinutes', message: 'must be at most a quarter of scheduler.walltime, here 60' },
    ]);
  });

  it('becomes shorter by default where the wall clock is short', () => {
    expect(checked(exampleWith({ 'scheduler.walltime': '00:30:00' })).pilot.drainMinutes).toBe(7);
  });

  it('is compared also when other keys are wrong', () => {
    const mistakes = mistakesOf(exampleWith({ 'pilot.drainMinutes': 1_000, 'pilot.token': 1, target: -1 }));
    expect(mistakes.map(({ key }) => key).sort()).toEqual(['pilot.drainMinutes', 'pilot.token', 'target']);
  });
});

const longName = 'a'.repeat(32);
const longText = 'x'.repeat(65_536);

describe('the values at the edge of what is allowed', () => {
  it.each<[string, readonly unknown[], readonly unknown[]]>([
    [
      'name',
      ['a', '0', 'a-', longName],
      ['', '-a', 'A', 'a_b', 'a.b', '../a', 'a/b', `${longName}a`, 'a\n', 'ä', 1, null],
    ],
    ['target', [0, 1, 10_000], [-1, 10_001, 1.5, '1', true, null]],
    [
      'connection.host',
      ['h', 'login-1.example.org', '::1', '[::1]', 'my_cluster', 'länge.example', '10.0.0.1'],
      ['', '-oProxyCommand=x', 'ada@h', 'a b', 'a;b', 'a\nb', '$(x)', 1],
    ],
    ['connection.transport', ['auto', 'ssh2', 'local'], ['ssh', 'SSH2', '', null]],
    ['connection.user', ['ada', 'ada.l_1', null], ['', '-l', 'a b', 'ada@h', 'a\tb', 5]],
    ['connection.port', [1, 65_535, null], [0, 65_536, 22.5, '22']],
    ['connection.identityFile', ['~', '~/.ssh/id', '/k y', null], ['', 'id', '~ada/id', './id', '/a\nb']],
    ['connection.loginShell', [true, false], ['true', 1, null]],
    ['connection.prologue', [[], ['module load x', '', "it's $HOME `x`"]], ['x', [1], ['a\0b'], null]],
    ['connection.remoteDir', ['/', '~', '~/x y', null], ['', 'x', '~x', '$HOME/x', '/a\0b', '/a\u007fb']],
    ['connection.jobDir', ['/gpfs/ada'], ['gpfs']],
    ['connection.timeouts', [{}, { list: 1 }, { connect: 3_600 }], [{ list: 0 }, { submit: 3_601 }, [], 20]],
    [
      'scheduler.walltime',
      ['00:30:00', '2-00:00:00', '168:00:00'],
      ['00:29:59', '0-00:29:59', '30:00', '1:00:00', '', 3_600, '24:00:00\n'],
    ],
    ['scheduler.queue', ['gpu', 'a b', "it's", null], ['', 'a\nb', 'a\rb', 'a\u0085b', 'a\u001b[0m', 1]],
    ['scheduler.account', ['x'], ['x\n#SBATCH --uid=0']],
    ['scheduler.project', ['x'], ['x\ny']],
    ['scheduler.qos', ['x'], ['x\ny']],
    ['scheduler.constraint', ['skylake|icelake'], ['x\ny']],
    ['scheduler.reservation', ['x'], ['x\ny']],
    ['scheduler.cores', [1, 4_096, null], [0, 4_097, 1.5]],
    ['scheduler.memoryMB', [1, null], [0, -1, '4G']],
    ['scheduler.gpus', [0, 1, 1_024], [-1, 1_025, 1.5, '4', null]],
    ['scheduler.arrays', [true, false], [0, 'no']],
    ['scheduler.extra', [[], ['--mail-type=END']], ['--x', ['--a\n--b'], [''], ['\t']]],
    ['scheduler.skip', [['mem', 'cpus-per-task', 'mem_per_cpu']], [['--mem'], [''], ['a b'], ['a\nb']]],
    ['pilot.site', ['A', 'a b', 'A.b_c-1'], ['', 'a/b', 'a"b', 'a\nb', 'ä', 3]],
    ['pilot.resource', ['A'], ['', "a'b"]],
    [
      'pilot.owners',
      [['ada'], ['ada@ap.example.org', 'b c', 'o"quote', 'back\\slash']],
      [[], 'ada', [''], [' ada'], ['ada '], ['@ap'], ['ada@'], ['a@b@c'], ['a\nb'], ['a\0b'], [1], null],
    ],
    ['pilot.token', ['~/t', '/t'], ['t', '', null]],
    ['pilot.projects', [[], ['Campus_Lovelace']], [[''], ['a\nb'], 'x']],
    ['pilot.startExtra', ['TARGET.RequestGPUs =?= 1', null], ['', 'a\0b', true]],
    ['pilot.squid', ['squid.example.org:3128', 'http://s:3128', null], ['', 'a b', 'a\nb']],
    [
      'pilot.scratch',
      ['/scratch', '$TMPDIR', '$TMPDIR/x y', '/a/$x', null],
      ['', 'scratch', '~', '~/x', '$', '$1', '$' + '{TMPDIR}', '$(id)', '$TMPDIRx y', '/a:b', '/a,b', '`x`'],
    ],
    [
      'pilot.runtime',
      ['auto', 'apptainer', 'singularity', '/opt/bin/apptainer'],
      ['', 'docker', 'bin/apptainer', '~/apptainer', null],
    ],
    ['pilot.modules', [[], ['apptainer/1.3']], [['a b'], [''], ['-f'], 'x']],
    [
      'pilot.binds',
      [[], ['/a', '/a:/b', '/a b:/b', '$SCRATCH/x:/b:ro', '/a:/b:rw,image-src=/x']],
      [['a'], ['/a:b'], ['/a:/b:'], ['/a:/b:ro:x'], ['/a,/b'], ['~/a'], [''], [':/b'], ['/a\n'], '/a'],
    ],
    [
      'pilot.env',
      [{}, { FOO: 'any\ntext', _a1: '' }],
      [{ '1a': 'x' }, { 'a-b': 'x' }, { '': 'x' }, { A: 1 }, { A: 'a\0b' }, [], 'A=b', { constructor: 'x' }],
    ],
    [
      'pilot.attributes',
      [{}, { HasX: true, N: -1.5, S: 'text' }],
      [{ 'a b': 1 }, { A: null }, { A: [] }, { A: 'a\0b' }, [true]],
    ],
    ['pilot.cpus', [1, null], [0, 1.1]],
    ['pilot.memoryMB', [1, null], [0]],
    ['pilot.idleMinutes', [1, 10_080], [0, 10_081, null]],
    ['pilot.drainMinutes', [1, 360, null], [0, 361, 1.5]],
    ['pilot.cvmfs', ['auto', 'bind', 'cvmfsexec', 'singcvmfs', 'mountrepo', 'container', 'none'], ['cvmfs', null]],
    ['pilot.cvmfsOptions', [null, {}, { repos: ['x.example.org'], quotaMB: 1 }], [[], 'x', 1]],
    ['pilot.cvmfsOptions.repos', [[], ['x.example.org']], ['x.example.org', [''], null]],
    ['pilot.cvmfsOptions.dist', ['~/dist', '/dist', null], ['dist', '']],
    ['pilot.cvmfsOptions.quotaMB', [1, null], [0, 1.5, '8000']],
    ['pilot.cvmfsOptions.cache', ['/local', '$TMPDIR', '$LOCAL/x', null], ['local', '~/x', '/a:b']],
    ['pilot.cvmfsOptions.logs', ['/local', '$TMPDIR', null], ['local', '~/x']],
    ['pilot.logDir', ['/logs', '~/logs'], ['logs', '']],
    [
      'image.source',
      ['docker://a/b:c', 'docker://x@sha256:0', '/images/ospool ep.sif', '~/ospool.sif'],
      ['', 'ospool-ep', 'docker://', 'docker://-x', 'docker://a b', 'http://x', 'x.sif', './x.sif', '/x.img', null],
    ],
    ['image.name', ['ospool', null], ['', 1]],
    ['image.dir', ['/images', '~/images', null], ['images', '']],
    ['image.maxAgeHours', [1, 24], [0, 1.5, null]],
    ['image.remotePath', ['/x.sif', '~/x.sif', null], ['x.sif', '']],
    ['limits.maxPending', [1, 10_000], [0, 10_001, null]],
    ['limits.maxPerPass', [1, 10_000], [0, 10_001]],
    ['limits.nodeHours', [1, 5_000, null], [0, 1.5, '5000']],
    [
      'limits.until',
      ['2027-03-31', '2028-02-29', '2027-03-31T12:00', '2027-03-31T12:00:00+02:00', null],
      ['2027-02-29', '2027-13-01', '31.3.2027', 'tomorrow', '2027-03-31T25:00', '2027-03-31T12:00+0200', 20270331],
    ],
  ])('%s', (key, right, wrong) => {
    for (const value of right) expect(mistakesOf(exampleWith({ [key]: value })), JSON.stringify(value)).toEqual([]);
    for (const value of wrong) {
      const mistake = mistakeAt(key, value);
      expect(mistake, JSON.stringify(value)).toBeDefined();
      expect(mistake?.key === key || mistake?.key.startsWith(`${key}.`), mistake?.key).toBe(true);
      expect(mistake?.message).toMatch(/^(must|is no usable name|this name)/);
    }
  });

  it('keep what was written', () => {
    const { pilot, limits } = checked(
      exampleWith({ 'pilot.env': { A: 'b' }, 'pilot.attributes': { N: 1 }, 'limits.maxPending': 9 }),
    );
    expect(pilot).toMatchObject({ env: { A: 'b' }, attributes: { N: 1 } });
    expect(limits).toMatchObject({ maxPending: 9, maxPerPass: 20 });
  });
});

describe('GPUs', () => {
  const gpus = (changes: Record<string, unknown>) => {
    const keys = Object.entries(changes).map(([key, value]) => [`scheduler.${key}`, value]);
    return mistakesOf(exampleWith(Object.fromEntries(keys)));
  };

  it.each(['gpus-per-node', 'gpus', 'gres', 'none', null])('are asked for by %s', (gpuOption) => {
    expect(gpus({ gpus: 4, gpuOption })).toEqual([]);
  });

  it.each(['a100', 'tesla_v100-sxm3-32gb', 'nvidia_a100_3g.40gb', '2g'])('may be of the type %s', (gpuType) => {
    expect(gpus({ gpus: 4, gpuType })).toEqual([]);
  });

  it.each(['', 'a 100', 'a100:2', 'a,b', '-a', 'a\n', '"a"', 4])('may not be of the type %j', (gpuType) => {
    expect(gpus({ gpus: 4, gpuType })).toEqual([{ key: 'scheduler.gpuType', message: expect.stringMatching(/^must/) }]);
  });

  it('are asked for in no way of another batch system', () => {
    for (const gpuOption of ['ngpus', 'gpu'])
      expect(gpus({ gpus: 4, gpuOption })).toEqual([
        {
          key: 'scheduler.gpuOption',
          message: `${gpuOption} is not for slurm; use gpus-per-node, gpus, gres or none`,
        },
      ]);
    expect(gpus({ gpus: 4, gpuOption: 'tpu' })[0]?.message).toMatch(/^must be one of gpus-per-node, /);
  });

  it('must be there for what is said of them to have an effect', () => {
    const message = 'has no effect while scheduler.gpus is 0; remove it';
    expect(gpus({ gpuType: 'a100', gpuOption: 'gres' })).toEqual([
      { key: 'scheduler.gpuType', message },
      { key: 'scheduler.gpuOption', message },
    ]);
    expect(gpus({ gpus: 4, gpuType: 'a100', gpuOption: 'none' })).toEqual([
      { key: 'scheduler.gpuType', message: 'has no effect while scheduler.gpuOption is none; remove it' },
    ]);
  });

  it('bring their own image, unless the profile names one', () => {
    const source = (changes: Record<string, unknown>) => checked(exampleWith(changes)).image.source;
    const repository = 'docker://hub.opensciencegrid.org/osg-htc/ospool-ep';
    expect(source({ 'scheduler.gpus': 0 })).toBe(`${repository}:25-release`);
    expect(source({ 'scheduler.gpus': 1 })).toBe(`${repository}:25-cuda_11_8_0-release`);
    expect(source({ 'scheduler.gpus': 1, 'image.source': `${repository}:25-release` })).toBe(
      `${repository}:25-release`,
    );
  });
});

describe('what a pilot offers', () => {
  const offers = (changes: Record<string, unknown>) => mistakesOf(exampleWith(changes));

  it.each([
    ['pilot.cpus', 'scheduler.cores'],
    ['pilot.memoryMB', 'scheduler.memoryMB'],
  ])('%s is at most %s', (offered, asked) => {
    expect(offers({ [offered]: 8, [asked]: 8 })).toEqual([]);
    expect(offers({ [offered]: 8 })).toEqual([]);
    expect(offers({ [asked]: 8 })).toEqual([]);
    expect(offers({ [offered]: 9, [asked]: 8 })).toEqual([
      { key: offered, message: `must be at most ${asked}, 8: a pilot offers only what it was granted` },
    ]);
  });
});

describe('text anywhere', () => {
  const textKeys: [string, (text: string) => unknown][] = [
    ['scheduler.account', (text) => text],
    ['pilot.owners', (text) => [text]],
    ['pilot.startExtra', (text) => text],
    ['pilot.env', (text) => ({ A: text })],
    ['pilot.attributes', (text) => ({ A: text })],
    ['connection.prologue', (text) => [text]],
    ['connection.remoteDir', (text) => `/${text}`.slice(0, text.length)],
  ];

  it.each(textKeys)('is at most 65,536 characters long in %s', (key, value) => {
    expect(mistakeAt(key, value(longText))).toBeUndefined();
    expect(mistakeAt(key, value(`${longText}x`))?.message).toContain('65536');
  });

  it.each(textKeys)('has no NUL and no half character in %s', (key, value) => {
    expect(mistakeAt(key, value('xx\0x'))?.message).toContain('NUL');
    expect(mistakeAt(key, value('xx\ud800x'))?.message).toContain('surrogate');
    expect(mistakeAt(key, value('x🚀x'))).toBeUndefined();
  });
});

describe('jobs of several nodes', () => {
  const written = (target: number, nodesPerJob: number, limits: object = {}) =>
    mistakesOf(exampleWith({ target, limits, 'scheduler.nodesPerJob': nodesPerJob }));

  it('are for a target of whole jobs, as others are not told of', () => {
    expect(written(8, 4)).toEqual([]);
    expect(written(0, 4)).toEqual([]);
    expect(written(7, 1)).toEqual([]);
    expect(written(6, 4)).toEqual([
      {
        key: 'target',
        message:
          'must be a multiple of scheduler.nodesPerJob, 4, such as 4 or 8: it counts pilots, and each job has so many',
      },
    ]);
  });

  it('need limits with room for one', () => {
    expect(written(8, 8, { maxPending: 8, maxPerPass: 8 })).toEqual([]);
    expect(written(8, 8, { maxPending: 7, maxPerPass: 7 }).map(({ key }) => key)).toEqual([
      'limits.maxPending',
      'limits.maxPerPass',
    ]);
  });
});

describe('keys that have no effect yet', () => {
  it.each<[string, unknown, unknown, string]>([
    ['scheduler.resourceStyle', 'select', 'legacy', 'has no effect with slurm; remove it'],
    ['scheduler.submitBy', 'stdin', 'file', 'has no effect with slurm; remove it'],
    ['minTarget', 0, 1, 'has no effect yet'],
    ['demand', null, { host: 'ap.example.org' }, 'has no effect yet'],
  ])('%s may be %j and not %j', (key, allowed, refused, message) => {
    expect(mistakeAt(key, allowed)).toBeUndefined();
    expect(mistakeAt(key, refused)).toEqual({ key, message: expect.stringContaining(message) });
  });
});

describe('keys that only some batch systems have a word for', () => {
  const mistakes = (kind: string, key: string, value: unknown) =>
    mistakesOf(exampleWith({ 'scheduler.kind': kind, [`scheduler.${key}`]: value, 'scheduler.gpus': 1 }));

  it.each([
    ['pbs', 'resourceStyle', 'legacy'],
    ['pbs', 'gpuOption', 'ngpus'],
    ['pbs', 'project', 'p1'],
    ['torque', 'gpuOption', 'gpus'],
    ['torque', 'qos', 'high'],
    ['torque', 'reservation', 'r.7'],
    ['lsf', 'submitBy', 'file'],
    ['lsf', 'gpuOption', 'gpu'],
    ['lsf', 'gpuType', 'TeslaV100'],
  ])('%s has %s', (kind, key, value) => {
    expect(mistakes(kind, key, value)).toEqual([]);
  });

  it.each([
    ['pbs', 'gpuOption', 'gres', 'gres is not for pbs; use ngpus or none'],
    ['pbs', 'qos', 'high', 'has no effect with pbs'],
    ['pbs', 'reservation', 'R1', 'set scheduler.queue to it'],
    ['pbs', 'gpuType', 'a100', 'set scheduler.constraint'],
    ['pbs', 'nodesPerJob', 2, 'has to be 1'],
    ['lsf', 'nodesPerJob', 2, 'has to be 1'],
    ['torque', 'resourceStyle', 'legacy', 'has no effect with torque; remove it'],
    ['torque', 'project', 'p1', 'set scheduler.account'],
    ['lsf', 'qos', 'high', 'as in -sla NAME'],
    ['lsf', 'resourceStyle', 'legacy', 'has no effect with lsf; remove it'],
    ['lsf', 'gpuOption', 'gres', 'gres is not for lsf; use gpu or none'],
  ])('%s has no %s %s', (kind, key, value, message) => {
    expect(mistakes(kind, key, value)).toEqual([
      { key: `scheduler.${key}`, message: expect.stringContaining(message) },
    ]);
  });
});

describe('unknown keys', () => {
  it.each([
    ['pilot.owner', 'pilot.owners'],
    ['pilot.tokne', 'pilot.token'],
    ['owners', 'pilot.owners'],
    ['Target', 'target'],
    ['scheduler.wallTime', 'scheduler.walltime'],
    ['connection.time_outs', 'connection.timeouts'],
    ['connection.timeouts.conect', 'connection.timeouts.connect'],
    ['limits.maxpending', 'limits.maxPending'],
    ['image.sorce', 'image.source'],
  ])('%s is taken for %s', (key, meant) => {
    expect(mistakeAt(key, 'x')).toEqual({ key, message: `unknown key; did you mean ${meant}?` });
  });

  it('are named with the nearest key even when none is near', () => {
    expect(mistakeAt('entirelyDifferent', 1)?.message).toMatch(/^unknown key; the nearest is [\w.]+$/);
  });

  it('are told at every level, at once, together with all other mistakes', () => {
    const raw = exampleWith({
      a: 1,
      'connection.b': 1,
      'connection.timeouts.c': 1,
      'pilot.d': 1,
      'limits.e': 1,
      'demand.f': 1,
      target: 'x',
    });
    const keys = mistakesOf(raw).map(({ key }) => key);
    expect(keys).toEqual(
      expect.arrayContaining([
        'a',
        'connection.b',
        'connection.timeouts.c',
        'pilot.d',
        'limits.e',
        'demand.f',
        'target',
      ]),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('cannot reach a prototype', () => {
    for (const text of [
      '{"__proto__": {"target": 9}}',
      '{"constructor": 1}',
      '{"limits": {"__proto__": {"maxPending": 1}}}',
    ]) {
      const hostile = JSON.parse(JSON.stringify(exampleProfile()).replace(/}$/, `,${text.slice(1)}`));
      expect(mistakesOf(hostile).map(({ message }) => message)).toEqual([expect.stringContaining('unknown key')]);
      expect(Object.hasOwn({}, 'target')).toBe(false);
    }
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      const env = JSON.parse(`{"${name}": "x"}`);
      expect(mistakeAt('pilot.env', env)?.message).toBe('this name cannot be used as a key');
      expect(mistakeAt('pilot.attributes', env)?.message).toBe('this name cannot be used as a key');
    }
  });

  it('are shown so that a terminal cannot be written to', () => {
    expect(mistakeAt('\u001b[2J\n', 1)?.key).toBe('"\\u001b[2J\\n"');
  });
});

describe('anything at all', () => {
  it.each([null, 1, 'x', [], [exampleProfile()], true])('that is no object is one mistake: %j', (value) => {
    const mistakes = mistakesOf(value);
    expect(mistakes.length).toBeGreaterThan(0);
    expect(mistakes[0]).toMatchObject({ key: '', message: expect.stringMatching(/^must be an object/) });
  });

  it.each(['connection', 'scheduler', 'pilot', 'image', 'limits', 'connection.timeouts'])(
    'but an object is refused as %s',
    (key) => {
      for (const value of [[], 'x', 1])
        expect(mistakeAt(key, value)).toMatchObject({ key, message: expect.stringContaining('must be an object') });
    },
  );

  it('gives a profile or mistakes with keys and messages, never an exception', () => {
    const keys = fc.constantFrom(...dottedKeys(profileKeys));
    fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue(), { maxKeys: 4 }), (changes) => {
        const raw = exampleWith(changes);
        const result = checkProfile(raw, { site: null, file: null });
        if (result.ok) expect(checkProfile(withoutComputed(result.value), { site: null, file: null })).toEqual(result);
        else if (result.failure.kind === 'profile-invalid') expect(result.failure.mistakes).not.toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('written out with its defaults is the same profile again', () => {
    const profile = checked(exampleWith({ target: 7, 'pilot.env': { A: 'b' }, 'scheduler.extra': ['--x'] }));
    expect(checked(withoutComputed(profile))).toEqual(profile);
  });
});

/** A checked profile as a user could write it: without what is computed. */
function withoutComputed(profile: Profile): unknown {
  const { walltimeSeconds, ...scheduler } = profile.scheduler;
  expect(walltimeSeconds).toBeGreaterThan(0);
  return JSON.parse(JSON.stringify({ ...profile, scheduler }));
}

describe('the keys of the design', () => {
  it('are all there, and no others', () => {
    expect(dottedKeys(profileKeys)).toMatchSnapshot();
  });
});
