import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { processesOfUsers } from '../support/processes.ts';
import { type RelayedLogin, relayedLogin } from '../support/relayed-login.ts';
import { run } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

describeOnCluster('a client that goes in the middle', (cluster) => {
  const { ada } = cluster.users;
  const startUpFile = join(ada.home, '.bash_profile');
  let here: Campus;
  let way: RelayedLogin;
  const shims: Shim[] = [];
  beforeAll(async () => {
    way = await relayedLogin(cluster);
  });
  afterAll(() => way.close());
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    for (const one of shims.splice(0)) one.remove();
    rmSync(startUpFile, { force: true });
    clearRemote(ada);
  });

  /** A site with a program in front of one of the scheduler's; not by a prologue, so that a pass begins as it usually does. */
  async function siteWith(name: string, script: string): Promise<Shim> {
    here = await campus(cluster, 2);
    const made = shim(cluster, name, script);
    shims.push(made);
    writeFileSync(startUpFile, `PATH=${made.directory}:$PATH\n`);
    return made;
  }

  const env = () => ({ ...here.env, PATH: `${way.pathDir}:${process.env['PATH']}` });

  function start(...args: string[]): { child: ChildProcess; code: Promise<number | null> } {
    const child = spawn(process.execPath, [program, ...args], { env: env(), stdio: 'ignore' });
    return { child, code: new Promise((resolve) => child.once('exit', resolve)) };
  }

  /** sshd's own for her, and what it started; not what runs in a batch job. */
  const leftThere = () =>
    processesOfUsers([ada.uid]).filter((pid) => !readProc(pid, 'environ').includes('SLURM_JOB_ID='));
  const lockIsFree = async () => (await run('flock', ['-n', join(here.remoteDir, 'lock'), 'true'])).code === 0;

  const hangs = 'touch $STATE/began; sleep 299';
  const began = ({ state }: Shim) => waitUntil('it hangs', 20, () => existsSync(join(state, 'began')));

  it.each([
    ['ssh2', 'SIGINT', 130],
    ['ssh2', 'SIGKILL', null],
    ['openssh', 'SIGINT', 130],
    ['openssh', 'SIGKILL', null],
  ] as const)('by %s and %s leaves no listing there, and no lock', async (transport, signal, code) => {
    const squeue = await siteWith('squeue', hangs);
    await here.set(`connection.transport=${transport}`);
    const pass = start('top-up', 'campus');
    await began(squeue);
    expect(await lockIsFree()).toBe(false);
    pass.child.kill(signal);
    expect(await pass.code).toBe(code);
    await waitUntil('the lock is free', 2, lockIsFree);
    await waitUntil('no program of it is there', 2, () => leftThere().every(isOfSshd));
    // A killed client's `ssh` has a connection that others could use, and gives it up when none does.
    await waitUntil('nothing of it is there', 15, () => leftThere().length === 0);
  });

  it('because its line is cut leaves no listing there, and no lock', async () => {
    const squeue = await siteWith('squeue', hangs);
    const pass = start('top-up', 'campus');
    await began(squeue);
    way.relay.cut();
    await waitUntil('the lock is free', 2, lockIsFree);
    await waitUntil('nothing of it is there', 2, () => leftThere().length === 0);
    expect(await pass.code).toBe(3);
  });

  it.each([
    ['status', 'squeue'],
    ['discover', 'sinfo'],
    ['check', 'sinfo'],
    ['cancel', 'scancel'],
  ])('leaves nothing of a %s there whose %s hangs', async (command, client) => {
    const hanging = await siteWith(client, hangs);
    if (command === 'cancel') await here.glidein(['top-up', 'campus']);
    const pass = start(command, 'campus', ...(command === 'cancel' ? ['--all'] : []));
    await began(hanging);
    pass.child.kill('SIGINT');
    expect(await pass.code).toBe(130);
    await waitUntil('nothing of it is there', 2, () => leftThere().length === 0);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('by %s while it submits has submitted', async (signal) => {
    const sbatch = await siteWith('sbatch', 'touch $STATE/began; sleep 2; exec $REAL "$@"');
    const pass = start('top-up', 'campus');
    await began(sbatch);
    pass.child.kill(signal);
    await pass.code;
    expect(await livingJobs(cluster)).toEqual([]);
    expect(await lockIsFree()).toBe(false);
    await waitUntil('it is submitted', 10, async () => (await livingJobs(cluster)).length === 2);
    await waitUntil('its outcome is written', 5, () => existsSync(join(here.remoteDir, 'intents/1/outcome')));
    await waitUntil('the lock is free', 2, lockIsFree);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 0, inDoubt: 0 });
  });
});

/** What serves the connection, not what runs in it. */
function isOfSshd(pid: number): boolean {
  return readProc(pid, 'cmdline').startsWith('sshd');
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // It ended just now.
  }
}
