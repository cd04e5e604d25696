import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, shim, withShims } from '../support/campus.ts';
import { type Checked, checkedIn } from '../support/check-json.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { freePorts } from '../support/free-ports.ts';
import { pathWithout } from '../support/path-without.ts';
import { mustRun } from '../support/run-program.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { noisyStartupFiles } from '../support/startup-files.ts';
import { testToken } from '../support/test-token.ts';

/** One way in which a site can be broken, and the step that names it. */
interface Broken {
  /** Answers what the program's environment needs for it. */
  breakIt: () => Promise<NodeJS.ProcessEnv | undefined>;
  step: string;
  code: number;
  words: string | RegExp;
}

describeOnCluster('check', (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let place: string;
  let undo: () => void;
  beforeEach(async () => {
    undo = () => {};
    place = mkdtempSync(join(cluster.prefix, 'check-'));
    chmodSync(place, 0o755);
    here = await campus(cluster, 1);
    await here.set('image.remotePath=/etc/passwd');
  });
  afterEach(() => {
    undo();
    here.remove();
    rmSync(place, { recursive: true, force: true });
    clearRemote(ada);
  });
  const check = async (env: NodeJS.ProcessEnv = {}): Promise<Checked> =>
    checkedIn(await here.glidein(['check', 'campus', '--json'], { env }));
  const logins = () => readFileSync(cluster.sshd.logFile, 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;

  const afterLogin = ['shell', 'start-up', 'clock', 'directories', 'space', 'lock', 'scheduler', 'listing'];
  const untried = (checked: Checked) =>
    checked.steps.filter(({ message }) => message === 'not tried').map(({ step }) => step);

  it.for(['ssh2', 'openssh'])('finds nothing wrong where nothing is, over one connection of %s', async (transport) => {
    await here.set(`connection.transport=${transport}`);
    const before = logins();
    const checked = await check();
    expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({
      code: 0,
      failed: [],
      warnings: [],
      stderr: '',
    });
    expect(logins() - before).toBe(1);
    expect(untried(checked)).toEqual([]);
    const said = Object.fromEntries(checked.steps.map(({ step, message }) => [step, message]));
    expect(said).toMatchObject({
      transport: `${transport} (the profile says so)`,
      login: `logged in to ${ada.name}@${cluster.sshd.host}:${cluster.sshd.port}`,
      shell: 'bash answers, as a login shell',
      scheduler: expect.stringMatching(/^slurm\S* \d/),
      queue: 'whole; 0-00:30:00 is within its limits',
      lock: expect.stringContaining('(flock)'),
      runtime: 'apptainer version 1.4.5 (stand-in), on the login node',
    });
  });

  const broken: Record<string, Broken> = {
    'a host name that does not resolve': {
      breakIt: async () => sshWith((config) => config.replace(/HostName \S+/, 'HostName login.invalid')),
      ...{ step: 'name', code: 3, words: 'login.invalid' },
    },
    'a port that is closed': {
      breakIt: async () => void (await here.set(`connection.port=${(await freePorts(1))[0]}`)),
      ...{ step: 'port', code: 3, words: /refused/i },
    },
    'a changed host key': {
      breakIt: async () => {
        await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(place, 'other')]);
        const other = readFileSync(join(place, 'other.pub'), 'utf8').trim();
        writeFileSync(join(place, 'known_hosts'), `[${cluster.sshd.host}]:${cluster.sshd.port} ${other}\n`);
        return sshWith((config) => config.replaceAll(cluster.knownHostsFile, join(place, 'known_hosts')));
      },
      ...{ step: 'host-key', code: 3, words: 'says otherwise' },
    },
    'a refused login': {
      breakIt: async () => {
        await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(place, 'other')]);
        return sshWith((config) => config.replaceAll(ada.privateKeyFile, join(place, 'other')));
      },
      ...{ step: 'login', code: 3, words: /publickey/ },
    },
    'a directory that cannot be written': {
      breakIt: async () => void (await here.set(`connection.remoteDir=${join(place, 'glidein')}`)),
      ...{ step: 'directories', code: 2, words: 'Permission denied' },
    },
    'clients of the scheduler that are missing': {
      breakIt: async () => {
        const path = pathWithout(['squeue', 'sbatch'], join(place, 'bin'));
        await here.set(`connection.prologue=${JSON.stringify([`PATH=${path}`])}`);
        return undefined;
      },
      ...{ step: 'scheduler', code: 2, words: 'sbatch, squeue are not on PATH' },
    },
    'a queue that does not exist': {
      breakIt: async () => void (await here.set('scheduler.queue=shred')),
      ...{ step: 'queue', code: 2, words: 'it has shared, whole' },
    },
    'an expired token': {
      breakIt: async () => void writeFileSync(here.tokenFile, `${testToken(-60)}\n`, { mode: 0o600 }),
      ...{ step: 'token', code: 2, words: 'has expired' },
    },
    'an image that is missing': {
      breakIt: async () => void (await here.set('image.remotePath=~/gone.sif')),
      ...{ step: 'image', code: 2, words: '~/gone.sif cannot be read' },
    },
    'a start-up file that ends the shell': {
      breakIt: async () => {
        const file = join(ada.home, '.bash_profile');
        writeFileSync(file, 'echo "this account has expired"; exit 1\n');
        undo = () => rmSync(file);
        return undefined;
      },
      ...{ step: 'shell', code: 3, words: 'this account has expired' },
    },
    'a queue that cannot be listed': {
      breakIt: async () => {
        const broken = shim(cluster, 'squeue', 'echo "slurm_load_jobs error: Unable to contact" >&2; exit 1');
        undo = () => broken.remove();
        await here.set(withShims([broken]));
        return undefined;
      },
      ...{ step: 'listing', code: 3, words: 'Unable to contact' },
    },
    'a wall clock that the queue does not allow': {
      breakIt: async () => void (await here.set('scheduler.walltime=3-00:00:00')),
      ...{ step: 'queue', code: 2, words: 'scheduler.walltime' },
    },
  };

  /** An environment whose `ssh` reads a changed configuration. */
  async function sshWith(change: (config: string) => string): Promise<NodeJS.ProcessEnv> {
    const directory = join(place, 'client');
    await writeSshShim(directory, change(readFileSync(cluster.sshConfigFile, 'utf8')).split('\n'));
    return { PATH: `${directory}:${here.env['PATH']}` };
  }

  const onTheWay = ['name', 'port', 'host-key', 'login'];
  const needs: Record<string, string[]> = {
    directories: ['space', 'lock', 'addresses'],
    scheduler: ['listing', 'queue', 'account', 'cores'],
    shell: [
      ...afterLogin.filter((step) => step !== 'shell'),
      ...['queue', 'account', 'cores', 'image'],
      ...['runtime', 'cvmfs', 'outbound', 'addresses'],
    ],
  };

  it.for(Object.entries(broken))('names %s, and only that', async ([, one]) => expectNamed(one));

  it.for(Object.entries(broken).filter(([, { step }]) => onTheWay.includes(step)))(
    'names %s, and only that, by the system’s ssh',
    async ([, one]) => {
      await here.set('connection.transport=openssh');
      await expectNamed(one);
    },
  );

  async function expectNamed({ breakIt, step, code, words }: Broken): Promise<void> {
    const checked = await check((await breakIt()) ?? {});
    expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({ code, failed: [step], warnings: [] });
    const found = checked.steps.find((one) => one.step === step);
    expect(found?.message).toMatch(words);
    expect(found?.hint).toEqual(expect.stringMatching(/\S/));
    if (onTheWay.includes(step)) expect(untried(checked)).toEqual(expect.arrayContaining(afterLogin));
    else expect(untried(checked)).toEqual(needs[step] ?? []);
  }

  it('tells of start-up files that print, which is no failure', async () => {
    const noise = noisyStartupFiles('ada', ada);
    try {
      const checked = await check();
      expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({
        code: 0,
        failed: [],
        warnings: ['start-up'],
      });
      expect(checked.steps.find(({ step }) => step === 'start-up')?.message).toContain(
        'Last login: never from nowhere',
      );
    } finally {
      noise.remove();
    }
  });

  it('that logs in lets passes try again after a refused login, and makes one try itself', async () => {
    const keys = join(ada.home, '.ssh/authorized_keys');
    renameSync(keys, `${keys}.away`);
    try {
      expect((await here.glidein(['top-up', 'campus', '--dry-run'])).code).toBe(3);
    } finally {
      renameSync(`${keys}.away`, keys);
    }
    const before = logins();
    const held = await here.glidein(['top-up', 'campus', '--dry-run']);
    expect(held.code).toBe(3);
    expect(held.stderr).toContain('it is not tried again before you log in');
    expect(logins()).toBe(before);
    expect(await check()).toMatchObject({ code: 0, failed: [] });
    expect(logins()).toBe(before + 1);
    expect((await here.glidein(['top-up', 'campus', '--dry-run'])).code).toBe(0);
  });
});
