import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, type SiteJson, shim } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { run } from '../support/run-program.ts';
import { cancelAllJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const size = 3_000_000;

describeOnCluster('a CVMFS distribution, shipped over real SSH', (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let directory: string;
  let shims: Shim[] = [];
  beforeEach(async () => {
    here = await campus(cluster, 1);
    directory = mkdtempSync(join(cluster.prefix, 'distribution-'));
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    for (const one of shims) one.remove();
    shims = [];
    rmSync(join(ada.home, '.bashrc'), { force: true });
    rmSync(join(ada.home, 'its-own'), { recursive: true, force: true });
    rmSync(directory, { recursive: true, force: true });
    clearRemote(ada);
  });

  /** What `makedist` leaves, as far as anything here looks at it. */
  const made = () => {
    mkdirSync(join(directory, 'dist/usr'), { recursive: true });
    mkdirSync(join(directory, '.git'));
    writeFileSync(join(directory, 'cvmfsexec'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    writeFileSync(join(directory, 'dist/usr/libcvmfs.so'), Buffer.alloc(size, 'glidein'));
    return directory;
  };
  const use = (dist: string) =>
    here.set(`pilot.cvmfsOptions=${JSON.stringify({ dist, repos: ['config-osg.opensciencegrid.org'] })}`);
  const place = () => join(here.remoteDir, 'cvmfs');
  const shipped = () => (existsSync(place()) ? readdirSync(place()) : []);
  const more = (count: number, ...options: string[]) =>
    here.site(['submit', 'campus', '-n', String(count), '--verbose', ...options]);
  const stepsIn = ({ stderr }: SiteJson, step: string) => stderr.split(`step ${step}`).length - 1;
  /** Programs in front of the login host's own, where the file is received: no prologue runs there, but bash reads this. */
  const inFront = (name: string, script: string) => {
    const one = shim(cluster, name, script);
    shims.push(one);
    writeFileSync(join(ada.home, '.bashrc'), `PATH=${shims.map((each) => each.directory).join(':')}:$PATH\n`);
    chownSync(join(ada.home, '.bashrc'), ada.uid, ada.gid);
    return one;
  };
  /** In front of `cat`, where it takes something in. */
  const receiving = (script: string) => inFront('cat', `[ $# -gt 0 ] && exec $REAL "$@"\n${script}`);

  it('goes there once, and jobs name it by its content', async () => {
    await use(made());
    const dry = await more(1, '--dry-run');
    const [planned] = (dry as unknown as { planned: { ship: { source: string; path: string }[] } }).planned.ship;
    expect(planned).toMatchObject({ source: directory, path: expect.stringMatching(/\/cvmfs\/[0-9a-f]{64}\.tar$/) });
    const name = planned?.path.split('/').at(-1) ?? '';
    expect((await here.glidein(['render', 'campus'])).stdout).toContain(name);
    expect(shipped()).toEqual([]);

    const first = await more(1);
    expect(first, first.stderr).toMatchObject({ code: 0, submitted: 1 });
    expect([stepsIn(first, 'ship') > 0, stepsIn(first, 'hello')]).toEqual([true, 2]);
    expect(shipped()).toEqual([name]);
    expect(statSync(join(place(), name))).toMatchObject({ uid: ada.uid, mode: 0o100600 });
    const back = join(directory, 'back');
    mkdirSync(back);
    execFileSync('tar', ['-x', '-f', join(place(), name), '-C', back]);
    expect(readdirSync(back).sort()).toEqual(['cvmfsexec', 'dist']);
    expect(readFileSync(join(back, 'dist/usr/libcvmfs.so')).length).toBe(size);
    rmSync(back, { recursive: true });

    const second = await more(1);
    expect(second, second.stderr).toMatchObject({ code: 0, submitted: 1 });
    expect([stepsIn(second, 'ship'), stepsIn(second, 'hello')]).toEqual([0, 1]);
    chmodSync(join(directory, 'cvmfsexec'), 0o700);
    await more(1);
    expect(shipped().length).toBe(2);
  });

  it('is not even looked at by a pass that submits nothing', async () => {
    await here.set('target=0');
    await use(join(directory, 'nothing'));
    const pass = await here.site(['top-up', 'campus', '--verbose']);
    expect(pass).toMatchObject({ code: 0, submitted: 0 });
    expect(stepsIn(pass, 'hello')).toBe(1);
  });

  it('as one file can be run there', async () => {
    const file = join(directory, 'osg.sh');
    writeFileSync(file, '#!/bin/sh\necho unpacked\n');
    await use(file);
    expect(await more(1)).toMatchObject({ code: 0, submitted: 1 });
    const [name = ''] = shipped();
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(join(place(), name)).mode & 0o777).toBe(0o700);
    expect(execFileSync(join(place(), name), { encoding: 'utf8' })).toBe('unpacked\n');
  });

  it('that is on the cluster already is used from there; one that is nowhere ends before anything is submitted', async () => {
    await use('~/its-own');
    const nowhere = await more(1);
    expect(nowhere).toMatchObject({ code: 2, state: 'invalid', submitted: 0 });
    expect(nowhere.stderr).toMatch(/neither here, \/.*\/its-own, nor on the login host, ~\/its-own/);
    mkdirSync(join(ada.home, 'its-own'));
    chownSync(join(ada.home, 'its-own'), ada.uid, ada.gid);
    expect(await more(1)).toMatchObject({ code: 0, submitted: 1 });
    expect(shipped()).toEqual([]);
  });

  it('that is none is not sent', async () => {
    await use(directory);
    const refused = await more(1);
    expect(refused).toMatchObject({ code: 2, submitted: 0 });
    expect(refused.stderr).toContain('no distribution of makedist');
  });

  it('is not there by half when the program is killed while it goes there; the next pass sends it', async () => {
    expect(await more(1)).toMatchObject({ submitted: 1 });
    await use(made());
    const slow = receiving(
      'head -c 500000; touch $STATE/half; until [ -e $STATE/go ]; do sleep 0.05; done; exec $REAL',
    );
    const killed = spawn(process.execPath, [program, 'submit', 'campus'], { env: here.env, stdio: 'ignore' });
    const ended = new Promise((resolve) => killed.once('exit', resolve));
    await waitUntil('half of it is there', 20, () => existsSync(join(slow.state, 'half')));
    expect(shipped()).toEqual([expect.stringMatching(/\.part-/)]);
    killed.kill('SIGKILL');
    await ended;
    writeFileSync(join(slow.state, 'go'), '');
    await waitUntil('its part is gone', 20, () => shipped().length === 0);
    expect(await more(1)).toMatchObject({ code: 0, submitted: 1 });
    expect(shipped()).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.tar$/)]);
  });

  it('that two passes send at once is there once, and both submit', async () => {
    await use(made());
    const both = await Promise.all([more(1), more(1)]);
    for (const one of both) expect(one, one.stderr).toMatchObject({ code: 0, submitted: 1 });
    expect(shipped()).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.tar$/)]);
  });

  it('that arrives changed is thrown away, and nothing is submitted', async () => {
    expect(await more(1)).toMatchObject({ submitted: 1 });
    await use(made());
    receiving(`exec sed 's/glidein/glideiN/'`);
    const spoilt = await more(1);
    expect(spoilt).toMatchObject({ code: 3, submitted: 0 });
    expect(spoilt.stderr).toContain('did not arrive as it was sent');
    expect(shipped()).toEqual([]);
  });

  it('that does not fit on the disk leaves nothing there, and it says what is missing', async () => {
    await use(made());
    const small = mkdtempSync(join(cluster.prefix, 'small-disk-'));
    const options = `size=2m,uid=${ada.uid},gid=${ada.gid},mode=0700`;
    expect(await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', small])).toMatchObject({ code: 0 });
    try {
      await here.set(`connection.remoteDir=${small}`);
      const full = await more(1);
      expect(full).toMatchObject({ code: 3, submitted: 0 });
      expect(full.stderr).toMatch(/needs 3\.\d MB, and the disk of .* on the login host has [12]\.\d MB left/);
      inFront('df', 'exit 1');
      const unknown = await more(1);
      expect(unknown).toMatchObject({ code: 3, submitted: 0 });
      expect(unknown.stderr).toContain('No space left on device');
      expect(readdirSync(join(small, 'cvmfs'))).toEqual([]);
      await run('mount', ['-o', 'remount,size=8m', small]);
      expect(await more(1)).toMatchObject({ code: 0, submitted: 1 });
    } finally {
      await cancelAllJobs(cluster);
      await run('umount', ['-l', small]);
      rmSync(small, { recursive: true, force: true });
    }
  });
});
