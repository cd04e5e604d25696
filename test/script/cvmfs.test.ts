import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptValues } from '../../src/script/values.ts';
import { type JobBed, makeJobBed } from '../support/job-bed.ts';
import { processesWith } from '../support/processes-with.ts';
import { type CvmfsNode, makeCvmfsNode } from '../support/stand-in-cvmfs.ts';
import { waitUntil } from '../support/wait-until.ts';

let bed: JobBed;
let node: CvmfsNode;
beforeEach(async () => {
  bed = await makeJobBed();
  node = await makeCvmfsNode(bed);
});
afterEach(async () => {
  // However a job ended: nothing mounted, nothing running, nothing on the disk.
  expect(await readFile(node.mounts, 'utf8')).toBe('proc /proc proc rw 0 0\n');
  await waitUntil('all processes are gone', 10, () => processesWith(bed.root).length === 0);
  expect(await readdir(bed.scratch)).toEqual([]);
  await bed[Symbol.asyncDispose]();
});

const repos = ['oasis.opensciencegrid.org', 'singularity.opensciencegrid.org'];
const config = 'config-osg.opensciencegrid.org';
const brought = (changes: Partial<ScriptValues> = {}) =>
  bed.values({
    ...{ cvmfs: 'auto', cvmfsBrought: true, cvmfsRepos: repos, cvmfsDistribution: node.forms.directory },
    ...{ cvmfsQuotaMB: 10, ...changes },
  });
const runs = (values: ScriptValues, env: { [name: string]: string | undefined } = {}) =>
  bed.run(values, { ...node.env, ...env });
