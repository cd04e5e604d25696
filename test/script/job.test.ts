import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type JobBed, makeJobBed } from '../support/job-bed.ts';
import { run } from '../support/run-program.ts';
import { waitUntil } from '../support/wait-until.ts';

let bed: JobBed;
beforeEach(async () => {
  bed = await makeJobBed();
});
afterEach(async () => {
  // However a job ended, the node is left as it was found.
  expect(await readdir(bed.scratch)).toEqual([]);
  await bed[Symbol.asyncDispose]();
});

/** What `ends/` says of the one job here: its exit code and its reason. */
async function ending(id = '4711'): Promise<string> {
  const words = ((await bed.mark(`ends/${id}`)) ?? '').split(' ');
  return `${words[3]} ${words[4]}`;
}

const untilTerm = 'trap "exit 0" TERM; while :; do sleep 0.05; done';
const withJob = 'mkdir "$local_dir/execute/dir_99";';
const inDrain = (name: string) => join(bed.jobDir, 'drain', name);
const theLog = () => readFile(join(bed.logDir, '4711.log'), 'utf8');
const stamped = async () =>
  (await readdir(bed.scratch, { recursive: true })).some((name) => name.endsWith('/stop-glidein.stamp'));

describe('a pilot that runs to its end', () => {
  it('keeps its exit code and leaves its marks and its log', async () => {
    const ran = await bed.run(bed.values(), { STAND_IN_ACTS: 'echo some words; exit 7' });
    expect(ran.code).toBe(7);
    expect(await bed.mark('seen/anvil-0123456789.0')).toMatch(/^seen anvil-0123456789 0 4711 \S+ \d+ \.\n$/);
    expect(await bed.mark('ends/4711')).toMatch(/^end anvil-0123456789 0 7 exited \S+ \d+ \d+ \.\n$/);
    expect(await theLog()).toContain('some words\n');
  });

  it('goes by its array and its index where it is one of many', async () => {
    await bed.run(bed.values(), { SLURM_ARRAY_JOB_ID: '4700', SLURM_ARRAY_TASK_ID: '11' });
    expect(await bed.mark('seen/anvil-0123456789.11')).toContain('seen anvil-0123456789 11 4700_11 ');
    expect(await bed.mark('ends/4700_11')).toContain('end anvil-0123456789 11 0 exited ');
  });

  it('is told what the batch system granted, less 100 MB', async () => {
    await bed.run(bed.values());
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['128', '255900']);
  });

  it('is told what the profile says instead, where it says something', async () => {
    await bed.run(bed.values({ cpus: 4, memoryMB: 8000 }));
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['4', '8000']);
  });

  it('is left to count for itself where the batch system says nothing', async () => {
    await bed.run(bed.values(), { SLURM_CPUS_ON_NODE: undefined, SLURM_MEM_PER_NODE: '0' });
    const inside = await bed.environment('inner-env');
    expect([inside.has('NUM_CPUS'), inside.has('MEMORY')]).toEqual([false, false]);
  });

  it('gets the token as a file and no secret in its environment or its arguments', async () => {
    await bed.run(bed.values());
    expect(await readFile(join(bed.report, 'token'), 'utf8')).toBe('a stand-in token\n');
    for (const file of ['argv', 'outer-env', 'inner-env']) {
      expect(await readFile(join(bed.report, file), 'utf8')).not.toContain('stand-in token');
    }
  });

  it('gets the attributes of the profile and of the job', async () => {
    await bed.run(bed.values({ attributes: 'Rack = "it\'s 7"\nFloor = 2\n' }));
    expect(await readFile(join(bed.report, 'attributes'), 'utf8')).toBe(
      'Rack = "it\'s 7"\nFloor = 2\nPilotBatchId = "4711"\nPilotProfile = "anvil"\nPilotTag = "anvil-0123456789"\n',
    );
  });

  it('is started by the runtime the way the guard needs it, and by no option that loses or parses variables', async () => {
    await bed.run(bed.values({ binds: [{ source: '$SITE_DATA/x', target: ':/data:ro' }], cvmfs: 'none' }), {
      SITE_DATA: '/site data',
    });
    const argv = (await readFile(join(bed.report, 'argv'), 'utf8')).split('\0').slice(0, -1);
    expect(argv.slice(0, 2)).toEqual(['exec', '--contain']);
    expect(argv.slice(-3)).toEqual([join(bed.root, 'image.sif'), '/bin/sh', '/glidein/guard']);
    expect(argv).toContain('/site data/x:/data:ro');
    expect(argv.filter((word) => /^--(containall|cleanenv|env|env-file)/.test(word))).toEqual([]);
  });
});

