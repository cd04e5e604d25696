import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { loops } from '../support/loops.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';

describeOnCluster('two passes at once, from two configurations on one account, on real Slurm', (cluster) => {
  let both: Campus[];
  let flock: Shim | null = null;
  beforeEach(async () => {
    both = [await campus(cluster, 4), await campus(cluster, 4)];
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    for (const one of both) one.remove();
    flock?.remove();
    flock = null;
    clearRemote(cluster.users.ada);
  });

  const times = loops({ usual: 5, full: 50 });

  it(`reach exactly the target together, ${times} times`, async () => {
    await race();
  }, 600_000);

  it(`do so without the lock, ${times} times`, async () => {
    flock = shim(cluster, 'flock', 'exit 0');
    for (const one of both) await one.set(withShims([flock]));
    const fenced = await race();
    console.log(`without the lock: the fence decided in ${fenced} of ${times} rounds`);
    expect(fenced).toBeGreaterThan(0);
  }, 600_000);

  /** How often one of the two met the other's fence. */
  async function race(): Promise<number> {
    let fenced = 0;
    for (let round = 0; round < times; round += 1) {
      const passes = await Promise.all(both.map((one) => one.glidein(['top-up', 'campus', '--verbose'])));
      if (passes.some((pass) => pass.stderr.includes('another pass submitted meanwhile'))) fenced += 1;
      expect(
        passes.map((pass) => pass.code),
        `round ${round}: ${passes.map((pass) => pass.stderr).join('\n')}`,
      ).toEqual([0, 0]);
      expect(await livingJobs(cluster), `round ${round}`).toHaveLength(4);
      await cancelAllJobs(cluster);
      clearRemote(cluster.users.ada);
    }
    return fenced;
  }
});
