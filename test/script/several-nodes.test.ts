import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type JobBed, makeJobBed } from '../support/job-bed.ts';

/** Runs what it is given once a task, as Slurm's does from the batch shell; the worst exit code is its own. */
const srun = `#!/bin/bash -p
printf '%s\\n' "$@" >"$STAND_IN_REPORT/srun"
while [[ $1 == -* ]]; do
  case $1 in --ntasks=*) tasks=\${1#*=} ;; esac
  shift
done
for ((task = 0; task < tasks; task++)); do
  mkdir -p "$STAND_IN_REPORT/$task"
  SLURM_PROCID=$task STAND_IN_REPORT=$STAND_IN_REPORT/$task "$@" & pids+=($!)
done
worst=0
for pid in "\${pids[@]}"; do
  wait "$pid"
  code=$?
  ((code <= worst)) || worst=$code
done
exit "$worst"
`;

let bed: JobBed;
const tag = 'anvil-0123456789';
const several = { severalNodes: true };
const nodes = { SLURM_JOB_NUM_NODES: '2', SLURM_JOB_CPUS_PER_NODE: '128(x1),64' };

beforeEach(async () => {
  bed = await makeJobBed();
  await writeFile(join(bed.root, 'bin/srun'), srun);
  await chmod(join(bed.root, 'bin/srun'), 0o755);
  await chmod(bed.report, 0o777);
});
afterEach(async () => {
  expect(await readdir(bed.scratch)).toEqual([]);
  await bed[Symbol.asyncDispose]();
});

const ending = async (id: string) => ((await bed.mark(`ends/${id}`)) ?? '').split(' ').slice(1, 5).join(' ');
const log = (id: string) => readFile(join(bed.logDir, `${id}.log`), 'utf8');

it('a pilot is started on each node, with marks and a log of its own, and the worst exit code is the job’s', async () => {
  const acts = 'echo words of $SLURM_PROCID; exit $((SLURM_PROCID * 7))';
  const ran = await bed.run(bed.values(several), { ...nodes, STAND_IN_ACTS: acts });
  expect(ran.code).toBe(7);
  expect(await ending('4711')).toBe(`${tag} 0 7 exited`);
  expect(await ending('4711_n0')).toBe(`${tag} 0.0 0 exited`);
  expect(await ending('4711_n1')).toBe(`${tag} 0.1 7 exited`);
  expect(await bed.mark(`seen/${tag}.0`)).toMatch(new RegExp(`^seen ${tag} 0 4711 \\S+ \\d+ \\.\n$`));
  expect(await bed.mark(`seen/${tag}.0.1`)).toMatch(new RegExp(`^seen ${tag} 0\\.1 4711_n1 \\S+ \\d+ \\.\n$`));
  expect(await log('4711_n1')).toContain('words of 1\n');
  expect(await log('4711')).toContain('all pilots have ended, the worst with 7 (exited)');
  expect(await readFile(join(bed.report, '1/attributes'), 'utf8')).toContain('PilotBatchId = "4711_n1"\n');
  expect(await readdir(join(bed.jobDir, 'nodes'))).toEqual([]);
});

it('a step is asked for that has what the smallest of the nodes has, and the memory that was granted', async () => {
  await bed.run(bed.values(several), { ...nodes, SLURM_MEM_PER_NODE: '8000' });
  const words = (await readFile(join(bed.report, 'srun'), 'utf8')).split('\n');
  expect(words).toEqual(expect.arrayContaining(['--nodes=2', '--ntasks-per-node=1', '--cpus-per-task=64', '--mem=0']));
  expect(words).toEqual(expect.arrayContaining(['--kill-on-bad-exit=0', '--wait=0', '--no-kill', '--export=ALL']));
  expect(words.at(-2)).toBe('8000');
  expect(words.join()).not.toContain('stand-in token');
});

it('one mark drains all pilots of the job', async () => {
  await writeFile(join(bed.jobDir, 'drain/4711'), '');
  const acts = 'trap "exit 0" TERM; while :; do sleep 0.05; done';
  const ran = await bed.run(bed.values(several), { ...nodes, STAND_IN_ACTS: acts });
  expect(ran.code).toBe(0);
  expect([await ending('4711_n0'), await ending('4711_n1')]).toEqual([`${tag} 0.0 0 drained`, `${tag} 0.1 0 drained`]);
});