describe('what the pilot offers', () => {
  it('is never more than the batch system granted', async () => {
    await bed.run(bed.values({ cpus: 129, memoryMB: 256_001 }));
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['128', '255900']);
    expect(await theLog()).toContain('warning: pilot.cpus is 129, but 128 were granted');
    expect(await theLog()).toContain('warning: pilot.memoryMB is 256001, but 256000 were granted');
  });

  it('may be all of it', async () => {
    await bed.run(bed.values({ cpus: 128, memoryMB: 256_000 }));
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['128', '256000']);
    expect(await theLog()).not.toContain('warning: pilot.');
  });

  it('is what the profile says where nobody knows what was granted', async () => {
    await bed.run(bed.values({ cpus: 4, memoryMB: 8000 }), { SLURM_CPUS_ON_NODE: undefined, SLURM_MEM_PER_NODE: '0' });
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['4', '8000']);
  });
});

describe('GPUs', () => {
  const argv = async () => (await readFile(join(bed.report, 'argv'), 'utf8')).split('\0');
  const options = async () => (await argv()).filter((word) => /^--(?:nv|rocm)|OpenCL/.test(word));
  const openCl = '/etc/OpenCL/vendors:/etc/OpenCL/vendors:ro';

  it.each([
    ['/dev/nvidiactl', ['--nv']],
    ['/dev/kfd', ['--rocm']],
    ['/etc/OpenCL/vendors/nvidia.icd', [openCl]],
  ])('are shown to the container as the node has %s', async (device, expected) => {
    await bed.giveDevice(device);
    expect((await bed.run(bed.values({ gpus: true }))).code).toBe(0);
    expect(await options()).toEqual(expected);
  });

  it('are not shown where there are none, nor to a pilot that did not ask for them', async () => {
    await bed.run(bed.values({ gpus: true }));
    expect(await options()).toEqual([]);
    for (const device of ['/dev/nvidiactl', '/dev/kfd', '/etc/OpenCL/vendors/x.icd']) await bed.giveDevice(device);
    await bed.run(bed.values({ gpus: false }));
    expect(await options()).toEqual([]);
  });

  const granted = 'CUDA_VISIBLE_DEVICES';

  it.each(['0,3', 'GPU-8c1b7a30-0c4e-11ef-9d2b-0242ac120002', 'MIG-GPU-1/2/0', 'NoDevFiles'])(
    'are those that the batch system granted: %s',
    async (devices) => {
      await bed.run(bed.values({ gpus: true }), { [granted]: devices, ROCR_VISIBLE_DEVICES: '1' });
      const inside = await bed.environment('inner-env');
      expect([inside.get(granted), inside.get('ROCR_VISIBLE_DEVICES')]).toEqual([devices, '1']);
      // By the prefix: an image that declares the variable itself would win otherwise.
      const outside = await bed.environment('outer-env');
      for (const prefix of ['APPTAINERENV_', 'SINGULARITYENV_']) expect(outside.get(prefix + granted)).toBe(devices);
    },
  );

  it('are not named where the batch system names none, and nothing that a shell would run gets in by the prefix', async () => {
    await bed.run(bed.values({ gpus: true }));
    expect((await bed.environment('inner-env')).has(granted)).toBe(false);
    await bed.run(bed.values({ gpus: true }), { [granted]: '$(touch /dev/null)' });
    expect((await bed.environment('outer-env')).has(`APPTAINERENV_${granted}`)).toBe(false);
    expect((await bed.environment('inner-env')).get(granted)).toBe('$(touch /dev/null)');
  });

  it('turn the PID namespaces of jobs off by the prefix, which alone gets past the runtime', async () => {
    const { containerEnvironment } = bed.values();
    const off = { name: 'SINGULARITY_DISABLE_PID_NAMESPACES', escaped: 'true' };
    await bed.run(bed.values({ gpus: true, containerEnvironment: [...containerEnvironment, off] }));
    expect((await bed.environment('inner-env')).get(off.name)).toBe('true');
  });
});

