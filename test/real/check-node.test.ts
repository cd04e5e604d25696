import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { type Checked, checkedIn } from '../support/check-json.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { freePorts } from '../support/free-ports.ts';
import { type LoopbackServer, loopbackServer } from '../support/loopback-server.ts';
import { runtimeOnNode } from '../support/node-trial.ts';
import { cancelAllJobs, livingJobs, slurmJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

/** What this machine's kernel and disks decide, and no test. */
const ofTheMachine = ['node-userns', 'node-fuse', 'node-scratch', 'node-files'];

/** A job that never starts. */
const never = 'scheduler.extra=["--begin=now+1hour"]';

describeOnCluster('check --node', (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let shims: Shim[];
  let servers: LoopbackServer[];
  let running: ChildProcess[];
  beforeEach(async () => {
    here = await campus(cluster, 1);
    [shims, running] = [[], []];
    servers = [await loopbackServer(), await loopbackServer('HTTP/1.1 400 Bad Request\r\n\r\n')];
    const [pool, squid] = servers.map(({ host, port }) => `${host}:${port}`);
    const runtime = join(cluster.prefix, 'runtime-on-node/apptainer');
    mkdirSync(dirname(runtime), { recursive: true });
    writeFileSync(runtime, runtimeOnNode, { mode: 0o755 });
    await here.set(
      ...['image.remotePath=/etc/passwd', `image.source=docker://${pool}/pilot:1`, 'pilot.cvmfs=none'],
      ...[`pilot.runtime=${runtime}`, `pilot.squid=http://${squid}`, `pilot.env={"POOL":"${pool}"}`],
    );
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    for (const server of servers) server.close();
    for (const one of shims) one.remove();
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(ada);
  });
  const check = async (...more: string[]): Promise<Checked> =>
    checkedIn(await here.glidein(['check', 'campus', '--node', '--json', ...more]));
  const logins = () => readFileSync(cluster.sshd.logFile, 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;
  const told = ({ steps }: Checked) => JSON.stringify(steps, null, 1);
  const step = ({ steps }: Checked, name: string) => steps.find((one) => one.step === name);

  /** Puts a program in front of the system's own, on the node alone. */
  const onNode = async (name: string, script: string) => {
    shims.push(shim(cluster, name, `[ -z "\${SLURM_JOB_ID-}" ] || { ${script}\n}\nexec $REAL "$@"`));
    await here.set(withShims(shims));
  };

  /** Neither a job nor a file of a trial is left. */
  async function expectNothingLeft(): Promise<void> {
    // After a kill the session there cancels the job first, and then removes the files.
    const isGone = async () => (await livingJobs(cluster)).length === 0 && !existsSync(join(here.remoteDir, 'check'));
    await waitUntil('the trial is gone', 20, isGone, 250);
    expect(readdirSync(here.remoteDir).sort()).toEqual(['drain', 'ends', 'intents', 'jobs', 'logs', 'seen']);
    for (const name of ['jobs', 'logs', 'seen', 'ends', 'drain'])
      expect(readdirSync(join(here.remoteDir, name)), name).toEqual([]);
  }

  it.for(['ssh2', 'openssh'])('finds nothing wrong where nothing is, and leaves nothing, by %s', async (transport) => {
    await here.set(`connection.transport=${transport}`);
    const before = logins();
    const checked = await check();
    expect(checked, told(checked)).toMatchObject({ code: 0, failed: [] });
    expect(
      checked.warnings.filter((name) => !ofTheMachine.includes(name)),
      told(checked),
    ).toEqual([]);
    const said = Object.fromEntries(checked.steps.map((one) => [one.step, one.message]));
    expect(said, told(checked)).toMatchObject({
      node: expect.stringMatching(/^the job \d+ ran on \S+$/),
      'node-user': expect.stringMatching(new RegExp(`^${ada.name}, user id \\d+$`)),
      'node-clock': "its clock is the login host's",
      'node-logs': '~/.glidein/campus/logs can be written',
      'node-runtime': expect.stringMatching(/^apptainer version 1\.4\.5, /),
      'node-container': 'the image starts',
      'node-nested': 'a container starts in the container',
      'node-squid': expect.stringMatching(/ answers$/),
      'node-pool': expect.stringMatching(/ takes connections$/),
    });
    const jobs = (await slurmJobs(cluster)).filter(({ comment }) => comment.startsWith('check-campus-'));
    expect(jobs.map(({ name, state }) => `${name} ${state}`)).toContain('gc-campus COMPLETED');
    expect(jobs.filter(({ state }) => state !== 'COMPLETED')).toEqual([]);
    expect(logins() - before).toBe(1);
    await expectNothingLeft();
  });

  const closed = async () => `127.0.0.1:${(await freePorts(1))[0]}`;
  const broken: Record<string, { breakIt: () => Promise<void>; step: string; code: number; words: string | RegExp }> = {
    'a node without a runtime': {
      breakIt: () => here.set('pilot.runtime=/opt/none/apptainer'),
      ...{ step: 'node-runtime', code: 2, words: '/opt/none/apptainer is not there' },
    },
    'an image that does not start': {
      breakIt: () => here.set('pilot.runtime=/bin/echo'),
      ...{ step: 'node-container', code: 2, words: 'the image does not start: exec --contain' },
    },
    'a scratch directory that cannot be made': {
      breakIt: () => here.set('pilot.scratch=/proc'),
      ...{ step: 'node-scratch', code: 2, words: /no scratch directory can be made: .*\/proc\/glidein-/ },
    },
    'a scratch directory that is not named on the node': {
      breakIt: () => here.set('pilot.scratch=$NO_SUCH_PLACE'),
      ...{ step: 'node-scratch', code: 2, words: 'NO_SUCH_PLACE: is not set on this node' },
    },
    'scratch that is too small': {
      breakIt: () => onNode('df', 'echo "/dev/x 1000000 900000 100000 90% /tmp"; exit 0'),
      ...{ step: 'node-scratch', code: 2, words: 'only 0.1 GB are free in /tmp' },
    },
    'a log directory that nodes may not write': {
      breakIt: async () => {
        await onNode('id', 'chmod 500 ~/.glidein/campus/logs');
        await onNode('df', 'chmod 700 ~/.glidein/campus/logs'); // which comes later
      },
      ...{ step: 'node-logs', code: 2, words: '~/.glidein/campus/logs cannot be written: Permission denied' },
    },
    'a log directory that is another disk there': {
      breakIt: () => onNode('id', 'rm -f ~/.glidein/campus/logs/.check.*'),
      ...{ step: 'node-logs', code: 2, words: 'is another directory there than on the login host' },
    },
    'a squid that is dead': {
      breakIt: async () => here.set(`pilot.squid=http://${await closed()}`),
      ...{ step: 'node-squid', code: 2, words: /^http:\S+ does not answer: Connection refused/ },
    },
    'a pool that cannot be reached': {
      breakIt: async () => here.set(`pilot.env={"POOL":"${await closed()}"}`),
      ...{ step: 'node-pool', code: 3, words: /^a pilot cannot join: 127\.0\.0\.1:\d+ \(Connection refused\)/ },
    },
    'a user id without a name': {
      breakIt: () => onNode('id', `echo "id: cannot find name for user ID" >&2; exit 1`),
      ...{ step: 'node-user', code: 3, words: 'has no name there, and HTCondor needs one: id: cannot find name' },
    },
    'a node that does not see jobDir': {
      breakIt: () => onNode('uname', 'rm -rf ~/.glidein/campus/check'),
      ...{ step: 'node', code: 2, words: /^the job \d+ ended( on \S+)? without an answer in ~\/\.glidein\/campus/ },
    },
  };

  it.for(Object.entries(broken))('names %s, and only that', async ([, { breakIt, step: name, code, words }]) => {
    await breakIt();
    const checked = await check();
    expect(checked, told(checked)).toMatchObject({ code, failed: [name] });
    expect(
      checked.warnings.filter((one) => !ofTheMachine.includes(one)),
      told(checked),
    ).toEqual([]);
    expect(step(checked, name)?.message).toMatch(words);
    expect(step(checked, name)?.hint).toEqual(expect.stringMatching(/\S/));
    await expectNothingLeft();
  });

  it('says why a job waits, gives it up in time, and cancels it', async () => {
    await here.set(never);
    const checked = await check('--wait', '5s');
    expect(checked, told(checked)).toMatchObject({ code: 3, failed: ['node'] });
    expect(step(checked, 'node')?.message).toMatch(
      /did not start within 5s: it is pending: .*BeginTime.*; it was cancelled/,
    );
    expect(step(checked, 'node')?.hint).toContain('glidein check campus --node --wait 30s');
    expect(checked.stderr).toMatch(/^campus: the job \d+ is pending: .*BeginTime/m);
    await expectNothingLeft();
  });

  /** Starts a check whose job waits for ever, and answers when it is in the queue and told of. */
  async function waitingCheck(): Promise<{ child: ChildProcess; code: Promise<number | null> }> {
    await here.set(never);
    const child = spawn(process.execPath, [program, 'check', 'campus', '--node', '--json'], {
      env: { ...process.env, ...here.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.push(child);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await waitUntil('the trial waits', 60, () => said.includes('is pending'), 100);
    expect((await livingJobs(cluster)).map(({ name }) => name)).toEqual(['gc-campus']);
    return { child, code };
  }

  it.for(['ssh2', 'openssh'])('that is interrupted cancels its job before it ends, by %s', async (transport) => {
    await here.set(`connection.transport=${transport}`);
    const { child, code } = await waitingCheck();
    child.kill('SIGINT');
    expect(await code).toBe(130);
    expect(await livingJobs(cluster)).toEqual([]);
    await expectNothingLeft();
  });

  it.for(['ssh2', 'openssh'])('that is killed leaves no job either, by %s', async (transport) => {
    await here.set(`connection.transport=${transport}`);
    const { child, code } = await waitingCheck();
    child.kill('SIGKILL');
    await code;
    await expectNothingLeft();
  });

  /** An `sbatch` that takes its time, and one that says that nobody knows. */
  const submits = 'case $* in *--parsable*) ;; *) false ;; esac';
  const slowly = `{ ! ${submits} || { touch $STATE/begun; sleep 3; }; }`;
  const inFront = async (script: string) => {
    shims.push(shim(cluster, 'sbatch', script));
    await here.set(withShims(shims));
  };

  it('that is interrupted while it submits sees that through, and cancels it', async () => {
    await inFront(`${slowly}; $REAL "$@"; code=$?; ${submits} && echo $code > $STATE/ended; exit $code`);
    await here.set(never);
    const child = spawn(process.execPath, [program, 'check', 'campus', '--node'], {
      env: { ...process.env, ...here.env },
      stdio: 'ignore',
    });
    running.push(child);
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await waitUntil('sbatch runs', 60, () => existsSync(join(shims[0]?.state ?? '', 'begun')), 50);
    child.kill('SIGINT');
    expect(await code).toBe(130);
    // Slurm may have forgotten the cancelled job by now: that it took it, its client has said.
    expect(readFileSync(join(shims[0]?.state ?? '', 'ended'), 'utf8')).toBe('0\n');
    expect(await livingJobs(cluster)).toEqual([]);
    await expectNothingLeft();
  });

  it('that is killed while it submits leaves a job that the next one cancels', async () => {
    await inFront(`[ -e $STATE/begun ] || ${slowly}; exec $REAL "$@"`);
    await here.set(never);
    const child = spawn(process.execPath, [program, 'check', 'campus', '--node'], {
      env: { ...process.env, ...here.env },
      stdio: 'ignore',
    });
    running.push(child);
    await waitUntil('sbatch runs', 60, () => existsSync(join(shims[0]?.state ?? '', 'begun')), 50);
    child.kill('SIGKILL');
    await waitUntil('the job is there', 20, async () => (await livingJobs(cluster)).length === 1, 100);
    await waitUntil('its files are not', 20, () => !existsSync(join(here.remoteDir, 'check')), 100);
    await here.set('scheduler.extra=[]');
    const checked = await check();
    expect(checked, told(checked)).toMatchObject({ code: 0, failed: [] });
    await expectNothingLeft();
  });

  it('finds its job although the answer of sbatch was lost', async () => {
    await inFront(
      `${submits} || exec $REAL "$@"; $REAL "$@" >/dev/null; echo "sbatch: error: Socket timed out" >&2; exit 1`,
    );
    const checked = await check();
    expect(checked, told(checked)).toMatchObject({ code: 0, failed: [] });
    await expectNothingLeft();
    await here.set(never);
    expect(await check('--wait', '4s')).toMatchObject({ code: 3, failed: ['node'] });
    await expectNothingLeft();
  });

  it('names what the scheduler says when it takes no such job', async () => {
    await here.set('scheduler.extra=["--begin=now", "--licenses=none:1"]');
    const checked = await check();
    expect(checked, told(checked)).toMatchObject({ code: 1, failed: ['node'] });
    expect(step(checked, 'node')?.message).toMatch(/license/i);
    await expectNothingLeft();
  });

  it('is no pilot for a pass that runs meanwhile', async () => {
    const { child, code } = await waitingCheck();
    await here.set('scheduler.extra=[]', `pilot.runtime=${join(cluster.prefix, 'idle-runtime')}`);
    expect(await here.site(['status', 'campus'])).toMatchObject({ pending: 0, running: 0, unknown: 0 });
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, state: 'ok', submitted: 1 });
    const cancelled = await here.site(['cancel', 'campus', '--all']);
    expect(cancelled.ids.length).toBe(1);
    await waitUntil('the pilot is gone', 30, async () => (await livingJobs(cluster)).length === 1, 250);
    expect((await livingJobs(cluster)).map(({ name }) => name)).toEqual(['gc-campus']);
    child.kill('SIGINT');
    expect(await code).toBe(130);
    // After a kill the session there cancels the job first, and then removes the files.
    const isGone = async () => (await livingJobs(cluster)).length === 0 && !existsSync(join(here.remoteDir, 'check'));
    await waitUntil('the trial is gone', 20, isGone, 250);
    expect(existsSync(join(here.remoteDir, 'check'))).toBe(false);
  });
});
