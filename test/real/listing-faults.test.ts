import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type LoginClock, loginClock } from '../support/login-clock.ts';
import { run } from '../support/run-program.ts';
import { freezeController, startController, stopController, thawController } from '../support/slurm-daemons.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('a queue that cannot be read right, on real Slurm', (cluster) => {
  let here: Campus;
  let clock: LoginClock;
  const shims: Shim[] = [];
  beforeEach(async () => {
    here = await campus(cluster, 6);
    clock = loginClock(cluster);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    clock.remove();
    for (const one of shims.splice(0)) one.remove();
    clearRemote(cluster.users.ada);
  });
  const count = async () => (await livingJobs(cluster)).length;
  const topUp = () => here.site(['top-up', 'campus']);
  const inFront = (name: string, script: string) => {
    const made = shim(cluster, name, script);
    shims.push(made);
    return made;
  };

  it.each([
    [
      'fails',
      `echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1`,
      'Unable to contact',
    ],
    [
      'fails and exits 0',
      `echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2`,
      'Socket timed out',
    ],
    ['hangs', 'sleep 60', 'no answer within 2 s'],
    ['is cut in a line', `$REAL "$@" | head -c 30`, 'cut'],
    ['prints what it never printed', `$REAL "$@"; echo 'Welcome to the new queue'`, 'Welcome to the new queue'],
    ['is not there', 'exec /nonexistent/squeue', 'nonexistent'],
  ])('that %s submits nothing and exits 3', async (_name, script, words) => {
    await here.set('target=2');
    await topUp();
    await here.set('target=6', 'connection.timeouts.list=2', withShims([inFront('squeue', script), clock]));
    const answer = await topUp();
    expect(answer).toMatchObject({ code: 3, state: 'incomplete', submitted: 0 });
    expect(answer.stderr).toContain(words);
    expect(await count()).toBe(2);
  });

  it('that shows half of its lines, however often, submits nothing too much', async () => {
    const squeue = inFront(
      'squeue',
      '$REAL "$@" > $STATE/all.$$; head -n $((($(wc -l < $STATE/all.$$) + 1) / 2)) $STATE/all.$$',
    );
    await here.set(withShims([squeue, clock]));
    for (const ahead of [0, 0, 100, 200, 1000, 5000]) {
      clock.ahead(ahead);
      await topUp();
      expect(await count()).toBeLessThanOrEqual(6);
    }
    expect(await count()).toBe(6);
  });

  it('and a scheduler that answers for no single pilot either, submit nothing too much', async () => {
    const squeue = inFront(
      'squeue',
      '$REAL "$@" > $STATE/all.$$; head -n $((($(wc -l < $STATE/all.$$) + 1) / 2)) $STATE/all.$$',
    );
    const scontrol = inFront(
      'scontrol',
      `echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2; exit 1`,
    );
    await here.set(withShims([squeue, scontrol, clock]));
    for (const ahead of [0, 0, 100, 200, 1000, 5000]) {
      clock.ahead(ahead);
      await topUp();
      expect(await count()).toBeLessThanOrEqual(6);
    }
    expect((await topUp()).state).toBe('incomplete');
  });

  it("cannot be made so by the user's environment", async () => {
    await here.set(
      withShims(
        [clock],
        'export SQUEUE_STATES=R SQUEUE_FORMAT=%j SQUEUE_NAMES=x SLURM_TIME_FORMAT=relative SBATCH_ARRAY_INX=0-6 SBATCH_PARTITION=nowhere',
      ),
    );
    expect(await here.site(['submit', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
    expect(await count()).toBe(1);
    await here.set('target=10');
    expect(await topUp()).toMatchObject({ code: 0, submitted: 9 });
    expect(await topUp()).toMatchObject({ code: 0, submitted: 0 });
    expect(await count()).toBe(10);
  });

  it('because the controller is down, exits 3 in time and says so; when it is up again the next pass works', async () => {
    await here.set('target=2');
    await topUp();
    await here.set('target=4');
    await stopController(cluster);
    const began = Date.now();
    const down = await topUp();
    expect(Date.now() - began).toBeLessThan(120_000);
    expect(down).toMatchObject({ code: 3, state: 'incomplete', submitted: 0 });
    expect(down.stderr).toContain('the queue could not be read');
    await startController(cluster);
    expect(await topUp()).toMatchObject({ code: 0, submitted: 2 });
    expect(await count()).toBe(4);
  });

  it('because the controller is frozen, exits 3 after its time', async () => {
    await here.set('connection.timeouts.list=3');
    freezeController(cluster);
    const frozen = await topUp();
    thawController(cluster);
    expect(frozen).toMatchObject({ code: 3, state: 'incomplete', submitted: 0 });
    expect(await topUp()).toMatchObject({ code: 0, submitted: 6 });
    expect(await count()).toBe(6);
  });

  it('a controller that freezes between listing and submission leaves the submission in doubt, and it is found', async () => {
    const script =
      'mkdir $STATE/once 2>/dev/null || exec $REAL "$@"; touch $STATE/started; until [ -e $STATE/frozen ]; do sleep 0.05; done; exec $REAL "$@"';
    const sbatch = inFront('sbatch', script);
    await here.set('connection.timeouts.submit=4', withShims([sbatch, clock]));
    const pass = topUp();
    await waitUntil('sbatch is called', 20, async () => existsSync(join(sbatch.state, 'started')));
    freezeController(cluster);
    writeFileSync(join(sbatch.state, 'frozen'), '');
    expect(await pass).toMatchObject({ code: 3, state: 'doubt', inDoubt: 6 });
    thawController(cluster);
    for (const ahead of [0, 600, 700]) {
      clock.ahead(ahead);
      await topUp();
      expect(await count()).toBeLessThanOrEqual(6);
    }
    expect(await topUp()).toMatchObject({ code: 0, submitted: 0 });
    expect(await count()).toBe(6);
  });

  it('a full disk on the login host submits nothing and says so', async () => {
    const small = join(cluster.prefix, 'small-disk');
    mkdirSync(small);
    const mounted = await run('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=256k,uid=${here.user.uid},gid=${here.user.gid},mode=0700`,
      'tmpfs',
      small,
    ]);
    expect(mounted.stderr).toBe('');
    try {
      await here.set(`connection.remoteDir=${small}`, 'target=1');
      await here.site(['top-up', 'campus', '--dry-run']);
      // A pass first, so that the token is there; then the disk fills.
      expect(await topUp()).toMatchObject({ code: 0, submitted: 1 });
      await here.set('target=3');
      writeFileSync(join(small, 'filler'), Buffer.alloc(1));
      await run('sh', ['-c', `cat /dev/zero > ${small}/filler`]);
      const full = await topUp();
      expect(full).toMatchObject({ code: 3, submitted: 0, inDoubt: 0 });
      expect(full.stderr).toContain('nothing was submitted');
      expect(await count()).toBe(1);
      rmSync(join(small, 'filler'));
      expect(await topUp()).toMatchObject({ code: 0, submitted: 2 });
    } finally {
      await cancelAllJobs(cluster);
      await run('umount', ['-l', small]);
      rmSync(small, { recursive: true, force: true });
    }
  });
});