describe('what is inherited', () => {
  const hostile = {
    _CONDOR_START: 'True',
    _condor_START_EXTRA: 'True',
    '_CONDOR_STARTD.START': 'True',
    CONDOR_CONFIG: '/elsewhere',
    GLIDEIN_Start_Extra: 'True',
    APPTAINERENV_GLIDEIN_Start_Extra: 'True',
    SINGULARITYENV_GLIDEIN_Start_Extra: 'True',
    APPTAINERENV__CONDOR_START: 'True',
    APPTAINER_NO_EVAL: '1',
    SINGULARITY_NO_EVAL: '1',
    APPTAINER_BIND: '/somewhere:/etc/condor',
    APPTAINER_BINDPATH: '/somewhere:/etc/osg',
    SINGULARITY_BINDPATH: '/somewhere:/usr',
    APPTAINER_ENV_FILE: '/somewhere',
    TOKEN: 'another token',
    POOL: 'another',
    EXTRA_JOB_ENV: 'x=1',
    PILOT_CONFIG_FILE: '/somewhere',
    LD_PRELOAD: '',
    MANY_LINES: 'one\n_CONDOR_START=True\nthree',
    'BASH_FUNC_unset%%': '() { :; }',
    'BASH_FUNC_printf%%': '() { echo hijacked; }',
    SHELLOPTS: 'xtrace',
  };

  it('changes nothing of what reaches the container', async () => {
    const expression = '(TARGET.Owner =?= "a\\"d$x`a")';
    const containerEnvironment = [{ name: 'GLIDEIN_Start_Extra', escaped: '(TARGET.Owner =?= "a\\\\"d\\$x\\`a")' }];
    const ran = await bed.run(bed.values({ startExpression: expression, containerEnvironment }), hostile);
    expect(ran).toMatchObject({ code: 0 });
    const inside = await bed.environment('inner-env');
    expect(inside.get('GLIDEIN_Start_Extra')).toBe(expression);
    const left = [...inside.keys()].filter((name) => name in hostile && name !== 'MANY_LINES');
    expect(left.toSorted()).toEqual(['GLIDEIN_Start_Extra', 'POOL']);
    expect(inside.get('POOL')).toBe('ospool'); // the image's own
  });

  it('does not reach the runtime either, not even under names that bash cannot unset', async () => {
    await bed.run(bed.values(), hostile);
    const outside = await bed.environment('outer-env');
    const left = [...outside.keys()].filter((name) => name in hostile && name !== 'MANY_LINES');
    expect(left.toSorted()).toEqual(['APPTAINERENV_GLIDEIN_Start_Extra', 'SINGULARITYENV_GLIDEIN_Start_Extra']);
    expect(outside.get('SINGULARITYENV_GLIDEIN_Start_Extra')).toBe('(TARGET.Owner =?= "ada")');
    expect(await readFile(join(bed.report, 'binds'), 'utf8')).not.toContain('somewhere');
  });

  it('is not read before the first line of the script', async () => {
    const startUp = join(bed.root, 'start-up');
    await writeFile(startUp, `touch ${join(bed.root, 'report/was-read')}\n`, { mode: 0o644 });
    await bed.run(bed.values(), { BASH_ENV: startUp, ENV: startUp });
    expect(await readdir(bed.report)).not.toContain('was-read');
  });

  it('does not stop a job whose home and search path are odd', async () => {
    const ran = await bed.run(bed.values({ runtime: join(bed.root, 'bin/apptainer') }), {
      HOME: undefined,
      PATH: undefined,
      TMPDIR: bed.scratch,
    });
    expect(ran).toMatchObject({ code: 0 });
  });
});

