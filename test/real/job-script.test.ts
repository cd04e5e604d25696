import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ScriptValues } from '../../src/script/values.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { plainValues, projectTemplates } from '../support/job-bed.ts';
import { renderScript } from '../support/render-script.ts';
import { mustRun, run } from '../support/run-program.ts';
import { cancelAllJobs, slurmEnv } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Keeps the reports of several jobs apart, then is the stand-in. */
const runtime = `#!/bin/bash -p
export STAND_IN_REPORT=$STAND_IN_REPORTS/$SLURM_JOB_ID
mkdir -p "$STAND_IN_REPORT"
exec "\${0%/*}/stand-in" "$@"
`;

const untilTerm = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

describeOnCluster('the job script on real Slurm', (cluster) => {
  const { ada } = cluster.users;
  let place = '';
  const at = (name: string) => join(place, name);

  beforeEach(() => {
    place = mkdtempSync(join(cluster.prefix, 'job-script-'));
    for (const name of ['jobs', 'jobs/drain', 'node', 'reports']) mkdirSync(at(name));
    const standIn = (name: string) => fileURLToPath(new URL(`../support/stand-in-runtime/${name}`, import.meta.url));
    copyFileSync(standIn('apptainer'), at('stand-in'));
    copyFileSync(standIn('runscript'), at('runscript'));
    for (const [name, text] of [
      ['apptainer', runtime],
      ['image.sif', ''],
      ['jobs/token', 'a token\n'],
    ] as const) {
      writeFileSync(at(name), text);
    }
    for (const name of ['stand-in', 'runscript', 'apptainer']) chmodSync(at(name), 0o755);
    for (const name of ['', 'jobs', 'jobs/drain', 'jobs/token', 'node', 'reports'])
      chownSync(at(name), ada.uid, ada.gid);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    rmSync(place, { recursive: true, force: true });
  });

  async function submit(
    options: readonly string[],
    acts: string,
    changes: Partial<ScriptValues> = {},
  ): Promise<string> {
    const values = { ...plainValues(place), runtime: at('apptainer'), directives: ['--exclusive'], ...changes };
    const script = renderScript(await projectTemplates('slurm.sh.hbs'), values);
    if (!script.ok) throw new Error(JSON.stringify(script.failure));
    const env = {
      ...{ ...slurmEnv(cluster), HOME: ada.home, USER: ada.name, TMPDIR: at('node'), HOSTNAME: 'the-login-node' },
      ...{ STAND_IN_REPORTS: at('reports'), STAND_IN_RUNSCRIPT: at('runscript'), STAND_IN_ACTS: acts },
      ...{ _CONDOR_START: 'True', APPTAINERENV_GLIDEIN_Start_Extra: 'True' },
    };
    const words = ['--parsable', `--output=${at('node')}.%j`, '--chdir=/', ...options];
    const { stdout } = await mustRun('sbatch', words, { env, input: script.value, uid: ada.uid, gid: ada.gid });
    return stdout.trim();
  }
  const ending = (id: string) => (existsSync(at(`jobs/ends/${id}`)) ? readFileSync(at(`jobs/ends/${id}`), 'utf8') : '');
  const ended = (id: string) => waitUntil(`${id} ends`, 30, () => ending(id) !== '');
  const started = () =>
    waitUntil('it starts', 30, () => readdirSync(at('reports'), { recursive: true }).join().includes('token'));
  const scratchEmpty = () => waitUntil('scratch is gone', 10, () => readdirSync(at('node')).length === 0);

  it('goes by the scheduler’s own ids, indices and nodes, and offers what was granted', async () => {
    const id = await submit(['--array=0-1'], 'exit 3');
    for (const index of [0, 1]) {
      await ended(`${id}_${index}`);
      const node = ending(`${id}_${index}`).split(' ')[5] ?? '';
      expect(ending(`${id}_${index}`)).toMatch(
        new RegExp(`^end anvil-0123456789 ${index} 3 exited \\S+ \\d+ \\d+ \\.\n$`),
      );
      expect(cluster.nodes).toContain(node);
      expect(readFileSync(at(`jobs/seen/anvil-0123456789.${index}`), 'utf8')).toContain(` ${id}_${index} ${node} `);
    }
    const [report = ''] = readdirSync(at('reports'));
    const inside = readFileSync(at(`reports/${report}/inner-env`), 'utf8').split('\0');
    expect(inside).toContain(`NUM_CPUS=${cluster.nodeCores}`);
    expect(inside).toContain('GLIDEIN_Start_Extra=(TARGET.Owner =?= "ada")');
    expect(inside.filter((entry) => /^_condor_/i.test(entry))).toEqual([]);
    await scratchEmpty();
  });

  it('ends a cancelled pilot in order', async () => {
    const id = await submit([], untilTerm);
    await started();
    await run('scancel', [id], { env: slurmEnv(cluster) });
    await ended(id);
    expect(ending(id).split(' ').slice(3, 5)).toEqual(['0', 'signalled']);
    await scratchEmpty();
  });

  it('drains by a file', async () => {
    const id = await submit([], untilTerm);
    await started();
    writeFileSync(at(`jobs/drain/${id}`), '');
    await ended(id);
    expect(ending(id).split(' ').slice(3, 5)).toEqual(['0', 'drained']);
    await scratchEmpty();
  });

  it('stops before the wall clock ends, whatever runs', async () => {
    const clock = { walltimeSeconds: 60, drainSeconds: 55, stopSeconds: 50 };
    const id = await submit(['--time=1'], `mkdir "$local_dir/execute/dir_1"; ${untilTerm}`, clock);
    await ended(id);
    expect(ending(id).split(' ').slice(3, 5)).toEqual(['0', 'walltime']);
    await scratchEmpty();
  });
});
