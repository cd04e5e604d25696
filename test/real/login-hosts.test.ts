import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type SiteJson } from '../support/campus.ts';
import { type Cluster, describeOnCluster } from '../support/cluster.ts';
import { installPackage } from '../support/installed-package.ts';
import { mustRun, type Ran, run } from '../support/run-program.ts';
import { modesBelow } from '../support/secret-search.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { noisyStartupFiles, type StartupFiles, writeOwned } from '../support/startup-files.ts';
import { testToken } from '../support/test-token.ts';
import { waitUntil } from '../support/wait-until.ts';

const nicks = ['ada', 'dash', 'tcsh', 'fish'] as const;

describeOnCluster('a login host', (cluster) => {
  const { ada } = cluster.users;
  let made: Campus[] = [];
  let noises: StartupFiles[] = [];
  let places: string[] = [];
  const place = (name: string) => {
    const directory = mkdtempSync(join(cluster.prefix, name));
    chmodSync(directory, 0o755);
    places.push(directory);
    return directory;
  };
  const newCampus = async (...options: Parameters<typeof campus> extends [unknown, ...infer Rest] ? Rest : never) => {
    const one = await campus(cluster, ...options);
    made.push(one);
    return one;
  };
  beforeEach(() => {
    [made, noises, places] = [[], [], []];
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    for (const one of [...made, ...noises]) one.remove();
    for (const one of places) rmSync(one, { recursive: true, force: true });
    for (const user of Object.values(cluster.users)) clearRemote(user);
    rmSync(join(ada.home, '.bashrc'), { force: true });
  });
  const jobsOf = async (name: string) => (await livingJobs(cluster)).filter((job) => job.user === name).length;

  /** Two pilots come, are seen and go. */
  async function wholeCycle(
    user: string,
    site: (args: readonly string[]) => Promise<SiteJson>,
    whileThere = async () => {},
  ): Promise<void> {
    const pass = await site(['top-up', 'campus']);
    expect(pass, pass.stderr).toMatchObject({ code: 0, state: 'ok', submitted: 2, reason: null });
    expect(await jobsOf(user)).toBe(2);
    const status = await site(['status', 'campus']);
    expect(status, status.stderr).toMatchObject({ code: 0, state: 'ok', unknown: 0, inDoubt: 0 });
    expect(status.running + status.pending).toBe(2);
    await whileThere();
    const gone = await site(['cancel', 'campus', '--all']);
    expect(gone, gone.stderr).toMatchObject({ code: 0, cancelled: 2 });
    await waitUntil(`no job of ${user} is left`, 30, async () => (await jobsOf(user)) === 0);
    expect((await site(['status', 'campus'])).stderr).toBe('');
  }

  it.for([true, false])(
    'whose shells print and read in their start-up files serves bash, dash, tcsh and fish, loginShell=%s',
    async (loginShell) => {
      const each = nicks.map(async (nick) => {
        const user = cluster.users[nick];
        const here = await newCampus(2, { user, host: nick === 'ada' ? 'campus' : `campus-${nick}` });
        await here.set(`connection.loginShell=${loginShell}`);
        const noise = noisyStartupFiles(nick, user);
        noises.push(noise);
        await wholeCycle(user.name, (args) => here.site(args));
        return { nick, ran: noise.ran() };
      });
      const ran = await Promise.all(each);
      console.log(ran.map((one) => `${one.nick}: start-up files ran ${one.ran.length} times`).join(', '));
      // A dash that is no login shell reads none.
      for (const one of ran) expect(one.ran.length > 0, one.nick).toBe(loginShell || one.nick !== 'dash');
    },
  );

  it.for(['with', 'without'])(
    'with nothing but sh, coreutils and Slurm’s clients is enough, %s timeout',
    async (timeout) => {
      const here = await newCampus(2);
      const bare = await bareHost(cluster, place('bare-'), timeout === 'with');
      // The prologue sets it for the session; the start-up file for all that comes before and beside it.
      await here.set('connection.loginShell=false', `connection.prologue=${JSON.stringify([`PATH=${bare.path}`])}`);
      writeOwned(ada, '.bashrc', `PATH=${bare.path}\n`);
      for (const missing of ['flock', 'grep', 'sed', 'awk', 'bash', ...(timeout === 'with' ? [] : ['timeout'])]) {
        expect((await run('ssh', ['campus', 'command -v', missing], { env: here.env })).stdout, missing).toBe('');
      }
      await wholeCycle(ada.name, (args) => here.site(args));
      expect(readFileSync(bare.witness, 'utf8')).toBe('sbatch: lock.d is there\n');
      expect(existsSync(join(here.remoteDir, 'lock.d'))).toBe(false);
    },
  );

  it.for([
    ['0.3 s', 300],
    ['3 s', 3000],
  ] as const)('without flock has a lock that is had when its holder lets it go after %s', async ([, milliseconds]) => {
    const here = await newCampus(2);
    const bare = await bareHost(cluster, place('bare-'), true);
    await here.set('connection.loginShell=false', `connection.prologue=${JSON.stringify([`PATH=${bare.path}`])}`);
    const lock = join(here.remoteDir, 'lock.d');
    await mustRun('mkdir', ['-p', lock], { uid: ada.uid, gid: ada.gid });
    writeFileSync(join(lock, 'owner'), `${Math.floor(Date.now() / 1000)} another pass\n`);
    const pass = here.site(['top-up', 'campus', '--verbose']);
    await sleep(400 + milliseconds); // It starts, and meets the lock.
    rmSync(lock, { recursive: true });
    const free = performance.now();
    const outcome = await pass;
    expect(outcome, outcome.stderr).toMatchObject({ code: 0, submitted: 2 });
    expect(performance.now() - free, 'milliseconds after the lock was free').toBeLessThan(12_000);
    expect(existsSync(lock)).toBe(false);
  });

  it('without flock takes over the lock of a pass that was killed before it could sign', async () => {
    const here = await newCampus(2);
    const bare = await bareHost(cluster, place('bare-'), true);
    await here.set('connection.loginShell=false', `connection.prologue=${JSON.stringify([`PATH=${bare.path}`])}`);
    const lock = join(here.remoteDir, 'lock.d');
    await mustRun('mkdir', ['-p', lock], { uid: ada.uid, gid: ada.gid });
    await mustRun('touch', ['-d', '2 hours ago', lock]);
    const pass = await here.site(['top-up', 'campus']);
    expect(pass, pass.stderr).toMatchObject({ code: 0, submitted: 2 });
  });

  const odd = ["it's a place", '"mine" $HOME `id`', 'ünïcode'].map((name) => `~/.glidein/${name}`);
  it.for(odd)('takes a directory called %s', async (remoteDir) => {
    const here = await newCampus(2);
    await here.set(`connection.remoteDir=${JSON.stringify(remoteDir)}`);
    const directory = join(ada.home, remoteDir.slice(2));
    const marks = (name: string) => (existsSync(join(directory, name)) ? readdirSync(join(directory, name)).length : 0);
    const bothStarted = () => waitUntil('both pilots have started', 20, () => marks('seen') === 2);
    await wholeCycle(ada.name, (args) => here.site(args), bothStarted);
    expect(readdirSync(join(ada.home, '.glidein'))).toEqual([basename(remoteDir)]);
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(['intents', 'jobs', 'logs', 'seen', 'token']));
    await waitUntil('both have ended', 20, () => marks('ends') === 2);
    expect(readdirSync(join(directory, 'logs')).filter((name) => name.endsWith('.batch'))).toHaveLength(2);
  });

  it('whose remoteDir cannot be made or written says so, and gets no job', async () => {
    const here = await newCampus(2);
    const readonly = join(place('readonly-'), 'glidein');
    await here.set(`connection.remoteDir=${readonly}`);
    await refused(here, `the directory ${readonly} cannot be used`, 'Permission denied');
    mkdirSync(readonly);
    await refused(here, `the directory ${readonly} cannot be used`, /not permitted|Permission denied|Read-only/);
    writeOwned(ada, '.glidein/plain', 'a file\n');
    await here.set('connection.remoteDir=~/.glidein/plain');
    await refused(here, 'the directory ~/.glidein/plain cannot be used', /File exists|Not a directory/);
  });

  it('that lets nothing more be written says so, and gets no job', async () => {
    const here = await newCampus(2);
    // What a quota does, without a file system to mount: no file may grow, and the writer is told so.
    const full = "trap '' XFSZ; ulimit -f 0";
    writeOwned(ada, '.bashrc', `${full}\n`);
    await refused(here, '~/.glidein/campus', 'File too large');
    rmSync(join(ada.home, '.bashrc'));
    // With the token there already, it is the intent that cannot be written.
    await here.set('target=0');
    expect(await here.site(['submit', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
    await cancelAllJobs(cluster);
    await here.set('target=2', `connection.prologue=${JSON.stringify([full])}`);
    // dash's own printf has other words for it than coreutils.
    await refused(here, '', /File too large|I\/O error/);
    await here.set('connection.prologue=[]');
    expect(await here.site(['status', 'campus'])).toMatchObject({ code: 0, inDoubt: 0 });
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 2 });
    expect(readdirSync(here.remoteDir).filter((name) => name.startsWith('token'))).toEqual(['token']);
  });

  /** A pass that ends with 3, says both and submits nothing. */
  async function refused(here: Campus, what: string, said: string | RegExp): Promise<void> {
    const pass = await here.glidein(['top-up', 'campus']);
    expect(pass.stderr).toContain(what);
    expect(pass.stderr).toMatch(said);
    expect(pass.stderr).toContain('next:');
    expect(pass).toMatchObject({ code: 3 });
    expect(await jobsOf(ada.name)).toBe(0);
  }

  it.for([
    ['exit 1', 'exit 1', ''],
    ['exit 0 with a word', 'echo no allocation left >&2; exit 0', 'no allocation left'],
    ['bad syntax', 'if then', ''],
  ] as const)('whose prologue ends the shell says so, and gets no job: %s', async ([, line, said]) => {
    const here = await newCampus(2);
    await here.set(`connection.prologue=${JSON.stringify([line])}`);
    await refused(here, 'prologue', said);
    expect((await here.glidein(['top-up', 'campus'])).stderr).not.toMatch(/(begin|end)-[0-9a-f]{10}/);
  });

  it.for([
    ['a module that is not there', "sh -c 'echo Lmod has detected an error >&2; exit 1'", 'Lmod has detected an error'],
    ['a program that is not there', 'no-such-program load slurm', 'no-such-program'],
  ] as const)('whose prologue fails says so: %s', async ([, line, said]) => {
    const here = await newCampus(2);
    await here.set(`connection.prologue=${JSON.stringify([line])}`);
    const pass = await here.glidein(['top-up', 'campus']);
    expect(pass.stderr).toContain('prologue');
    expect(pass.stderr).toContain(said);
  });

  it('whose host key is not known, or is another one now, gets nothing', async () => {
    const here = await newCampus(2);
    const directory = place('ssh-');
    const known = join(directory, 'known_hosts');
    const config = readFileSync(cluster.sshConfigFile, 'utf8').replaceAll(cluster.knownHostsFile, known);
    await writeSshShim(directory, config.split('\n'));
    const env = { ...here.env, PATH: `${directory}:${process.env['PATH']}` };
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(directory, 'other')]);
    const other = readFileSync(join(directory, 'other.pub'), 'utf8').trim();
    const { port } = cluster.sshd;
    const logged = readFileSync(cluster.sshd.logFile, 'utf8').length;

    writeFileSync(known, `elsewhere.example.org ${other}\n`);
    const unknown = await here.glidein(['top-up', 'campus'], { env });
    expect(unknown).toMatchObject({ code: 3, stdout: expect.not.stringContaining('submitted') });
    const fingerprint = /SHA256:\S+/.exec((await run('ssh-keygen', ['-lf', cluster.sshd.hostKeyFile])).stdout)?.[0];
    expect(unknown.stderr).toContain(`the host key of 127.0.0.1 port ${port} is not known (${fingerprint}`);
    expect(unknown.stderr).toContain('next:');

    writeFileSync(known, `[127.0.0.1]:${port} ${other}\n`);
    const changed = await here.glidein(['top-up', 'campus'], { env });
    expect(changed.code).toBe(3);
    expect(changed.stderr).toContain(`${known}:1`);
    expect(changed.stderr).toContain(`${fingerprint}`);
    expect(changed.stderr).toContain('next:');
    for (const ran of [unknown, changed]) {
      const json = await here.glidein(['top-up', 'campus', '--json'], { env });
      expect(json).toMatchObject({ code: 3 });
      expect(JSON.parse(json.stdout)).toMatchObject({ sites: [{ state: 'unreachable', submitted: 0 }] });
      expect(ran.stderr).not.toContain('    at ');
    }
    expect(readFileSync(cluster.sshd.logFile, 'utf8').slice(logged)).not.toContain('Accepted publickey');
    expect(await jobsOf(ada.name)).toBe(0);
    expect(existsSync(here.remoteDir)).toBe(false);

    writeFileSync(known, readFileSync(cluster.knownHostsFile));
    expect(await here.glidein(['top-up', 'campus'], { env })).toMatchObject({ code: 0 });
  });

  it('that is this machine, to who is logged in there already, needs no SSH', async () => {
    const directory = place('local-');
    const programs = await installPackage(directory);
    const configDir = join(ada.home, '.config/glidein');
    const settled = (text: string, file: string) => {
      writeOwned(ada, file, text);
      chmodSync(join(ada.home, file), 0o600);
      return join(ada.home, file);
    };
    const token = settled(`${testToken()}\n`, '.config/token');
    const here = await newCampus(2);
    const profile = JSON.parse((await here.glidein(['site', 'export', 'campus'])).stdout);
    profile.connection = { host: 'localhost' };
    profile.pilot.token = token;
    const file = settled(JSON.stringify(profile), '.config/campus.json');
    const glidein = (args: readonly string[]): Promise<Ran> =>
      run('/usr/sbin/runuser', ['-u', ada.name, '--', process.execPath, join(programs, 'glidein'), ...args], {
        env: { HOME: ada.home, PATH: '/usr/local/bin:/usr/bin:/bin', SLURM_CONF: cluster.slurmConf, USER: ada.name },
        cwd: ada.home,
        seconds: 100,
      });
    const site = async (args: readonly string[]): Promise<SiteJson> => {
      const ran = await glidein([...args, '--json']);
      const [first] = (JSON.parse(ran.stdout || '{}') as { sites?: SiteJson[] }).sites ?? [];
      if (first === undefined) throw new Error(`no site in the answer: ${ran.stdout}${ran.stderr}`);
      return { ...first, code: ran.code, stderr: ran.stderr };
    };
    try {
      expect(await glidein(['site', 'import', file])).toMatchObject({ code: 0 });
      const logins = readFileSync(cluster.sshd.logFile, 'utf8').length;
      const dry = await glidein(['top-up', 'campus', '--dry-run', '--verbose']);
      expect(dry.stderr).toContain('(local) by local');
      await wholeCycle(ada.name, site);
      expect(readFileSync(cluster.sshd.logFile, 'utf8').length).toBe(logins);
      for (const one of modesBelow(configDir)) expect(one.mode, one.path).toBe(one.directory ? '700' : '600');
    } finally {
      for (const one of ['.config', '.local']) rmSync(join(ada.home, one), { recursive: true, force: true });
    }
  });

  it.for(['local', 'ssh2', 'openssh'])(
    'is not gone to by %s as a user id without an account here, which is told',
    async (transport) => {
      const directory = place('nobody-');
      const programs = await installPackage(directory);
      const stranger = 54_321;
      const here = await newCampus(0);
      await here.set(`connection.transport=${transport}`);
      const profile = join(directory, 'campus.json');
      writeFileSync(profile, (await here.glidein(['site', 'export', 'campus'])).stdout, { mode: 0o644 });
      const configDir = join(directory, 'config');
      mkdirSync(configDir, { mode: 0o700 });
      chownSync(configDir, stranger, stranger);
      const glidein = (...args: string[]) =>
        run(process.execPath, [join(programs, 'glidein'), ...args, '--config-dir', configDir], {
          env: { PATH: '/usr/bin:/bin', HOME: directory },
          cwd: '/',
          uid: stranger,
          gid: stranger,
        });
      expect(await glidein('site', 'import', profile)).toMatchObject({ code: 0 });
      for (const command of ['status', 'login']) {
        const ran = await glidein(command, 'campus');
        expect(ran.code, ran.stderr).toBe(3);
        expect(ran.stderr).toContain(`user id ${stranger} has no account on this machine`);
        expect(ran.stderr).not.toContain('bug');
      }
      expect((await glidein('logout', 'campus')).stdout).toContain('there is no connection');
    },
  );
});