describe('the guard', () => {
  it('ends with 78 when the container sees another expression', async () => {
    const containerEnvironment = [{ name: 'GLIDEIN_Start_Extra', escaped: 'True' }];
    const ran = await bed.run(bed.values({ containerEnvironment }));
    expect(ran.code).toBe(78);
    expect(await ending()).toBe('78 guard');
    expect(await theLog()).toContain('Start_Extra here is <True> and should be <(TARGET.Owner =?= "ada")>');
    expect(await readdir(bed.report)).not.toContain('inner-env');
  });

  it('ends with 78 when the expression does not get in at all', async () => {
    expect((await bed.run(bed.values({ containerEnvironment: [] }))).code).toBe(78);
  });

  it('ends with 78 when the value was evaluated once too often', async () => {
    const values = bed.values({
      startExpression: '(TARGET.Owner =?= "$x")',
      containerEnvironment: [{ name: 'GLIDEIN_Start_Extra', escaped: '(TARGET.Owner =?= "$x")' }],
    });
    expect((await bed.run(values)).code).toBe(78);
  });

  it.each(['_CONDOR_START', '_condor_start', 'TOKEN'])('ends with 78 when the environment holds %s', async (name) => {
    const { containerEnvironment } = bed.values();
    const ran = await bed.run(
      bed.values({
        containerEnvironment: [...containerEnvironment, { name, escaped: 'True' }],
        condorNames: '_CONDOR_DISK',
      }),
    );
    expect(ran.code).toBe(78);
    expect(await theLog()).toContain(name);
  });

  it('lets the settings of the profile pass', async () => {
    const { containerEnvironment } = bed.values();
    const knob = { name: '_CONDOR_NETWORK_INTERFACE', escaped: '10.*' };
    const values = bed.values({ containerEnvironment: [...containerEnvironment, knob], condorNames: knob.name });
    expect((await bed.run(values)).code).toBe(0);
    expect((await bed.environment('inner-env')).get(knob.name)).toBe('10.*');
  });

  it('compares to the last byte', async () => {
    await bed.run(bed.values(), { STAND_IN_ACTS: 'exit 0' });
    const guard = join(bed.report, 'inside/guard');
    const endsWith = async (expression: string | undefined) =>
      (await run('/bin/sh', [guard], { env: { PATH: '/usr/bin:/bin', GLIDEIN_Start_Extra: expression } })).code;
    expect(await endsWith('(TARGET.Owner =?= "ada")\n')).toBe(78);
    expect(await endsWith('(TARGET.Owner =?= "ada") ')).toBe(78);
    expect(await endsWith('(TARGET.Owner =?= "adb")')).toBe(78);
    expect(await endsWith('')).toBe(78);
    expect(await endsWith(undefined)).toBe(78);
    // With the right one it gets past itself, to the stand-in runscript, which here lacks what it needs.
    expect(await endsWith('(TARGET.Owner =?= "ada")')).not.toBe(78);
  });

  it('ends with 78 when there is nothing to compare with, or no way to see the environment', async () => {
    await bed.run(bed.values());
    const guard = join(bed.report, 'inside/guard');
    const env = { GLIDEIN_Start_Extra: '(TARGET.Owner =?= "ada")' };
    expect((await run('/bin/sh', [guard], { env: { ...env, PATH: '/nowhere' } })).code).toBe(78);
    await rm(join(bed.report, 'inside/start-extra'));
    expect((await run('/bin/sh', [guard], { env: { PATH: '/usr/bin:/bin' } })).code).toBe(78);
  });

  it('keeps the 78 of a pilot of its own accord apart from none', async () => {
    expect((await bed.run(bed.values(), { STAND_IN_ACTS: 'exit 78' })).code).toBe(78);
  });
});

