import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type LoginClock, loginClock } from '../support/login-clock.ts';
import { run } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const timedOut = `echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1`;
/** Misbehaves once, then is the real one. */
const once = (script: string) => `mkdir $STATE/done 2>/dev/null || exec $REAL "$@"\n${script}`;

describeOnCluster('a submission whose answer is lost, on real Slurm', (cluster) => {
  let here: Campus;
  let clock: LoginClock;
  let sbatch: Shim | null = null;
  beforeEach(async () => {
    here = await campus(cluster, 5);
    clock = loginClock(cluster);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    clock.remove();
    sbatch?.remove();
    sbatch = null;
    clearRemote(cluster.users.ada);
  });
  const count = async () => (await livingJobs(cluster)).length;
  const putInFront = async (script: string) => {
    sbatch = shim(cluster, 'sbatch', script);
    await here.set(withShims([sbatch, clock]));
  };
  const topUp = () => here.site(['top-up', 'campus']);

  it('that was accepted is found by the next pass, and not repeated', async () => {
    await putInFront(once(`$REAL "$@" >/dev/null; ${timedOut}`));
    expect(await topUp()).toMatchObject({ code: 3, state: 'doubt', inDoubt: 5, submitted: 0 });
    expect(await topUp()).toMatchObject({ code: 0, state: 'ok', inDoubt: 0, submitted: 0 });
    expect(await count()).toBe(5);
  });

  it('that was never accepted is given up after two looks, five minutes later, and only then repeated', async () => {
    await putInFront(once(timedOut));
    expect(await topUp()).toMatchObject({ code: 3, inDoubt: 5 });
    for (const ahead of [0, 240, 310]) {
      clock.ahead(ahead);
      expect(await topUp()).toMatchObject({ code: 3, state: 'doubt', inDoubt: 5, submitted: 0 });
    }
    expect(await here.site(['status', 'campus'])).toMatchObject({ code: 3, inDoubt: 5 });
    clock.ahead(400);
    expect(await topUp()).toMatchObject({ code: 0, inDoubt: 0, submitted: 5 });
    expect(await count()).toBe(5);
  });

  it('whose job appears twenty seconds later is waited for', async () => {
    await putInFront(
      once(`cat > $STATE/script; (sleep 20; $REAL "$@" < $STATE/script) 9<&- >/dev/null 2>&1 & ${timedOut}`),
    );
    expect(await topUp()).toMatchObject({ code: 3, inDoubt: 5 });
    expect(await topUp()).toMatchObject({ code: 3, inDoubt: 5, submitted: 0 });
    await waitUntil('the job appears', 40, async () => (await count()) === 5);
    expect(await topUp()).toMatchObject({ code: 0, inDoubt: 0, submitted: 0 });
    expect(await count()).toBe(5);
  }, 120_000);

  it('because the connection was cut right after sbatch started, is finished there and found by the next pass', async () => {
    await putInFront(once('touch $STATE/started; sleep 2; exec $REAL "$@"'));
    const cut = topUp();
    await waitUntil('sbatch started', 20, async () => existsSync(join(sbatch?.state ?? '', 'started')));
    await cutConnections(readFileSync(cluster.sshd.pidFile, 'utf8').trim());
    const answer = await cut;
    expect(answer).toMatchObject({ code: 3, state: 'doubt', inDoubt: 5 });
    expect(answer.stderr).toContain('connection was lost');
    // The lock goes with the session, which the submission outlives: the next pass waits for it.
    expect(await topUp()).toMatchObject({ code: 0, state: 'ok', inDoubt: 0, submitted: 0 });
    expect(await count()).toBe(5);
  });

  const steps = [
    'connect',
    'handshake',
    'hello',
    'lock',
    'list',
    'token',
    'fence',
    'intent',
    'submit',
    'outcome',
    'report',
  ];
  it('because the program was killed at a step, is never one too many and never one lost', async () => {
    await putInFront('sleep 0.3; exec $REAL "$@"');
    const fired: string[] = [];
    for (const step of steps) {
      if (await killedAt(here, step)) fired.push(step);
      expect(await count()).toBeLessThanOrEqual(5);
      await settled(step);
      await cancelAllJobs(cluster);
      clearRemote(cluster.users.ada);
      clock.ahead(0);
    }
    console.log(`killed at ${fired.length} of ${steps.length} steps: ${fired.join(' ')}`);
    expect(fired).toEqual(steps);
  }, 170_000);

  /** Passes, the clock running faster, until one has nothing in doubt; the count is never over the target on the way. */
  async function settled(step: string): Promise<void> {
    for (const ahead of [0, 600, 700, 800]) {
      clock.ahead(ahead);
      const pass = await topUp();
      expect(await count(), `after a kill at ${step}`).toBeLessThanOrEqual(5);
      if (pass.code === 0) break;
    }
    expect(await topUp()).toMatchObject({ code: 0, submitted: 0, inDoubt: 0 });
    expect(await count(), `after a kill at ${step}`).toBe(5);
  }
});

/** Runs a pass and kills it, by SIGKILL, as soon as it says that it is at the step. False when it ended before. */
function killedAt(here: Campus, step: string): Promise<boolean> {
  const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, 'top-up', 'campus', '--verbose'], {
      env: here.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(`step ${step}`)) child.kill('SIGKILL');
    });
    child.on('close', (_code, signal) => resolve(signal === 'SIGKILL'));
  });
}

/** Kills the server's end of every connection; what runs there goes on. */
async function cutConnections(master: string): Promise<void> {
  const children = (await run('pgrep', ['-P', master])).stdout.trim().split('\n');
  for (const child of children) {
    const inner = (await run('pgrep', ['-P', child, '-f', '^sshd'])).stdout.trim().split('\n');
    for (const pid of [child, ...inner]) if (/^\d+$/.test(pid)) process.kill(Number(pid), 'SIGKILL');
  }
}
