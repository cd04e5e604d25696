import { beforeAll, describe, it } from 'vitest';
import { type Cluster, describeOnCluster } from './cluster.ts';
import { type Pool, poolObstacle, realPool } from './real-pool.ts';

/**
 * A `describe` whose tests need a real pool beside the cluster. The first one starts it, and it ends with the cluster: each
 * leaves it without jobs and without pilots. The first time on a machine that takes some 20 s more, for what is fetched and
 * built then.
 */
export function describeOnPool(name: string, body: (cluster: Cluster, pool: () => Pool) => void): void {
  if (!fits()) {
    describe.skip(name, () => it('needs HTCondor and Apptainer, which are not tested here', () => {}));
    return;
  }
  describeOnCluster(name, (cluster) => {
    let pool: Pool | null = null;
    beforeAll(async () => {
      pool = await realPool(cluster);
    }, 300_000);
    body(cluster, () => {
      if (pool === null) throw new Error('the pool did not start');
      return pool;
    });
  });
}

function fits(): boolean {
  const obstacle = poolObstacle();
  if (obstacle === null) return true;
  if (process.env['CI'] === 'true') throw new Error(`the real tests must run when CI=true, but ${obstacle}`);
  process.stderr.write(`pool tests: NOT TESTED: pilots in a real pool, because ${obstacle}\n`);
  return false;
}