describe('the soft end', () => {
  it('stamps a drained pilot and ends it when no job runs any more', async () => {
    const job = bed.run(bed.values(), { STAND_IN_ACTS: `${withJob} ${untilTerm}` });
    await waitUntil('the pilot starts', 5, async () => (await readdir(bed.report)).includes('inner-env'));
    await writeFile(inDrain('4711'), '');
    await waitUntil('the stamp', 5, stamped);
    // Longer than the settling time: a running job keeps the pilot.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await bed.mark('ends/4711')).toBeNull();
    const [own] = await readdir(bed.scratch);
    await rm(join(bed.scratch, own ?? '', 'pilot/osgvo-pilot-abc123/execute/dir_99'), { recursive: true });
    expect((await job).code).toBe(0);
    expect(await ending()).toBe('0 drained');
  });

  it('leaves a pilot alone when another one is drained', async () => {
    await writeFile(inDrain('47'), '');
    await writeFile(inDrain('4711_1'), '');
    await bed.run(bed.values(), { STAND_IN_ACTS: 'sleep 1; exit 0' });
    expect(await ending()).toBe('0 exited');
  });

  it('touches the stamp again and again', async () => {
    await writeFile(inDrain('4711'), '');
    const acts = `${withJob} sleep 0.5; rm "$local_dir/stop-glidein.stamp"; sleep 0.5; [ -e "$local_dir/stop-glidein.stamp" ] && exit 5; exit 6`;
    expect((await bed.run(bed.values(), { STAND_IN_ACTS: acts })).code).toBe(5);
  });

  it('drains before the wall clock ends and stops at the promised time, whatever runs', async () => {
    const end = Math.floor(Date.now() / 1000) + 12;
    const job = bed.run(bed.values({ drainSeconds: 10, stopSeconds: 8 }), {
      SLURM_JOB_END_TIME: String(end),
      STAND_IN_ACTS: `${withJob} ${untilTerm}`,
    });
    await waitUntil('the stamp', 6, stamped);
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(end - 10);
    await job;
    expect(Date.now() / 1000).toBeLessThan(end - 5);
    expect(await ending()).toBe('0 walltime');
  });

  it('trusts its own wall clock where the batch system names a later end', async () => {
    await bed.run(bed.values({ walltimeSeconds: 3, drainSeconds: 2, stopSeconds: 1 }), {
      SLURM_JOB_END_TIME: '9999999999',
      STAND_IN_ACTS: `${withJob} ${untilTerm}`,
    });
    expect(await ending()).toBe('0 walltime');
  });

  it('passes TERM on and waits for the pilot', async () => {
    const ran = await bed.run(bed.values(), {
      STAND_IN_ACTS: `trap "sleep 0.3; exit 9" TERM; kill -TERM "$job"; while :; do sleep 0.05; done`,
    });
    expect(ran.code).toBe(9);
    expect(await ending()).toBe('9 signalled');
  });

  it('knows how the pilot ended although every process was signalled at once', async () => {
    for (let time = 0; time < 5; time += 1) {
      const acts = 'trap "exit 9" TERM; kill -TERM 0; while :; do sleep 0.05; done';
      expect((await bed.run(bed.values(), { STAND_IN_ACTS: acts })).code).toBe(9);
      expect(await ending()).toBe('9 signalled');
    }
  });

  it('kills a pilot that does not heed TERM, in bounded time', async () => {
    const ran = await bed.run(bed.values({ graceSeconds: 1 }), {
      STAND_IN_ACTS: 'trap "" TERM; kill -TERM "$job"; while :; do sleep 0.05; done',
    });
    expect(ran.code).toBe(137);
    expect(ran.seconds).toBeLessThan(6);
    expect(await ending()).toBe('137 signalled');
  });

  it('gives a running pilot the newer token', async () => {
    const job = bed.run(bed.values(), {
      STAND_IN_ACTS:
        'token=$local_dir/condor/tokens.d/flock.opensciencegrid.org; for i in 1 2 3 4 5 6 7 8; do sleep 0.25; grep -q newer "$token" && exit 5; done; exit 6',
    });
    await waitUntil('the pilot starts', 5, async () => (await readdir(bed.report)).includes('inner-env'));
    const token = join(bed.jobDir, 'token');
    await writeFile(token, 'a newer token\n');
    const earlier = new Date(Date.now() - 50_000); // as when two clocks differ
    await utimes(token, earlier, earlier);
    expect((await job).code).toBe(5);
  });
});