it('TERM to the first shell alone ends all pilots in order', async () => {
  // The job's shell is the parent of srun, which is the parent of each pilot's shell; that one waits for the container.
  const acts = `trap "exit 0" TERM; : >"$STAND_IN_REPORT/ready"
if [ "$SLURM_PROCID" = 1 ]; then
  until [ -e "$STAND_IN_REPORT/../0/ready" ]; do sleep 0.05; done
  kill -TERM "$(cut -d " " -f 4 "/proc/$(cut -d " " -f 4 "/proc/$job/stat")/stat")"
fi
while :; do sleep 0.05; done`;
  const ran = await bed.run(bed.values(several), { ...nodes, STAND_IN_ACTS: acts });
  expect(ran.code).toBe(0);
  expect(await ending('4711')).toBe(`${tag} 0 0 signalled`);
  expect([await ending('4711_n0'), await ending('4711_n1')]).toEqual([
    `${tag} 0.0 0 signalled`,
    `${tag} 0.1 0 signalled`,
  ]);
  expect(await readdir(join(bed.jobDir, 'nodes'))).toEqual([]);
});

it('what was exported before reaches the container on none of the nodes, and each has its guard', async () => {
  const hostile = {
    _CONDOR_START: 'True',
    APPTAINERENV__CONDOR_START: 'True',
    APPTAINERENV_GLIDEIN_Start_Extra: 'True',
    APPTAINER_NO_EVAL: '1',
    'BASH_FUNC_srun%%': '() { :; }',
  };
  expect((await bed.run(bed.values(several), { ...nodes, ...hostile })).code).toBe(0);
  for (const number of ['0', '1']) {
    const environment = await readFile(join(bed.report, number, 'inner-env'), 'utf8');
    const left = environment.split('\0').filter((entry) => /^(_CONDOR|APPTAINER|GLIDEIN_Start)/.test(entry));
    expect(left).toEqual(['GLIDEIN_Start_Extra=(TARGET.Owner =?= "ada")']);
  }
  const open = bed.values({ ...several, containerEnvironment: [{ name: 'GLIDEIN_Start_Extra', escaped: 'True' }] });
  expect((await bed.run(open, nodes)).code).toBe(78);
  expect([await ending('4711_n0'), await ending('4711_n1')]).toEqual([`${tag} 0.0 78 guard`, `${tag} 0.1 78 guard`]);
});

it('TERM before the pilots are started leaves nothing of the script', async () => {
  // The log is kept once the script lies where the nodes see it.
  const signals = '#!/bin/bash -p\n[[ "$*" != *logs* ]] || kill -TERM "$PPID"\nexec /bin/mkdir "$@"\n';
  await writeFile(join(bed.root, 'bin/mkdir'), signals, { mode: 0o755 });
  expect((await bed.run(bed.values(several), nodes)).code).toBe(143);
  expect(await ending('4711')).toBe(`${tag} 0 143 signalled`);
  expect(await readdir(bed.report)).toEqual([]);
  expect(await readdir(join(bed.jobDir, 'nodes'))).toEqual([]);
});

it('nothing is started where the script cannot be put where the nodes see it', async () => {
  await writeFile(join(bed.jobDir, 'nodes'), '');
  expect((await bed.run(bed.values(several), nodes)).code).toBe(73);
  expect(await ending('4711')).toBe(`${tag} 0 73 no-space`);
  expect(await readdir(bed.report)).toEqual([]);
  await rm(join(bed.jobDir, 'nodes'));
  await mkdir(join(bed.jobDir, 'nodes'));
});

it('a batch system that cannot start them fails the job, with its words in the log', async () => {
  await writeFile(join(bed.root, 'bin/srun'), '#!/bin/sh\nexit 9\n');
  expect((await bed.run(bed.values(several), nodes)).code).toBe(9);
  expect(await ending('4711')).toBe(`${tag} 0 9 failed`);
});
