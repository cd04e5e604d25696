import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type Ending, endingOf, type PilotBed, pilotBed } from '../support/pilot-bed.ts';
import { mustRun, run } from '../support/run-program.ts';
import { modeOf } from '../support/secret-search.ts';
import { cancelAllJobs, livingJobs, slurmEnv, slurmJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const untilTerm = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const expression = '((TARGET.Owner =?= "ada") && (TARGET.User =?= "ada@ap.example.org"))';

describeOnCluster('a pilot of the program, from its start to its end on real Slurm', (cluster) => {
  const { ada } = cluster.users;
  let here: Campus;
  let bed: PilotBed;
  beforeEach(async () => {
    here = await campus(cluster, 1);
    bed = pilotBed(cluster);
    await here.set(...bed.settings);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    bed.remove();
    clearRemote(ada);
  });

  const remote = (...names: string[]) => join(here.remoteDir, ...names);
  const text = (...names: string[]) => (existsSync(remote(...names)) ? readFileSync(remote(...names), 'utf8') : '');
  const topUp = async (submitted: number) => {
    const pass = await here.site(['top-up', 'campus']);
    expect(pass, pass.stderr).toMatchObject({ code: 0, submitted });
    return pass.ids;
  };
  const startOne = async (script: string): Promise<string> => {
    bed.acts(script);
    const [id = ''] = await topUp(1);
    await waitUntil('it runs in its container', 20, () => bed.started().length === 1);
    return id;
  };
  async function ended(id: string): Promise<Ending> {
    await waitUntil(`${id} has ended`, 40, async () => endingOf(here, id) !== null);
    await waitUntil('Slurm knows', 20, async () => (await livingJobs(cluster)).length === 0);
    await waitUntil('scratch is gone', 10, () => bed.scratches().length === 0);
    const ending = endingOf(here, id);
    if (ending === null) throw new Error(`${id} left no mark`);
    return ending;
  }
  const wake = (id: string) => mustRun('scancel', ['--batch', '--signal=USR1', id], { env: slurmEnv(cluster) });

  it('leaves its marks and its log and nothing on the node when it ends by itself, and is replaced', async () => {
    const before = Math.floor(Date.now() / 1000);
    const id = await startOne('echo a word of the pilot; sleep 2; exit 0');
    const tag = (await slurmJobs(cluster)).find((job) => job.id === id)?.comment ?? '';
    expect(tag).toMatch(/^campus-[a-z0-9]{10}$/);
    const seen = text('seen', `${tag}.0`).trim().split(' ');
    const ending = await ended(id);
    expect(ending).toMatchObject({ tag, index: '0', code: '0', reason: 'exited' });
    expect(cluster.nodes).toContain(ending.node);
    expect(seen).toEqual(['seen', tag, '0', id, ending.node, `${ending.startedAt}`, '.']);
    expect(ending.startedAt).toBeGreaterThanOrEqual(before);
    expect(ending.endedAt - ending.startedAt).toBeGreaterThanOrEqual(2);
    expect(ending.endedAt).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
    expect(text('logs', `${id}.log`)).toMatch(
      /a word of the pilot\n[\s\S]*glidein: the pilot ended with 0 \(exited\)\n$/,
    );
    expect(existsSync(remote('logs', `${id}.batch`))).toBe(true);
    expect(modeOf(remote('logs', `${id}.log`))).toBe('600');
    bed.acts(untilTerm);
    const [next = ''] = await topUp(1);
    expect(next).not.toBe(id);
    expect(await livingJobs(cluster)).toHaveLength(1);
  });

  it('keeps the pilot’s own exit code, for Slurm too', async () => {
    const id = await startOne('exit 37');
    expect(await ended(id)).toMatchObject({ code: '37', reason: 'exited' });
    const job = await mustRun('scontrol', ['show', 'job', id], { env: slurmEnv(cluster) });
    expect(job.stdout).toContain('ExitCode=37:0');
  });

  it('is ended in order by scancel, and by cancel', async () => {
    for (const end of [
      (id: string) => run('scancel', [id], { env: slurmEnv(cluster) }),
      (id: string) => here.glidein(['cancel', 'campus', id]),
    ]) {
      const known = bed.started().length;
      bed.acts(untilTerm);
      const [id = ''] = await topUp(1);
      await waitUntil('it runs in its container', 20, () => bed.started().length === known + 1);
      await end(id);
      expect(await ended(id)).toMatchObject({ code: '0' });
      expect(text('logs', `${id}.log`)).toContain('glidein: the pilot ended with 0');
    }
  });

  it('stamps the pilot when drain/JOBID is there, and runs on', async () => {
    const id = await startOne(untilTerm);
    const [scratch = ''] = bed.scratches();
    const stamp = join(scratch, 'pilot/osgvo-pilot-abc123/stop-glidein.stamp');
    await wake(id);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(existsSync(stamp)).toBe(false);
    const mark = remote('drain', id);
    writeFileSync(mark, '');
    chownSync(mark, ada.uid, ada.gid);
    await wake(id);
    await waitUntil('the stamp is there', 10, () => existsSync(stamp));
    expect((await livingJobs(cluster)).map((job) => job.state)).toEqual(['RUNNING']);
    expect(endingOf(here, id)).toBe(null);
    await run('scancel', [id], { env: slurmEnv(cluster) });
    await ended(id);
    expect(text('logs', `${id}.log`)).toContain('glidein: asked to drain');
  });

  it('does not start where its limit does not arrive, and says so', async () => {
    bed.runtimeLoses('unset -v APPTAINERENV_GLIDEIN_Start_Extra SINGULARITYENV_GLIDEIN_Start_Extra');
    const [id = ''] = await topUp(1);
    expect(await ended(id)).toMatchObject({ code: '78', reason: 'guard' });
    expect(bed.started()).toEqual([]);
    expect(text('logs', `${id}.log`)).toContain(
      `glidein: guard: Start_Extra here is <> and should be <${expression}>; the pilot is not started\n`,
    );
  });

  it('does not start where HTCondor would take another START from the environment, and says so', async () => {
    bed.runtimeLoses('export APPTAINERENV__CONDOR_START=True');
    const [id = ''] = await topUp(1);
    expect(await ended(id)).toMatchObject({ code: '78', reason: 'guard' });
    expect(bed.started()).toEqual([]);
    expect(text('logs', `${id}.log`)).toContain('glidein: guard: the environment holds _CONDOR_START');
  });

  it('has nothing in it of what the login environment exports for HTCondor and the image', async () => {
    const foreign = [
      ...['_CONDOR_START=True', '_condor_START=True', 'APPTAINERENV__CONDOR_START=True', 'GLIDEIN_Start_Extra=True'],
      ...['APPTAINERENV_GLIDEIN_Start_Extra=True', 'SINGULARITYENV_GLIDEIN_Start_Extra=True', 'TOKEN=a-token'],
      ...['APPTAINER_NO_EVAL=1', 'APPTAINER_BINDPATH=/etc/hostname', 'POOL=another', 'OSG_PROJECT_NAME=another'],
      'CONDOR_HOST=elsewhere.example.org',
    ];
    const exports = [...foreign, 'PLAIN=arrives'].map((entry) => `export ${entry}`);
    await here.set(`connection.prologue=${JSON.stringify(exports)}`);
    const id = await startOne(untilTerm);
    const [report] = bed.started();
    const environment = report?.environment ?? [];
    expect(environment).toContain('PLAIN=arrives'); // The prologue did reach the job.
    expect(environment).toContain(`GLIDEIN_Start_Extra=${expression}`);
    for (const entry of foreign) expect(environment).not.toContain(entry);
    expect(environment.filter((entry) => /^_?condor_|^TOKEN=/i.test(entry) || entry.endsWith('=True'))).toEqual([]);
    expect(report?.binds.join()).not.toContain('/etc/hostname');
    expect(report?.attributes).toContain(`PilotBatchId = "${id}"\n`);
  });

  it('shares a node with others of its array, each in a directory of its own', async () => {
    await here.set('target=4', 'scheduler.queue=shared', 'scheduler.cores=1', 'scheduler.memoryMB=500');
    bed.acts(untilTerm);
    const ids = await topUp(4);
    await waitUntil('four run in their containers', 20, () => bed.started().length === 4);
    const nodes = await mustRun('squeue', ['-h', '-r', '-o', '%N'], { env: slurmEnv(cluster) });
    expect(new Set(nodes.stdout.trim().split('\n')).size).toBe(1);
    expect(bed.scratches()).toHaveLength(4);
    for (const scratch of bed.scratches()) expect(modeOf(scratch)).toBe('700');
    const pilots = bed.started().map((report) => report.binds.find((bind) => bind.endsWith(':/pilot')));
    expect(new Set(pilots).size).toBe(4);
    const told = bed.started().map((report) => /PilotBatchId = "(.*)"/.exec(report.attributes)?.[1] ?? '');
    expect(told.sort()).toEqual([...ids].sort());
    for (const id of ids) expect(existsSync(remote('logs', `${id}.batch`)), id).toBe(true);
    for (const { environment } of bed.started()) expect(environment).toContain('NUM_CPUS=1');
    expect(await here.site(['cancel', 'campus', '--all'])).toMatchObject({ cancelled: 4 });
    for (const id of ids) expect(await ended(id)).toMatchObject({ index: id.replace(/.*_/, '') });
  });

  it('says that it was cancelled and did not end by itself, eight times of eight at once', async () => {
    await here.set('target=8', 'scheduler.queue=shared', 'scheduler.cores=1', 'scheduler.memoryMB=500');
    bed.acts(untilTerm);
    const ids = await topUp(8);
    await waitUntil('eight run in their containers', 30, () => bed.started().length === 8);
    expect(await here.site(['cancel', 'campus', '--all'])).toMatchObject({ cancelled: 8 });
    const reasons: string[] = [];
    for (const id of ids) reasons.push((await ended(id)).reason);
    expect(reasons).toEqual(ids.map(() => 'signalled'));
  });

  it.for([
    ['pilot.runtime=/no/such/apptainer', 'no-runtime', '69', '/no/such/apptainer is not on node'],
    ['pilot.scratch=/no/such/directory', 'no-space', '73', 'cannot make a directory in /no/such/directory on node'],
    ['pilot.cvmfs=bind', 'no-cvmfs', '69', 'there is no /cvmfs on node'],
  ] as const)(
    'ends with a mark and a line in its log where it cannot run: %s',
    async ([setting, reason, code, said]) => {
      await here.set(setting);
      const [id = ''] = await topUp(1);
      expect(await ended(id)).toMatchObject({ code, reason });
      expect(text('logs', `${id}.log`)).toContain(said);
      expect(bed.started()).toEqual([]);
    },
  );
});
