import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { addGpus } from '../support/gpu-nodes.ts';
import { mustRun, run } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Tells how it was called and with which variables, then ends as a pilot without work does. */
const tellingRuntime = (report: string) => `#!/bin/bash -p
case $1 in
--version) echo 'apptainer version 1.4.5 (stand-in)' ;;
exec) env >${report}.new; printf 'argument %s\\n' "$@" >>${report}.new; mv ${report}.new ${report} ;;
esac
`;

describeOnCluster('GPUs on real Slurm', (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let place = '';
  let takeGpus: () => Promise<void>;
  beforeAll(async () => {
    await cancelAllJobs(cluster);
    takeGpus = await addGpus(cluster);
  }, 60_000);
  afterAll(() => takeGpus(), 60_000);
  beforeEach(async () => {
    here = await campus(cluster, 1);
    place = mkdtempSync(join(cluster.prefix, 'gpus-'));
    chmodSync(place, 0o777);
    writeFileSync(join(place, 'runtime'), tellingRuntime(join(place, 'report')), { mode: 0o755 });
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(ada);
    rmSync(place, { recursive: true, force: true });
  });
  const report = () => (existsSync(join(place, 'report')) ? readFileSync(join(place, 'report'), 'utf8') : '');
  const requested = async (id: string) => {
    const { stdout } = await mustRun('scontrol', ['--oneliner', 'show', 'job', id], { env: slurmEnv(cluster) });
    return / TresPer(?:Node|Job)=\S+/.exec(stdout)?.[0].trim();
  };

  it.each([
    ['gpus-per-node', 'null', 'TresPerNode=gres:gpu:2'],
    ['gpus-per-node', 'a100', 'TresPerNode=gres:gpu:a100:2'],
    ['gpus', 'a100', 'TresPerJob=gres:gpu:a100:2'],
    ['gres', 'null', 'TresPerNode=gres:gpu:2'],
    ['gres', 'a100', 'TresPerNode=gres:gpu:a100:2'],
  ])('are granted when they are asked for by %s, type %s', async (option, type, tres) => {
    await here.set('scheduler.gpus=2', `scheduler.gpuOption=${option}`, `scheduler.gpuType=${type}`);
    await here.set(`pilot.runtime=${place}/runtime`);
    const pass = await here.site(['submit', 'campus']);
    expect(pass).toMatchObject({ code: 0, submitted: 1 });
    await waitUntil('the pilot runs', 30, () => report() !== '');
    expect(await requested(pass.ids[0] ?? '')).toBe(tres);
    // These GPUs are no devices, so Slurm names none in CUDA_VISIBLE_DEVICES; test/script/job.test.ts has that part.
    expect(report()).toMatch(/^SLURM_GPUS_ON_NODE=2$/m);
    expect(report()).toMatch(/^APPTAINERENV_SINGULARITY_DISABLE_PID_NAMESPACES=true$/m);
    expect(report()).toMatch(/^argument docker:\S*:25-cuda_11_8_0-release$/m);
  });

  it.each(['gpus-per-node', 'gpus', 'gres'])('are each node’s own in a job of several, by %s', async (option) => {
    const script = tellingRuntime(`${place}/report.$SLURM_PROCID`);
    writeFileSync(join(place, 'runtime'), script, { mode: 0o755 });
    await here.set('scheduler.nodesPerJob=2', 'scheduler.gpus=2', `scheduler.gpuOption=${option}`, 'target=2');
    await here.set(`pilot.runtime=${place}/runtime`);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 2 });
    for (const pilot of ['report.0', 'report.1']) {
      await waitUntil('the pilot runs', 30, () => existsSync(join(place, pilot)));
      expect(readFileSync(join(place, pilot), 'utf8')).toMatch(/^SLURM_GPUS_ON_NODE=2$/m);
    }
  });

  it('are not granted to a pilot that does not ask for them, which starts without', async () => {
    await here.set(`pilot.runtime=${place}/runtime`, 'scheduler.queue=shared', 'scheduler.cores=1');
    await here.set('scheduler.memoryMB=500');
    expect(await here.site(['submit', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
    await waitUntil('the pilot runs', 30, () => report() !== '');
    expect(report()).not.toMatch(/SLURM_GPUS_ON_NODE|PID_NAMESPACES/);
    expect(report()).toMatch(/^argument docker:\S*:25-release$/m);
  });

  it('that no node has are refused before anything is submitted, in the words of the profile', async () => {
    for (const [changes, said] of [
      [['scheduler.gpus=3'], 'scheduler.gpus is 3, but no node of whole has more than 2'],
      [['scheduler.gpus=1', 'scheduler.gpuType=h100'], 'scheduler.gpuType is h100, but whole has a100'],
    ] as const) {
      await here.set(...changes);
      const refused = await here.glidein(['submit', 'campus']);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(said);
    }
    expect(await livingJobs(cluster)).toEqual([]);
  });

  it('that Slurm alone can refuse are refused in its words, in each form', async () => {
    for (const [option, value] of [
      ['gpus-per-node', 'h100:1'],
      ['gpus', 'h100:1'],
      ['gres', 'gpu:h100:1'],
    ]) {
      const script = `#!/bin/sh\n#SBATCH --${option}=${value}\n`;
      const ran = await run('sbatch', ['--test-only', '--partition=shared'], {
        ...{ env: slurmEnv(cluster), input: script, uid: ada.uid, gid: ada.gid },
      });
      expect(ran.code).not.toBe(0);
      expect(ran.stderr).toMatch(/generic resource|node configuration is not available/);
    }
  });
});