describe('a pilot that cannot start', () => {
  it('says so without a token', async () => {
    await rm(join(bed.jobDir, 'token'));
    expect((await bed.run(bed.values())).stderr).toContain(`the token ${bed.jobDir}/token cannot be read`);
    expect(await ending()).toBe('66 no-token');
    expect(await theLog()).toContain('the token');
  });

  it('says so with an empty token', async () => {
    await writeFile(join(bed.jobDir, 'token'), '');
    await bed.run(bed.values());
    expect(await ending()).toBe('66 no-token');
  });

  it('says so without a container runtime', async () => {
    const ran = await bed.run(bed.values({ runtime: '/no/such/apptainer' }));
    expect(ran.stderr).toContain('the container runtime /no/such/apptainer is not on');
    expect(await ending()).toBe('69 no-runtime');
  });

  it('says so with a runtime that does not work', async () => {
    const broken = join(bed.root, 'bin/broken');
    await writeFile(broken, '#!/bin/sh\necho no such library >&2\nexit 127\n', { mode: 0o755 });
    expect((await bed.run(bed.values({ runtime: broken }))).stderr).toContain('no such library');
    expect(await ending()).toBe('69 no-runtime');
  });

  it('says so without an image', async () => {
    await bed.run(bed.values({ image: '/no/such/image.sif' }));
    expect(await ending()).toBe('66 no-image');
  });

  it('says so without space', async () => {
    await bed.run(bed.values({ minimumScratchMB: 1e9 }));
    expect(await ending()).toBe('73 no-space');
  });

  it('says so without a scratch directory', async () => {
    await bed.run(bed.values({ scratch: '/no/such/directory' }));
    expect(await ending()).toBe('73 no-space');
  });

  it('makes do with /tmp where TMPDIR is one of another machine', async () => {
    const ran = await bed.run(bed.values(), { TMPDIR: '/no/such/directory' });
    expect(ran.stderr).toContain('TMPDIR is /no/such/directory, which is not usable');
    expect(await ending()).toBe('0 exited');
    expect((await readFile(join(bed.report, 'binds'), 'utf8')).split('\n')[0]).toMatch(
      /^\/tmp\/glidein-\w+\/pilot:\/pilot$/,
    );
  });

  it('says so when the variable of its scratch directory is not set', async () => {
    const ran = await bed.run(bed.values({ scratch: '$NO_SUCH_VARIABLE/x' }));
    expect(ran.stderr).toContain('NO_SUCH_VARIABLE: is not set on this node');
    expect(ran.code).not.toBe(0);
    expect(await ending()).toBe(`${ran.code} failed`);
  });

  it('says so without CVMFS where the profile asks for it', async () => {
    if ((await run('test', ['-d', '/cvmfs'])).code === 0) return;
    await bed.run(bed.values({ cvmfs: 'bind' }));
    expect(await ending()).toBe('69 no-cvmfs');
  });

  it.runIf(process.getuid?.() === 0)('refuses to run as root', async () => {
    const ran = await bed.runAsRoot(bed.values());
    expect(ran.stderr).toContain('runs as root');
    expect(await ending()).toBe('77 bad-user');
    expect(await readdir(bed.report)).toEqual([]);
  });

  it('refuses to run as a user without a name', async () => {
    const bin = join(bed.root, 'bin/id');
    await writeFile(bin, '#!/bin/sh\necho 12345\nexit 1\n', { mode: 0o755 });
    await bed.run(bed.values());
    expect(await ending()).toBe('77 bad-user');
  });
});

