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
    const { fenced, sawOther } = await race([0]);
    expect({ fenced, sawOther }).toEqual({ fenced: 0, sawOther: 0 });
  }, 600_000);

  it(`do so without the lock, ${times} times`, async () => {
    flock = shim(cluster, 'flock', 'exit 0');
    for (const one of both) await one.set(withShims([flock]));
    // Who looks while the other's sbatch runs sees a submission in doubt, and says so with 3.
    const { fenced, sawOther } = await race([0, 3]);
    console.log(
      `without the lock, of ${times} rounds: ${fenced} decided by the fence, ${sawOther} by the other's intent`,
    );
    expect(fenced + sawOther).toBeGreaterThan(0);
  }, 600_000);

  /** How often one of the two met the other's fence, or saw the other's submission before it was answered. */
  async function race(allowed: readonly number[]): Promise<{ fenced: number; sawOther: number }> {
    const met = { fenced: 0, sawOther: 0 };
    for (let round = 0; round < times; round += 1) {
      const passes = await Promise.all(both.map((one) => one.glidein(['top-up', 'campus', '--verbose'])));
      if (passes.some((pass) => pass.stderr.includes('another pass submitted meanwhile'))) met.fenced += 1;
      if (passes.some((pass) => pass.stdout.includes('in doubt'))) met.sawOther += 1;
      const told = `round ${round}: ${passes.map((pass) => pass.stdout + pass.stderr).join('\n')}`;
      for (const pass of passes) expect(allowed, told).toContain(pass.code);
      for (const pass of passes.filter((one) => one.code === 3)) expect(pass.stdout, told).toContain('in doubt');
      expect(await livingJobs(cluster), told).toHaveLength(4);
      expect(await both[0]?.site(['top-up', 'campus']), told).toMatchObject({ code: 0, submitted: 0, inDoubt: 0 });
      await cancelAllJobs(cluster);
      clearRemote(cluster.users.ada);
    }
    return met;
  }
});
