import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { describeOnCluster } from '../support/cluster.ts';
import { recordSlurm } from '../support/record-slurm.ts';

// Not a test of the project: it writes test/schedulers/recordings anew, and only when asked to. Here because the cluster
// lives and ends with a run of the real tests.
describeOnCluster('recordings of Slurm', (cluster) => {
  it.runIf(process.env['GLIDEIN_RECORD'] === 'slurm')(
    'are made anew when GLIDEIN_RECORD=slurm',
    { timeout: 1_200_000 },
    async () => {
      const directory = await recordSlurm(cluster, 'test/schedulers/recordings');
      expect(await readdir(directory)).not.toHaveLength(0);
    },
  );
});
