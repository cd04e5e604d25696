import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type LoginClock, loginClock } from '../support/login-clock.ts';
import { loops } from '../support/loops.ts';
import { type RelayedLogin, relayedLogin } from '../support/relayed-login.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import type { TcpRelay } from '../support/tcp-relay.ts';

const target = 2;
const rounds = loops({ usual: 4, full: 200 });
/**
 * What a client sends is as long in every pass (53,434 bytes of some 64,000 were counted), what it gets is not. The last of
 * it but the good-bye is the program that submits: all that comes after that is the answer, about 1,400 bytes.
 */
const goodBye = 88;
const seed = Number(process.env['GLIDEIN_TEST_SEED'] ?? Date.now() % 1e9);

describeOnCluster('a connection that is cut in the middle of a pass', (cluster) => {
  let here: Campus;
  let clock: LoginClock;
  let way: RelayedLogin;
  let relay: TcpRelay;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    way = await relayedLogin(cluster);
    relay = way.relay;
    here = await campus(cluster, target);
    clock = loginClock(cluster);
    await here.set(withShims([clock]));
    env = { PATH: `${way.pathDir}:${process.env['PATH']}` };
  });
  afterEach(() => startAnew());
  afterAll(async () => {
    here.remove();
    clock.remove();
    await way.close();
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
    // The first asks for the queues, too; the later ones know.
    for (let pass = 0; pass < 2; pass += 1) {
      await startAnew();
      expect(await topUp()).toMatchObject({ code: 0, submitted: target });
    }
    const asked = relay.sent() - goodBye;
    const parts = [
      { sent: 0, of: relay.bytes() },
      { sent: asked, of: relay.bytes(asked) - goodBye },
    ] as const;
    await startAnew();
    const cuts = parts.flatMap(({ sent, of }) => {
      const anywhere = fc.noBias(fc.integer({ min: 1, max: of }));
      return fc.sample(anywhere, { numRuns: rounds / 2, seed }).map((at) => ({ at, sent, of }));
    });
    const ends: Record<string, number> = {};
    for (const { at, sent, of } of cuts) {
      const where = `cut after ${at} of ${of} bytes, ${sent} sent before, seed ${seed}`;
      relay.cutAfter(at, sent);
      const { code, state } = await topUp();
      expect(await count(), where).toBeLessThanOrEqual(target);
      const isRepeated = (await reachTarget(where)) > 0;
      const end = `${sent === 0 ? 'anywhere' : 'in the answer'}: ${code} ${state}, ${isRepeated ? 'submitted later' : 'had been submitted'}`;
      ends[end] = (ends[end] ?? 0) + 1;
      await startAnew();
    }
    const [{ of: whole }, { of: answer }] = parts;
    console.log(`${rounds} cuts in ${whole} bytes, the last ${answer} of them, seed ${seed}: ${JSON.stringify(ends)}`);
    // Or nothing was cut; and of many cuts, none after the submission.
    const kinds = Object.keys(ends);
    expect(kinds.some((end) => end.includes(': 3 '))).toBe(true);
    if (rounds >= 100) expect(kinds.some((end) => end.includes(': 3 ') && end.includes('had been'))).toBe(true);
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