/**
 * A directory that is all of PATH on a login host with nothing but a POSIX sh, coreutils and Slurm's clients. Its sbatch
 * leaves in `witness` whether the lock was there.
 */
async function bareHost(
  cluster: Cluster,
  directory: string,
  timeout: boolean,
): Promise<{ path: string; witness: string }> {
  const { stdout } = await mustRun('dpkg', ['-L', 'coreutils']);
  const programs = stdout.split('\n').filter((file) => /^(\/usr)?\/bin\/[^/]+$/.test(file));
  expect(programs.length).toBeGreaterThan(80);
  for (const file of programs)
    if (timeout || basename(file) !== 'timeout') symlinkSync(file, join(directory, basename(file)));
  copyFileSync('/bin/dash', join(directory, 'sh'));
  chmodSync(join(directory, 'sh'), 0o755);
  for (const client of ['squeue', 'scancel', 'scontrol']) symlinkSync(`/usr/bin/${client}`, join(directory, client));
  const witness = join(directory, 'witness');
  writeFileSync(witness, '');
  chownSync(witness, cluster.users.ada.uid, cluster.users.ada.gid);
  const lock = join(cluster.users.ada.home, '.glidein/campus/lock.d');
  const sbatch = `#!/bin/sh\n[ -d ${lock} ] && echo 'sbatch: lock.d is there' >> ${witness}\nexec /usr/bin/sbatch "$@"\n`;
  writeFileSync(join(directory, 'sbatch'), sbatch, { mode: 0o755 });
  return { path: directory, witness };
}