describe('a job whose surroundings are poor', () => {
  it('runs although it can write no marks', async () => {
    await chmod(bed.jobDir, 0o555);
    const ran = await bed.run(bed.values());
    await chmod(bed.jobDir, 0o755);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain(`warning: cannot write ${bed.jobDir}/seen/anvil-0123456789.0`);
  });

  it('runs although its log can be kept nowhere', async () => {
    const ran = await bed.run(bed.values({ logDir: '/proc/no/such' }));
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain('cannot keep the log in /proc/no/such');
  });

  it('keeps the beginning and the end of a long log', async () => {
    const acts = 'echo the beginning; head -c 3000000 /dev/zero | tr "\\000" x; echo the end; exit 0';
    await bed.run(bed.values(), { STAND_IN_ACTS: acts });
    const log = await theLog();
    expect(log).toContain('the beginning');
    expect(log).toContain('the end');
    expect(log).toContain('bytes left out here');
    expect(log.length).toBeLessThan(262_144 + 1_048_576 + 100);
  });

  it('refreshes the log for somebody who follows it, once for each time that was asked', async () => {
    const job = bed.run(bed.values(), { STAND_IN_ACTS: `echo so far; ${untilTerm}` });
    await waitUntil('the pilot starts', 5, async () => (await readdir(bed.report)).includes('inner-env'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await theLog().catch(() => null)).toBeNull(); // nobody asked, and it is not time yet
    const asked = join(bed.jobDir, 'follow/4711');
    await mkdir(join(bed.jobDir, 'follow'));
    await chmod(join(bed.jobDir, 'follow'), 0o777); // jobs here may be another user's
    await writeFile(join(bed.jobDir, 'follow/47'), '');
    for (let time = 0; time < 2; time += 1) {
      await writeFile(asked, '');
      await waitUntil('the question is taken', 5, () => !existsSync(asked));
      await waitUntil('the log is there', 5, async () => (await theLog().catch(() => '')).includes('so far\n'));
      await rm(join(bed.logDir, '4711.log'));
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(existsSync(join(bed.logDir, '4711.log'))).toBe(false);
    }
    await writeFile(inDrain('4711'), '');
    await job;
    expect(await readdir(join(bed.jobDir, 'follow'))).toEqual(['47']);
  });

  it('does not answer a question again that it cannot remove', async () => {
    const follow = join(bed.jobDir, 'follow');
    await mkdir(follow);
    await writeFile(join(follow, '4711'), '');
    await chmod(follow, 0o555);
    const acts = `sleep 0.6; first=$(stat -c %i ${bed.logDir}/4711.log); sleep 0.6; [ "$first" = "$(stat -c %i ${bed.logDir}/4711.log)" ] && exit 5; exit 6`;
    const ran = await bed.run(bed.values(), { STAND_IN_ACTS: acts });
    await chmod(follow, 0o755);
    expect(ran.code).toBe(5);
  });

  it('refreshes the log while it runs', async () => {
    const acts = `echo so far; sleep 1.5; grep -q "so far" ${bed.logDir}/4711.log && exit 5; exit 6`;
    expect((await bed.run(bed.values({ logSeconds: 1 }), { STAND_IN_ACTS: acts })).code).toBe(5);
  });

  it('removes what jobs left without write permission', async () => {
    const acts =
      'mkdir -p "$local_dir/execute/dir_1/deep"; touch "$local_dir/execute/dir_1/deep/x"; chmod -R a-w "$local_dir"; exit 0';
    expect((await bed.run(bed.values(), { STAND_IN_ACTS: acts })).code).toBe(0);
  });

  it('is not taken by a process of its own that a signal ends before it is another program', async () => {
    // Modules are loaded by the shell of the job itself. A signal to all processes of a job, or the end of a nap, does this.
    const modules = join(bed.root, 'modules');
    await mkdir(join(modules, 'init'), { recursive: true });
    const ends = 'for n in {1..40}; do timeout 5 true & kill $!; wait $!; done 2>/dev/null';
    const looks = '[[ ! -e $job_dir/ends/4711 ]] || : >"$STAND_IN_REPORT/ended-early"; module() { :; }';
    await writeFile(join(modules, 'init/bash'), `${ends}\n${looks}\n`, { mode: 0o644 });
    const ran = await bed.run(bed.values({ modules: ['any'] }), { MODULESHOME: modules, STAND_IN_ACTS: 'exit 3' });
    expect(ran.code).toBe(3);
    expect(await readdir(bed.report)).not.toContain('ended-early');
  });

  it('finds modules, and keeps what they export away from the runtime', async () => {
    const init = join(bed.root, 'modules/init');
    await mkdir(init, { recursive: true });
    const bin = join(bed.root, 'bin');
    const hidden = join(bed.root, 'hidden');
    await run('mv', [bin, hidden]);
    const body = `module() { [ "$1 $2" = "load run time/1.0" ] && PATH=${hidden}:$PATH && export APPTAINER_BINDPATH=/somewhere; : "$unset_variable"; }`;
    await writeFile(join(init, 'bash'), `${body}\n`);
    const ran = await bed.run(bed.values({ modules: ['run time/1.0'] }), {
      MODULESHOME: join(bed.root, 'modules'),
      STAND_IN_RUNSCRIPT: join(hidden, 'runscript'),
    });
    expect(ran.stderr).toContain(`runtime ${hidden}/apptainer`);
    expect(ran.code).toBe(0);
    expect((await bed.environment('outer-env')).has('APPTAINER_BINDPATH')).toBe(false);
  });

  it('only warns when a module cannot be loaded', async () => {
    const ran = await bed.run(bed.values({ modules: ['none/such'] }));
    expect(ran.stderr).toContain('warning: the module none/such cannot be loaded');
    expect(ran.code).toBe(0);
  });
});
