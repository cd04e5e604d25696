import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { receiveToken, tokenHandshake } from '../../src/login/remote-programs.ts';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { ALL_PREFIXES } from '../support/leftovers.ts';
import { type Ran, run } from '../support/run-program.ts';
import { filesBelow, filesWith, formsOf, holds, modeOf, modesBelow, watchProcesses } from '../support/secret-search.ts';
import { cancelAllJobs, livingJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { testToken } from '../support/test-token.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

describeOnCluster("the token's text, on real Slurm over real SSH", (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let scratch: string;
  let started: number;
  let shims: Shim[] = [];
  beforeEach(async () => {
    started = Date.now() - 1000;
    here = await campus(cluster, 2);
    scratch = mkdtempSync(join(cluster.prefix, 'nodes-'));
    chmodSync(scratch, 0o1777);
    await here.set(`pilot.scratch=${scratch}`);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    for (const one of shims) one.remove();
    shims = [];
    for (const name of ['.bashrc', '.profile']) rmSync(join(ada.home, name), { force: true });
    rmSync(scratch, { recursive: true, force: true });
    clearRemote(ada);
  });

  const remoteToken = () => join(here.remoteDir, 'token');
  const token = () => readFileSync(here.tokenFile, 'utf8').trim();
  /** Login host, nodes, scheduler and both sides' logs and settings; and what is new where programs put temporary files. */
  const everywhere = (forms: readonly string[]) => [
    // Not the pool that other tests may have left: it is large, and nothing here comes near it.
    ...filesWith(forms, [cluster.prefix, '/etc/profile.d', join(homedir(), '.config'), join(homedir(), '.local')], {
      except: join(cluster.prefix, 'pool-'),
    }),
    ...filesWith(forms, ['/tmp', '/var/tmp', '/dev/shm'], { since: started, except: ALL_PREFIXES }),
  ];
  const allRun = (jobs: number) =>
    waitUntil(`${jobs} run`, 20, async () => {
      const living = await livingJobs(cluster);
      return living.length === jobs && living.every((job) => job.state === 'RUNNING');
    });
  const startUp = (name: '.bashrc' | '.profile', text: string) => {
    writeFileSync(join(ada.home, name), `${text}\n`);
    chownSync(join(ada.home, name), ada.uid, ada.gid);
  };
  /** Programs in front of the login host's own, where the token is received: no prologue runs there, but bash reads this. */
  const holdUp = (...names: string[]) => {
    const held = 'touch $STATE/called; until [ -e $STATE/released ]; do sleep 0.1; done; exec $REAL "$@"';
    shims = names.map((name) => shim(cluster, name, held));
    startUp('.bashrc', `PATH=${shims.map((one) => one.directory).join(':')}:$PATH`);
    return shims.map((one) => one.state);
  };
  const pilotCopies = () =>
    readdirSync(scratch)
      .map((name) => join(scratch, name, 'token'))
      .filter((file) => existsSync(file));

  it('is found nowhere but in its two files and the copies of running pilots, whatever the program is asked', async () => {
    const forms = formsOf(token());
    const watch = watchProcesses(forms);
    const said: { args: string; ran: Ran }[] = [];
    const ask = async (...args: string[]) => {
      const ran = await here.glidein(args);
      said.push({ args: args.join(' '), ran });
      return ran.code;
    };
    const sbatch = shim(cluster, 'sbatch', 'sleep 0.3; exec $REAL "$@"'); // Long enough to be looked at.
    await here.set(withShims([sbatch]));
    try {
      for (const form of ['--verbose', '--json']) {
        expect(await ask('token', 'check', 'campus', form)).toBe(0);
        expect(await ask('render', 'campus', form)).toBe(0);
        expect(await ask('site', 'show', 'campus', form)).toBe(0);
        expect(await ask('top-up', 'campus', '--dry-run', form)).toBe(0);
      }
      expect(everywhere(forms)).toEqual([here.tokenFile]);

      // On its way: at this time the file that it becomes is the only other one.
      const [cat = '', mv = ''] = holdUp('cat', 'mv');
      const shipping = ask('top-up', 'campus', '--verbose');
      for (const program of [cat, mv]) {
        await waitUntil(`${program} is called`, 20, () => existsSync(join(program, 'called')));
        const [local, part, ...others] = everywhere(forms).sort(byPlace);
        expect([local, others]).toEqual([here.tokenFile, []]);
        if (program === mv) expect(part).toMatch(/\/token\.part\.\d+$/);
        if (part !== undefined) expect([modeOf(part), modeOf(dirname(part))]).toEqual(['600', '700']);
        writeFileSync(join(program, 'released'), '');
      }
      expect(await shipping).toBe(0);

      await allRun(2);
      await waitUntil('both have a copy', 20, () => pilotCopies().length === 2);
      const copies = pilotCopies();
      expect(everywhere(forms).sort()).toEqual([here.tokenFile, remoteToken(), ...copies].sort());
      for (const file of [here.tokenFile, remoteToken(), ...copies]) expect(modeOf(file), file).toBe('600');
      for (const file of [remoteToken(), ...copies]) expect(modeOf(dirname(file)), file).toBe('700');
      for (const text of await whatSlurmShows()) expect(holds(text, forms)).toBe(false);

      for (const form of ['--verbose', '--json']) {
        expect(await ask('status', 'campus', form)).toBe(0);
        await here.set('scheduler.constraint=nosuchfeature', 'target=3');
        expect(await ask('top-up', 'campus', form)).toBe(1);
        await here.set('scheduler.constraint=null', 'target=2', 'connection.port=9');
        expect(await ask('top-up', 'campus', form)).toBe(3);
        await here.set('connection.port=null');
        chmodSync(here.tokenFile, 0o640);
        expect(await ask('token', 'check', 'campus', form)).toBe(2);
        expect(await ask('submit', 'campus', form)).toBe(2);
        chmodSync(here.tokenFile, 0o600);
      }
      expect(await ask('cancel', 'campus', '--all', '--verbose')).toBe(0);
      await waitUntil('the copies are gone', 20, () => pilotCopies().length === 0);
      expect(everywhere(forms).sort()).toEqual([here.tokenFile, remoteToken()].sort());
      expect(said.filter(({ ran }) => holds(ran.stdout + ran.stderr, forms)).map(({ args }) => args)).toEqual([]);
      expect(watch.found).toEqual([]);
    } finally {
      watch.stop();
      sbatch.remove();
    }
    const seen = [...watch.commandLines];
    console.log(`${watch.looks} looks at all processes, ${seen.length} command lines, ${said.length} commands asked`);
    expect(watch.looks).toBeGreaterThan(100);
    for (const part of ['top-up campus', 'sbatch --parsable', 'squeue ', 'base64 -d', 'slurm_script', 'idle-runtime']) {
      expect(
        seen.some((line) => line.includes(part)),
        `a process with ${part}`,
      ).toBe(true);
    }
  }, 150_000);

  function byPlace(one: string, other: string): number {
    return Number(other === here.tokenFile) - Number(one === here.tokenFile);
  }

  async function whatSlurmShows(): Promise<string[]> {
    const texts: string[] = [];
    const of = async (...words: [string, ...string[]]) => {
      const { stdout, stderr } = await run(words[0], words.slice(1), { env: { ...slurmEnv(cluster), TZ: 'UTC' } });
      expect(stdout).not.toBe('');
      texts.push(stdout + stderr);
    };
    for (const { id } of await livingJobs(cluster)) {
      await of('scontrol', 'show', 'job', '-dd', id);
      await of('scontrol', 'write', 'batch_script', id, '-');
    }
    await of('ps', 'auxwwe');
    expect(texts).toHaveLength(5);
    return texts;
  }

  it('is found by this search wherever it really is', async () => {
    const forms = formsOf(token());
    const signature = token().split('.')[2] ?? '';
    const planted = mkdtempSync(join(cluster.prefix, 'planted-'));
    try {
      const texts = {
        whole: `x ${token()} y`,
        signature,
        hexadecimal: Buffer.from(signature).toString('hex'),
        ...{ base64: Buffer.from(token()).toString('base64') },
        ...Object.fromEntries(
          ['a', 'ab', 'abc'].map((lead) => [lead, Buffer.from(`${lead}${signature}z`).toString('base64')]),
        ),
      };
      for (const [name, text] of Object.entries(texts)) writeFileSync(join(planted, name), text);
      writeFileSync(join(planted, signature), '');
      writeFileSync(join(planted, 'none'), testToken());
      const found = everywhere(forms).filter((file) => file.startsWith(planted));
      expect(found.sort()).toEqual([...Object.keys(texts), signature].map((name) => join(planted, name)).sort());
      expect(everywhere(forms)).toContain(here.tokenFile);
    } finally {
      rmSync(planted, { recursive: true, force: true });
    }
    const watch = watchProcesses(forms);
    await run('sleep', ['0.3'], { env: { SECRET: token() } });
    await run('sh', ['-c', 'sleep 0.3; :', token()]);
    watch.stop();
    expect(watch.found.some((line) => line.startsWith('environment'))).toBe(true);
    expect(watch.found.some((line) => line.startsWith('arguments'))).toBe(true);
  });

  it('is not repeated by complaints about a file that holds more than it, or only a part', async () => {
    const forms = formsOf(token());
    for (const text of [
      `${token()}\n${token()}`,
      `${token()}.x`,
      `x${token()}`,
      token().slice(token().indexOf('.') + 1),
    ]) {
      writeFileSync(here.tokenFile, text, { mode: 0o600 });
      for (const args of [
        ['token', 'check', 'campus', '--verbose'],
        ['top-up', 'campus', '--json'],
      ]) {
        const ran = await here.glidein(args);
        expect(ran).toMatchObject({ code: 2 });
        expect(holds(ran.stdout + ran.stderr, forms)).toBe(false);
      }
    }
  });

  it.for(['000', '077'])('lies in files for their owner alone, and so does all else, under umask %s', async (umask) => {
    startUp('.bashrc', `umask ${umask}`);
    startUp('.profile', `umask ${umask}`);
    const profile = join(dirname(here.tokenFile), 'exported.json');
    writeFileSync(profile, (await here.glidein(['site', 'export', 'campus'])).stdout);
    const configDir = `${here.configDir}-of-${umask}`;
    const glidein = (...args: string[]) =>
      run('/bin/sh', ['-c', `umask ${umask}; exec "$@"`, 'sh', process.execPath, program, ...args], {
        env: { ...here.env, GLIDEIN_CONFIG_DIR: configDir },
        seconds: 100,
      });
    expect(await glidein('site', 'import', profile)).toMatchObject({ code: 0 });
    const pass = await glidein('top-up', 'campus');
    expect(pass, pass.stderr).toMatchObject({ code: 0 });
    await allRun(2);
    await waitUntil('both have a copy', 20, () => pilotCopies().length === 2);
    expect(await glidein('cancel', 'campus', '--all')).toMatchObject({ code: 0 });
    await waitUntil(
      'they have ended',
      20,
      () => existsSync(join(here.remoteDir, 'ends')) && readdirSync(join(here.remoteDir, 'ends')).length === 2,
    );
    const places = [configDir, join(ada.home, '.glidein')];
    expect(places.map((place) => filesBelow(place).length).every((files) => files >= 2)).toBe(true);
    for (const { path, directory, mode } of places.flatMap(modesBelow))
      expect(mode, path).toBe(directory ? '700' : '600');
    expect(modeOf(remoteToken())).toBe('600');
  });

  it('stays as it was on the login host when the connection is cut while a newer one is sent', async () => {
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0 });
    const before = readFileSync(remoteToken(), 'utf8');
    const newer = testToken();
    const sent = `\n${tokenHandshake.begin}\n${newer}\n`;
    const cuts = [0, 1, sent.indexOf(newer), sent.length - 60, sent.length - 2];
    for (const cut of cuts) {
      await run('ssh', ['campus', receiveToken('~/.glidein/campus')], { env: here.env, input: sent.slice(0, cut) });
      expect(readFileSync(remoteToken(), 'utf8'), `cut at byte ${cut} of ${sent.length}`).toBe(before);
    }
    console.log(`cut at ${cuts.length} places`);
    expect(readdirSync(here.remoteDir).filter((name) => name.includes('token'))).toEqual(['token']);
  });
});