const theLog = () => readFile(join(bed.logDir, '4711.log'), 'utf8');
const report = (name: string) => readFile(join(bed.report, name), 'utf8');
const argv = async () => (await report('argv')).split('\0').slice(0, -1);
const ending = async () => ((await bed.mark('ends/4711')) ?? '').split(' ').slice(3, 5).join(' ');
const started = () => waitUntil('the pilot is ready', 20, () => existsSync(join(bed.report, 'ready')));
/** Says that it is ready, then goes on for ever. */
const forEver = ': >"$STAND_IN_REPORT/ready"; while :; do sleep 0.05; done';
const inBed = (name: string) => join(bed.root, name);
const without = (...names: string[]) => Promise.all(names.map((name) => rm(join(node.forms.directory, name))));
const program = async (name: string, text: string) => {
  await mkdir(join(inBed(name), '..'), { recursive: true });
  await writeFile(inBed(name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
};
const noNamespaces = { STAND_IN_NO_NAMESPACES: 'yes' };

/** How it is arranged that a way is the one that is left. */
const onlyWay: { readonly [way: string]: { [name: string]: string } } = {
  cvmfsexec: {},
  singcvmfs: noNamespaces,
  mountrepo: noNamespaces,
  container: {},
};

/** Lets `auto` come to this way. */
async function leadTo(way: string): Promise<ScriptValues> {
  if (way === 'mountrepo') await without('singcvmfs');
  return brought(way === 'container' ? { cvmfsDistribution: null } : {});
}

describe('where the node has /cvmfs', () => {
  it.each([true, false])('it is bound, and that is said (something to bring: %s)', async (cvmfsBrought) => {
    await mkdir(inBed('devices/cvmfs/atlas.cern.ch'), { recursive: true });
    expect((await runs(brought({ cvmfsBrought }))).code).toBe(0);
    expect((await argv()).join(' ')).toContain('--bind /cvmfs ');
    expect(await theLog()).toMatch(/CVMFS: bind/);
    expect(existsSync(join(bed.report, 'cvmfsexec-argv'))).toBe(false);
  });

  it.each([true, false])('also under autofs, which shows nothing before it is asked (to bring: %s)', async (some) => {
    await mkdir(inBed(`devices/cvmfs/${config}/etc`), { recursive: true });
    await chmod(inBed('devices/cvmfs'), 0o311);
    await runs(brought({ cvmfsBrought: some }));
    expect((await argv()).join(' ')).toContain('--bind /cvmfs ');
  });

  it('an empty one is none, and a profile that names nothing else runs without', async () => {
    await mkdir(inBed('devices/cvmfs'), { recursive: true });
    expect((await runs(brought({ cvmfsBrought: false }))).code).toBe(0);
    expect(await argv()).not.toContain('/cvmfs');
    expect(await theLog()).toMatch(/CVMFS: none; \/cvmfs is not on \S+, and the profile does not say/);
  });

  it('must be there for bind', async () => {
    await runs(bed.values({ cvmfs: 'bind' }));
    expect(await ending()).toBe('69 no-cvmfs');
    await mkdir(inBed('devices/cvmfs'));
    expect((await runs(bed.values({ cvmfs: 'bind' }))).stderr).toContain('warning: /cvmfs is empty');
    expect(await argv()).toContain('/cvmfs');
  });

  it('is left out for none', async () => {
    await mkdir(inBed('devices/cvmfs/atlas.cern.ch'), { recursive: true });
    await runs(bed.values({ cvmfs: 'none' }));
    expect(await argv()).not.toContain('/cvmfs');
    expect(await theLog()).not.toContain('CVMFS');
  });
});

describe('what auto comes to, and why', () => {
  it.each(Object.keys(onlyWay))(
    'by %s the pilot runs, its own exit code is kept, and all is unmounted',
    async (way) => {
      const ran = await runs(await leadTo(way), { ...onlyWay[way], STAND_IN_ACTS: 'exit 7' });
      expect(ran.code).toBe(7);
      expect(await ending()).toBe('7 exited');
      const said = (await theLog()).split('\n').filter((line) => line.includes('CVMFS: '));
      expect(said[0]).toMatch(/CVMFS: not bind: \/cvmfs is not on /);
      expect(said.at(-1)).toBe(`glidein: CVMFS: ${way}`);
      expect((await bed.environment('inner-env')).get('GLIDEIN_Start_Extra')).toBe('(TARGET.Owner =?= "ada")');
    },
  );

  type Node = () => Promise<unknown>;
  const situations: [string, Node, { [name: string]: string }, string, RegExp[]][] = [
    [
      'no namespaces',
      async () => {},
      noNamespaces,
      'singcvmfs',
      [/not cvmfsexec: user namespaces do not work.*not perm/i],
    ],
    ['a kernel before 4.18, with fusermount', async () => {}, { STAND_IN_KERNEL: '4.17.9-1' }, 'cvmfsexec', []],
    [
      'that of CentOS 7.9',
      () => rm(inBed('devices/bin/fusermount')),
      { STAND_IN_KERNEL: '3.10.0-1160.el7' },
      'cvmfsexec',
      [],
    ],
    [
      'that of CentOS 7.7 without fusermount',
      () => rm(inBed('devices/bin/fusermount')),
      { STAND_IN_KERNEL: '3.10.0-1062.el7.x86_64' },
      'singcvmfs',
      [/not cvmfsexec: there is no fusermount/],
    ],
    [
      'neither namespaces nor fusermount nor singcvmfs',
      () => Promise.all([rm(inBed('devices/bin/fusermount')), without('singcvmfs')]),
      noNamespaces,
      'none',
      [
        /not singcvmfs: the distribution has no singcvmfs/,
        /not mountrepo: there is no fusermount/,
        /not container: user names/,
      ],
    ],
    [
      'no /dev/fuse',
      () => rm(inBed('devices/dev/fuse')),
      {},
      'none',
      [/not cvmfsexec: \/dev\/fuse cannot be used/, /not container: \/dev\/fuse/],
    ],
    [
      'a /dev/fuse that is root’s alone',
      async () => {
        await chown(inBed('devices/dev/fuse'), 0, 0).catch(() => {});
        await chmod(inBed('devices/dev/fuse'), 0o400);
      },
      {},
      'none',
      [/not cvmfsexec: \/dev\/fuse cannot be used/],
    ],
    [
      'a repository that cannot be mounted',
      () => without('singcvmfs'),
      { STAND_IN_MOUNT_FAILS: repos[1] ?? '' },
      'container',
      [
        /not cvmfsexec: cvmfsexec could not mount: .*Failed to initialize root file catalog/,
        /not mountrepo: mountrepo could not mount singularity\.opensciencegrid\.org: .*root file catalog/,
      ],
    ],
  ];
  it.each(situations)('with %s', async (_, arrange, env, way, reasons) => {
    await arrange();
    expect((await runs(brought(), env)).code).toBe(0);
    const log = await theLog();
    expect(log).toContain(`CVMFS: ${way}\n`);
    for (const reason of reasons) expect(log).toMatch(reason);
    expect((await argv()).includes('/cvmfs')).toBe(way === 'cvmfsexec');
  });

  it('does not go by cvmfsexec where the runtime becomes root', async () => {
    await program('app/libexec/apptainer/bin/starter-suid', '');
    await chmod(inBed('app/libexec/apptainer/bin/starter-suid'), 0o4755);
    await program('app/bin/apptainer', `exec ${inBed('bin/apptainer')} "$@"`);
    await runs(brought({ runtime: inBed('app/bin/apptainer') }));
    expect(await theLog()).toMatch(/not cvmfsexec: \S+\/app\/bin\/apptainer is a setuid installation/);
    expect(await theLog()).toContain('CVMFS: singcvmfs\n');
  });

  it('does not go by singcvmfs where the runtime has no --fusemount', async () => {
    await program('bin/old', 'echo singularity version 3.3.0-1');
    await runs(brought({ runtime: inBed('bin/old'), cvmfs: 'singcvmfs' }));
    expect(await theLog()).toContain('singularity version 3.3.0-1 has no --fusemount');
  });

  it.each([
    ['cvmfsexec', noNamespaces, 'user namespaces do not work'],
    ['singcvmfs', {}, 'the distribution has no singcvmfs'],
    ['mountrepo', { STAND_IN_MOUNT_FAILS: config }, `mountrepo could not mount ${config}`],
    ['container', noNamespaces, 'user namespaces do not work'],
  ])('is not asked where the profile says %s: that, or the job ends', async (cvmfs, env, reason) => {
    await without('singcvmfs');
    const ran = await runs(brought({ cvmfs }), env);
    expect(await ending()).toBe('69 no-cvmfs');
    expect(ran.stderr).toContain(`CVMFS by ${cvmfs} is not possible: ${reason}`);
    expect(existsSync(join(bed.report, 'argv'))).toBe(false);
  });
});

describe('a distribution', () => {
  it.each(['directory', 'tar', 'tarOfDirectory', 'selfExtracting'] as const)('may be a %s', async (form) => {
    const ran = await runs(brought({ cvmfs: 'cvmfsexec', cvmfsDistribution: node.forms[form] }));
    expect(ran).toMatchObject({ code: 0 });
    expect(existsSync(join(bed.report, 'was-run'))).toBe(false);
    expect(await theLog()).toMatch(/the distribution \S+ takes about \d MB of the scratch directory/);
  });

  it('is copied without the cache that its maker left in it, and not touched', async () => {
    const before = await readFile(join(node.forms.directory, 'dist/etc/cvmfs/default.local'), 'utf8');
    const size = `[ "$(du -sk "$(dirname "$STAND_IN_PILOT")/cvmfs/tools" | cut -f 1)" -lt 1000 ] && exit 5; exit 6`;
    expect((await runs(brought(), { STAND_IN_ACTS: size })).code).toBe(5);
    expect(await readFile(join(node.forms.directory, 'dist/etc/cvmfs/default.local'), 'utf8')).toBe(before);
  });

  it.each([
    ['/no/such/place', 'the distribution /no/such/place cannot be read'],
    ['/etc/passwd', 'cannot be copied'],
    ['/etc', '/etc is no distribution of makedist: there is no dist in it'],
  ])('is refused with the reason: %s', async (cvmfsDistribution, reason) => {
    await runs(brought({ cvmfs: 'mountrepo', cvmfsDistribution }));
    expect(await ending()).toBe('69 no-cvmfs');
    expect(await theLog()).toContain(reason);
  });
});

describe('what CVMFS is told', () => {
  const proxy = 'http://squid.example.org:3128|http://b.example.org:3128;DIRECT';
  /** What a shell, and so CVMFS, makes of a file of settings: the last line of a name. */
  const settings = async (file: string) => {
    const lines = (await report(file)).split('\n').filter((line) => line.includes('='));
    return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  };

  it.each(['cvmfsexec', 'mountrepo'])(
    'is no proxy where the profile names none: the maker has set one, by %s',
    async (cvmfs) => {
      await runs(brought({ cvmfs, cvmfsProxy: null }));
      const found = await settings(`settings-${config}`);
      expect([found.get('CVMFS_HTTP_PROXY'), found.get('CVMFS_MAX_RETRIES')]).toEqual(['"auto;DIRECT"', '3']);
    },
  );

  it.each(['cvmfsexec', 'mountrepo'])('is proxy, quota, cache and logs, by %s', async (cvmfs) => {
    await runs(brought({ cvmfs, cvmfsProxy: proxy, cvmfsQuotaMB: 12 }));
    for (const repo of [config, ...repos]) {
      const found = await settings(`settings-${repo}`);
      expect(found.get('CVMFS_HTTP_PROXY')).toBe(`"${proxy}"`);
      expect(found.get('CVMFS_QUOTA_LIMIT')).toBe('12');
      expect(found.get('CVMFS_MAX_RETRIES')).toBe('3'); // the maker's own
      expect(found.get('CVMFS_CACHE_BASE')).toMatch(/^"\/\/.*\/node\/glidein-\w+\/cvmfs\/glidein-cvmfs-\w+"$/);
      expect(found.get('CVMFS_USYSLOG')).toMatch(/^"\/\/.*\/node\/glidein-\w+\/cvmfs\/logs\/@fqrn@\.log"$/);
    }
  });

  it('is the same by singcvmfs, in its own variables and nobody else’s', async () => {
    await runs(brought({ cvmfs: 'singcvmfs', cvmfsProxy: proxy, cvmfsQuotaMB: 12 }), {
      SINGCVMFS_IMAGE: '/evil.sif',
      SINGCVMFS_SINGOPTS: '--containall',
      SINGCVMFS_CACHEDIR: '/shared',
    });
    const env = await bed.environment('outer-env');
    expect(env.get('SINGCVMFS_REPOSITORIES')).toBe(repos.join(','));
    expect(env.get('SINGCVMFS_CACHEDIR')).toMatch(/\/cvmfs\/glidein-cvmfs-\w+$/);
    expect(env.get('SINGCVMFS_LOGDIR')).toMatch(/\/cvmfs\/logs$/);
    expect([env.has('SINGCVMFS_IMAGE'), env.has('SINGCVMFS_SINGOPTS')]).toEqual([false, false]);
    const found = await settings('settings-singcvmfs');
    expect([found.get('CVMFS_HTTP_PROXY'), found.get('CVMFS_QUOTA_LIMIT')]).toEqual([`"${proxy}"`, '12']);
    expect(found.has('CVMFS_CACHE_BASE')).toBe(false); // in the container it is where it always is
    const words = await argv();
    expect(words.filter((word) => word === '--fusemount')).toHaveLength(2);
    expect(words.slice(-3)).toEqual([inBed('image.sif'), '/bin/sh', '/glidein/guard']);
  });

  it('is nothing that an earlier way was told, which came to nothing', async () => {
    await runs(brought(), { STAND_IN_MOUNT_FAILS: repos[1] ?? '' });
    expect(await theLog()).toMatch(/not cvmfsexec: cvmfsexec could not mount[\s\S]*CVMFS: singcvmfs\n/);
    const found = await settings('settings-singcvmfs');
    expect([...found.keys()].sort()).toEqual(['CVMFS_HTTP_PROXY', 'CVMFS_MAX_RETRIES', 'CVMFS_QUOTA_LIMIT']);
  });

  it('goes into the image by the prefix, by container', async () => {
    await runs(brought({ cvmfs: 'container', cvmfsProxy: proxy, cvmfsQuotaMB: 12 }), { CVMFSEXEC_REPOS: 'other.org' });
    const inside = await bed.environment('inner-env');
    expect(inside.get('CVMFSEXEC_REPOS')).toBe(repos.join(' '));
    expect([inside.get('CVMFS_HTTP_PROXY'), inside.get('CVMFS_QUOTA_LIMIT')]).toEqual([proxy, '12']);
    const binds = (await report('binds')).split('\n').map((bind) => bind.split(':')[1]);
    expect(binds).toEqual(expect.arrayContaining(['/cvmfsexec', '/cvmfs-cache', '/cvmfs-logs']));
  });

  it.each(['auto', 'none'])('is nothing that was there before the job (%s)', async (cvmfs) => {
    const names = ['CVMFS_HTTP_PROXY', 'CVMFSEXEC_REPOS', 'SINGCVMFS_REPOSITORIES', 'CVMFS_BASE'];
    await runs(
      brought({ cvmfs, cvmfsBrought: cvmfs === 'auto' }),
      Object.fromEntries(names.map((name) => [name, 'x'])),
    );
    const inside = await bed.environment('inner-env');
    expect(names.filter((name) => inside.has(name))).toEqual([]);
  });
});

describe('cache and logs', () => {
  it('may be elsewhere: the cache goes with the job, the logs stay', async () => {
    for (const name of ['disk', 'kept']) await mkdir(inBed(name));
    for (const name of ['disk', 'kept']) await chmod(inBed(name), 0o777);
    const acts = 'ls "$DISK" >"$STAND_IN_REPORT/cache"; exit 0';
    const values = brought({ cvmfs: 'cvmfsexec', cvmfsCache: '$DISK', cvmfsLogs: '$KEPT/logs' });
    await runs(values, { DISK: inBed('disk'), KEPT: inBed('kept'), STAND_IN_ACTS: acts });
    expect(await report('cache')).toMatch(/^glidein-cvmfs-\w+\n$/);
    expect(await readdir(inBed('disk'))).toEqual([]);
    expect(await readdir(inBed('kept/logs/4711'))).toContain(`${config}.log`);
  });

  it('end the job where their variable is not set, and nothing is left', async () => {
    const ran = await runs(brought({ cvmfs: 'cvmfsexec', cvmfsCache: '$NO_SUCH_DISK' }));
    expect(ran.stderr).toContain('NO_SUCH_DISK: is not set on this node');
    expect(ran.stderr).not.toContain('command not found');
    expect(ran.code).not.toBe(0);
  });

  it.each(['nfs', 'lustre', 'gpfs'])('are not on %s', async (kind) => {
    await program('bin/stat', `if [[ $1 == -f ]]; then echo ${kind}; else exec /usr/bin/stat "$@"; fi`);
    await runs(brought({ cvmfs: 'mountrepo' }));
    expect(await ending()).toBe('69 no-cvmfs');
    expect(await theLog()).toMatch(new RegExp(`the cache would be in \\S+, which is shared \\(${kind}\\)`));
  });

  it('need the room that the cache may take', async () => {
    await runs(brought({ cvmfs: 'mountrepo', cvmfsQuotaMB: 1e9 }));
    expect(await theLog()).toMatch(/only \d+ MB are free in \S+, and the cache may take 1000000000/);
  });

  it.each(['cvmfsexec', 'mountrepo'])('tell in the pilot’s log what went wrong, by %s', async (cvmfs) => {
    await runs(brought({ cvmfs }), { STAND_IN_MOUNT_FAILS: repos[0] });
    expect(await theLog()).toContain("the end of CVMFS's log oasis.opensciencegrid.org.log:\n");
    expect(await theLog()).toContain('failed to download repository manifest (9 - host returned HTTP error)');
  });

  it('are not told of where all went well', async () => {
    await runs(brought());
    expect(await theLog()).not.toContain('the end of');
  });
});

/** The process of the job's script, once it is there. */
async function jobProcess(): Promise<number> {
  let found = 0;
  await waitUntil('the job runs', 15, async () => {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      const group = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ').at(-1)?.split(' ')[2];
      if (words[2]?.startsWith(inBed('job-')) && group === pid) found = Number(pid);
    }
    return found !== 0;
  });
  return found;
}

const untilTerm = `trap "echo got TERM; exit 0" TERM; ${forEver}`;

describe.each(Object.keys(onlyWay))('the end of a pilot by %s', (way) => {
  const running = async (acts: string, changes: Partial<ScriptValues> = {}) => {
    const values = { ...(await leadTo(way)), ...changes };
    const job = runs(values, { ...onlyWay[way], STAND_IN_ACTS: acts });
    await started();
    return { job, pid: await jobProcess() };
  };

  it('is soft and at once on TERM', async () => {
    const { job, pid } = await running(untilTerm);
    const before = Date.now();
    process.kill(pid, 'SIGTERM');
    expect((await job).code).toBe(0);
    expect(Date.now() - before).toBeLessThan(10_000);
    expect(await ending()).toBe('0 signalled');
    expect(await theLog()).toContain('got TERM');
  });

  it('is soft when TERM goes to all processes of the job', async () => {
    const { job, pid } = await running(`trap "sleep 0.5; echo got TERM; exit 0" TERM; ${forEver}`);
    process.kill(-pid, 'SIGTERM');
    expect((await job).code).toBe(0);
    expect(await theLog()).toContain('got TERM');
  });

  it('is soft when it is drained', async () => {
    const { job } = await running(untilTerm);
    await writeFile(join(bed.jobDir, 'drain/4711'), '');
    expect((await job).code).toBe(0);
    expect(await ending()).toBe('0 drained');
    expect(await theLog()).toContain('got TERM');
  });

  it('comes all the same where the pilot does not heed TERM', async () => {
    const { job, pid } = await running(`trap "" TERM; ${forEver}`, { graceSeconds: 1 });
    process.kill(pid, 'SIGTERM');
    expect((await job).code).toBe(137);
    expect(await theLog()).toContain('the pilot did not end in time; killed');
  });

  it('comes when the runtime is killed', async () => {
    await runs(await leadTo(way), { ...onlyWay[way], STAND_IN_ACTS: 'kill -KILL $PPID' });
    expect(await ending()).toBe('137 exited');
  });

  it('is the guard’s where the limit did not arrive, in every way', async () => {
    const values = { ...(await leadTo(way)), containerEnvironment: [] };
    const ran = await runs(values, onlyWay[way]);
    expect(await ending()).toBe('78 guard');
    expect(ran.code).toBe(78);
    expect(existsSync(join(bed.report, 'inner-env'))).toBe(false);
  });

  it('comes when the script itself fails later', async () => {
    const ran = await runs({ ...(await leadTo(way)), binds: [{ source: '$NO_SUCH_PLACE', target: '' }] }, onlyWay[way]);
    expect(ran.stderr).toContain('NO_SUCH_PLACE: is not set');
    expect(await ending()).toBe(`${ran.code} failed`);
  });
});

describe('mounts', () => {
  it.each(['cvmfsexec', 'mountrepo'])('that take for ever are given up at once on TERM, by %s', async (cvmfs) => {
    const job = runs(brought({ cvmfs }), { STAND_IN_MOUNT_HANGS: 'yes' });
    await waitUntil('it hangs', 15, () => existsSync(join(bed.report, 'hangs')));
    const before = Date.now();
    process.kill(await jobProcess(), 'SIGTERM');
    expect((await job).code).toBe(143);
    expect(await ending()).toBe('143 signalled');
    expect(Date.now() - before).toBeLessThan(10_000);
  });

  it('of the node are undone when TERM comes between two of them', async () => {
    const failing = `if [[ $1 == ${repos[1]} ]]; then : >"$STAND_IN_REPORT/second"; sleep 600; fi; exec "\${0%/*}/real" "$@"`;
    await writeFile(join(node.forms.directory, 'real'), await readFile(join(node.forms.directory, 'mountrepo')), {
      mode: 0o755,
    });
    await writeFile(join(node.forms.directory, 'mountrepo'), `#!/bin/bash\n${failing}\n`);
    execTar(node.forms.directory, inBed('changed.tar'));
    const job = runs(brought({ cvmfs: 'mountrepo', cvmfsDistribution: inBed('changed.tar') }));
    await waitUntil('the second is asked for', 15, () => existsSync(join(bed.report, 'second')));
    expect(await readFile(node.mounts, 'utf8')).toContain(repos[0]);
    process.kill(await jobProcess(), 'SIGTERM');
    expect((await job).code).toBe(143);
  });

  it('of the node go lazily when they are busy', async () => {
    await writeFile(inBed('busy'), '');
    expect((await runs(brought({ cvmfs: 'mountrepo' }))).code).toBe(0);
    expect(await report('unmounted')).toMatch(/^-uz .*\/dist\/cvmfs\/config-osg\.opensciencegrid\.org$/m);
  });

  it('of the node are undone after their process was killed', async () => {
    const acts = 'kill -KILL $(sed -n "s/.*user=\\([0-9]*\\).*/\\1/p" "$STAND_IN_MOUNTS"); exit 3';
    expect((await runs(brought({ cvmfs: 'mountrepo' }), { STAND_IN_ACTS: acts })).code).toBe(3);
    expect((await report('unmounted')).trim().split('\n')).toHaveLength(3);
  });

  it('of the node mount the configuration first, and stand at /cvmfs in the container', async () => {
    const acts = 'cut -d " " -f 2 "$STAND_IN_MOUNTS" >"$STAND_IN_REPORT/order"; exit 0';
    await runs(brought({ cvmfs: 'mountrepo' }), { STAND_IN_ACTS: acts });
    const order = (await report('order')).trim().split('\n').slice(1);
    expect(order.map((point) => point.split('/').at(-1))).toEqual([config, ...repos]);
    expect((await report('binds')).split('\n')).toContainEqual(
      expect.stringMatching(/\/cvmfs\/tools\/dist\/cvmfs:\/cvmfs$/),
    );
  });

  it('of an older kernel are undone after cvmfsexec itself was killed', async () => {
    const job = runs(brought({ cvmfs: 'cvmfsexec', graceSeconds: 1 }), {
      STAND_IN_KERNEL: '4.17.0-1',
      STAND_IN_ACTS: forEver,
    });
    await started();
    const [file] = (await readdir(bed.scratch)).map((name) => join(bed.scratch, name, 'process'));
    process.kill(Number(await readFile(file ?? '', 'utf8')), 'SIGKILL');
    expect((await job).code).toBe(137);
  });
});

function execTar(directory: string, file: string): void {
  execFileSync('tar', ['-cf', file, '-C', directory, '.']);
}
