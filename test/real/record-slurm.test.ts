import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { describeOnCluster } from '../support/cluster.ts';
import { recordAccounting, recordSlurm } from '../support/record-slurm.ts';

const recorders = { slurm: recordSlurm, 'slurm-accounting': recordAccounting };

// Not tests of the project: they write test/schedulers/recordings anew, and only when asked to. Here because the cluster
// lives and ends with a run of the real tests.
describeOnCluster('recordings of Slurm', (cluster) => {
  const only = (process.env['GLIDEIN_RECORD_ONLY'] ?? '').split(',').filter((name) => name !== '');
  for (const [name, record] of Object.entries(recorders)) {
    it.runIf(process.env['GLIDEIN_RECORD'] === name)(
      `are made anew when GLIDEIN_RECORD=${name}`,
      { timeout: 1_200_000 },
      async () => {
        const directory = await record(cluster, 'test/schedulers/recordings', only);
        expect(await readdir(directory)).not.toHaveLength(0);
      },
    );
  }
});
