import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addGpus } from '../support/gpu-nodes.ts';
import { describeOnPool } from '../support/pool.ts';
import { type PoolSites, poolSites } from '../support/pool-sites.ts';
import { processesOfUsers, processesRunning } from '../support/processes.ts';
import { cancelAllJobs } from '../support/slurm-jobs.ts';

describeOnPool('a pilot with GPUs in real Apptainer', (cluster, pool) => {
  const { ada } = cluster.users;
  let sites: PoolSites;
  let takeGpus: () => Promise<void>;
  beforeAll(async () => {
    await cancelAllJobs(cluster);
    takeGpus = await addGpus(cluster);
    sites = await poolSites(cluster, pool());
  });
  afterAll(async () => {
    await sites.remove();
    await takeGpus();
  });

  /** Slurm names the devices it grants in the job's environment; those of the test cluster have none to name. */
  const slurmGrants = (entry: string) => {
    const template = readFileSync(fileURLToPath(new URL('../../templates/slurm.sh.hbs', import.meta.url)), 'utf8');
    const directory = join(sites.here.configDir, 'templates');
    mkdirSync(directory, { mode: 0o700 });
    const body = '{{> pilot}}';
    if (!template.includes(body)) throw new Error(`the template has no ${body}`);
    const granted = template.replace(body, `export ${entry}\n${body}`);
    writeFileSync(join(directory, 'slurm.sh.hbs'), granted, { mode: 0o600 });
  };

  /** `NAME=value`, as HTCondor in the one pilot that runs got them. */
  const environment = (): string[] => {
    const master = processesRunning(['condor_master']).find((pid) => processesOfUsers([ada.uid]).includes(pid));
    return readFileSync(`/proc/${master}/environ`, 'utf8').split('\0');
  };

  it('has what the image and the jobs need to know of them in its environment', async () => {
    slurmGrants('CUDA_VISIBLE_DEVICES=0,1');
    sites.add('gpus', { scheduler: { gpus: 1 } });
    const pass = (await sites.topUp(['gpus'])).get('gpus');
    expect(pass, pass?.stderr).toMatchObject({ submitted: 1 });
    await sites.inPool(['gpus']);
    const named = environment().filter((entry) => /^(CUDA_VISIBLE|SINGULARITY_DISABLE)/.test(entry));
    expect(named.sort()).toEqual(['CUDA_VISIBLE_DEVICES=0,1', 'SINGULARITY_DISABLE_PID_NAMESPACES=true']);
  });
});
