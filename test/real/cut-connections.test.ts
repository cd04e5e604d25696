import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type LoginClock, loginClock } from '../support/login-clock.ts';
import { loops } from '../support/loops.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { startRelay, type TcpRelay } from '../support/tcp-relay.ts';

const target = 2;
const rounds = loops({ usual: 4, full: 200 });
const seed = Number(process.env['GLIDEIN_TEST_SEED'] ?? Date.now() % 1e9);

describeOnCluster('a connection that is cut in the middle of a pass', (cluster) => {
  let here: Campus;
  let clock: LoginClock;
  let relay: TcpRelay;
  let directory: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    relay = await startRelay(cluster.sshd.port);
    directory = mkdtempSync(join(cluster.prefix, 'cut-'));
    chmodSync(directory, 0o755);
    const { ada } = cluster.users;
    const knownHosts = join(directory, 'known_hosts');
    writeFileSync(knownHosts, `[127.0.0.1]:${relay.port} ${cluster.sshd.hostPublicKey}\n`);
    await writeSshShim(join(directory, 'bin'), [
      'Host campus',
      ...['  HostName 127.0.0.1', `  Port ${relay.port}`, `  User ${ada.name}`, `  IdentityFile ${ada.privateKeyFile}`],
      ...['  IdentitiesOnly yes', `  UserKnownHostsFile ${knownHosts}`, '  GlobalKnownHostsFile /dev/null'],
    ]);
    here = await campus(cluster, target);
    clock = loginClock(cluster);
    await here.set(withShims([clock]));
    env = { PATH: `${join(directory, 'bin')}:${process.env['PATH']}` };
  });
  afterEach(() => startAnew());
  afterAll(async () => {
    here.remove();
    clock.remove();
    await relay.close();
    rmSync(directory, { recursive: true });
  });

  const count = async () => (await livingJobs(cluster)).length;
  const topUp = () => here.site(['top-up', 'campus'], { env });
  const startAnew = async () => {
    await cancelAllJobs(cluster);
    clearRemote(cluster.users.ada);
    clock.ahead(0);
    noQuietTime();
  };
  /** After a handshake that failed nobody tries for a while; that has its own tests. */
  const noQuietTime = () => rmSync(join(here.configDir, 'logins'), { recursive: true, force: true });

  it(`at any byte leaves never more than the target, and the next passes reach it (${rounds} cuts)`, async () => {
    expect(await topUp()).toMatchObject({ code: 0, submitted: target });
    const whole = relay.bytes();
    await startAnew();
    const anywhere = fc.noBias(fc.integer({ min: 1, max: whole }));
    const ends: Record<string, number> = {};
    for (const at of fc.sample(anywhere, { numRuns: rounds, seed })) {
      const where = `cut after ${at} of ${whole} bytes, seed ${seed}`;
      relay.cutAfter(at);
      const { code, state } = await topUp();
      expect(await count(), where).toBeLessThanOrEqual(target);
      const isRepeated = (await reachTarget(where)) > 0;
      const end = `${code} ${state}, ${isRepeated ? 'submitted later' : 'had been submitted'}`;
      ends[end] = (ends[end] ?? 0) + 1;
      await startAnew();
    }
    console.log(`${rounds} cuts in ${whole} bytes, seed ${seed}: ${JSON.stringify(ends)}`);
    // Or nothing was cut.
    expect(Object.keys(ends).some((end) => end.startsWith('3 '))).toBe(true);
  }, 3_600_000);

  /**
   * Passes, the clock running faster, until one has nothing in doubt; the count is never over the target on the way. Answers
   * how many pilots they submitted.
   */
  async function reachTarget(where: string): Promise<number> {
    let submitted = 0;
    for (const ahead of [0, 600, 700, 800]) {
      clock.ahead(ahead);
      noQuietTime();
      const pass = await topUp();
      submitted += pass.submitted;
      expect(await count(), where).toBeLessThanOrEqual(target);
      if (pass.code === 0) break;
    }
    expect(await count(), where).toBe(target);
    return submitted;
  }
});
