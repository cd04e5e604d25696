import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchSystem } from '../../src/demo/batch-system.ts';
import { Faults } from '../../src/demo/faults.ts';
import { startNothing } from '../../src/demo/job-program.ts';
import type { Answer } from '../../src/demo/scheduler-command.ts';
import { spokenSlurm } from '../../src/demo/slurm-commands.ts';

/** Slurm's words over the batch system, against what was recorded of 22.05.8 (docs/observed/slurm.md). */

const script = '#!/bin/sh\n#SBATCH --job-name=g-campus --time=12:00:00\nexit 0\n#SBATCH --time=1\n';
let system: BatchSystem;
beforeEach(() => {
  system = new BatchSystem({
    cluster: {
      name: 'c',
      nodes: ['node1', 'node2'],
      coresPerNode: 4,
      memoryMBPerNode: 4000,
      queues: [
        { name: 'whole', maxWalltimeSeconds: 172_800 },
        { name: 'shared', maxWalltimeSeconds: 172_800 },
      ],
      maxArraySize: 1001,
    },
    startJob: startNothing,
    scheduleEveryMs: null,
    killWaitMs: 1000,
    rememberMs: 60_000,
    firstNumber: 1,
  });
});
afterEach(() => system.stop());

async function call(line: string, environment: Record<string, string> = {}, stdin = script): Promise<Answer> {
  const [program = '', ...args] = line.split(' ');
  const ground = { system, faults: new Faults(), user: { name: 'ada', uid: 1000 }, hasAccounting: true };
  const answer = await spokenSlurm.commands(ground).answer({
    program,
    args,
    environment,
    directory: '/home/ada',
    readStdin: async () => stdin,
  });
  if (answer === null) throw new Error('no answer');
  return answer;
}
const out = async (line: string, environment?: Record<string, string>) => (await call(line, environment)).stdout;
const start = (at: number) => {
  const job = system.jobs()[at];
  if (job === undefined || !system.startNow(job)) throw new Error(`job ${at} does not start`);
};

describe('sbatch', () => {
  it('prints the bare id with --parsable, and a sentence without', async () => {
    expect(await out('sbatch --parsable')).toBe('1\n');
    expect(await out('sbatch --array=0-2')).toBe('Submitted batch job 2\n');
  });

  it('refuses a job of several nodes in words that are not Slurm’s', async () => {
    const refused = await call('sbatch --parsable --nodes=2 --ntasks-per-node=1 --no-kill --exclusive --mem=0');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('here a job has one node');
    expect(system.jobs()).toEqual([]);
  });

  it('takes directives up to the first command only; environment beats script, and command line both', async () => {
    await call('sbatch');
    await call('sbatch', { SBATCH_JOB_NAME: 'foreign', SBATCH_TIMELIMIT: '30' });
    await call('sbatch --job-name=mine', { SBATCH_JOB_NAME: 'foreign' });
    const names = system.jobs().map(({ request }) => [request.name, request.walltimeSeconds]);
    expect(names).toEqual([
      ['g-campus', 43_200],
      ['foreign', 1800],
      ['mine', 43_200],
    ]);
  });

  it('makes seven tasks of one submission where SBATCH_ARRAY_INX says so and nothing else does', async () => {
    await call('sbatch', { SBATCH_ARRAY_INX: '0-6' });
    expect(system.jobs()).toHaveLength(7);
    await call('sbatch --array=0-1', { SBATCH_ARRAY_INX: '0-6' });
    expect(system.jobs()).toHaveLength(9);
  });

  it.each([
    ['--partition=nowhere', 1, 'sbatch: error: invalid partition specified: nowhere'],
    ['--reservation=nosuch', 1, 'Requested reservation is invalid'],
    ['--constraint=nosuch', 1, 'Invalid feature specification'],
    ['--gpus=1', 1, 'Invalid generic resource (gres) specification'],
    ['--array=2-1', 1, 'Invalid job array specification'],
    ['--array=0-1001', 1, 'Invalid job array specification'],
    ['--mem=999G', 1, 'Requested node configuration is not available'],
    ['--time=banana', 255, 'Invalid --time specification'],
    ['--no-such-option', 255, "unrecognized option '--no-such-option'"],
  ])('refuses %s with %d as the real one does', async (option, code, words) => {
    expect(await call(`sbatch ${option}`)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(words) });
    expect(system.alive()).toEqual([]);
  });

  it.each([
    ['', 'Batch script is empty!'],
    ['echo\n', 'This does not look like a batch script'],
    ['#!/bin/sh\r\n', 'DOS line breaks'],
  ])('refuses the script %j', async (text, words) => {
    expect(await call('sbatch', {}, text)).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
  });

  it('accepts what can never start, and lets it wait', async () => {
    await call('sbatch --time=3-00:00:00');
    await call('sbatch --nodes=99');
    expect(await out('squeue -h -o %T|%r')).toBe('PENDING|PartitionTimeLimit\nPENDING|PartitionNodeLimit\n');
  });

  it('tells the job who and where it is', async () => {
    await call('sbatch --array=3,5 --output=/logs/%A_%a.batch --comment=t', { MINE: 'x' });
    start(0);
    const [job] = system.jobs();
    if (job === undefined) throw new Error('no job');
    expect(job.request.environment(job)).toMatchObject({
      MINE: 'x',
      SLURM_ARRAY_JOB_ID: '1',
      SLURM_ARRAY_TASK_ID: '3',
      SLURM_JOB_ID: '2',
      SLURMD_NODENAME: 'node1',
      SLURM_CPUS_ON_NODE: '4',
    });
    expect(job.request.outputFile(job)).toBe('/logs/1_3.batch');
  });
});

describe('squeue', () => {
  const form = '%i|%A|%F|%K|%T|%r|%D|%B|%k|%j';
  beforeEach(async () => {
    await call('sbatch --array=0-2 --comment=campus-aaaaaaaaaa');
    start(0);
  });

  it('has the waiting tasks of an array as one record, or spread with --array', async () => {
    expect(await out(`squeue -h -o ${form}`)).toBe(
      '1_[1-2]|1|1|1-2|PENDING|None|1|n/a|campus-aaaaaaaaaa|g-campus\n1_0|2|1|0|RUNNING|None|1|node1|campus-aaaaaaaaaa|g-campus\n',
    );
    expect(await out('squeue -h -r -o %i')).toBe('1_1\n1_2\n1_0\n');
    expect(await out('squeue -h -r -S i -o %i')).toBe('1_0\n1_1\n1_2\n');
    expect(await out('squeue -h -r -S -i -o %i')).toBe('1_2\n1_1\n1_0\n');
  });

  it('lists what waits and runs, and what is over only with --states=all', async () => {
    await call('scancel 1_0');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await out('squeue -h -r -o %i')).toBe('1_1\n1_2\n');
    expect(await out('squeue -h -r -t all -S i -o %i|%T')).toBe('1_0|CANCELLED\n1_1|PENDING\n1_2|PENDING\n');
  });

  it('is misled by its environment as the real one is', async () => {
    expect(await out('squeue -h -r -o %i', { SQUEUE_STATES: 'R' })).toBe('1_0\n');
    expect(await out('squeue -h -r -t all -S i -o %i', { SQUEUE_STATES: 'R' })).toBe('1_0\n1_1\n1_2\n');
    expect(await out('squeue -h -t all', { SQUEUE_NAMES: 'foreign' })).toBe('');
    expect(await out('squeue -h -t all', { SQUEUE_PARTITION: 'shared' })).toBe('');
    expect(await call('squeue -h', { SLURM_CLUSTERS: 'elsewhere' })).toMatchObject({ code: 1, stdout: '' });
  });

  it('prints times as it is told, and expects the end of what runs', async () => {
    const [submitted, started, ends] = (await out('squeue -h -t R -o %V|%S|%e', { SLURM_TIME_FORMAT: '%s' })).split(
      '|',
    );
    expect(Number(ends) - Number(started)).toBe(43_200);
    expect(Number(started)).toBeGreaterThanOrEqual(Number(submitted));
    expect(await out('squeue -h -t PD -o %S|%e')).toBe('N/A|N/A\n');
    expect(await out('squeue -h -t R -o %V')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n$/);
  });

  it('shortens a long list of indices unless it is told not to', async () => {
    await call(`sbatch --array=${Array.from({ length: 60 }, (_, at) => at * 2).join(',')} --job-name=many`);
    expect(await out('squeue -h -n many -o %K')).toMatch(/^.{61}\.\.\.\n$/);
    expect(await out('squeue -h -n many -o %K', { SLURM_BITSTR_LEN: '0' })).toContain('116,118');
  });

  it('says with exit 0 that it does not know a user', async () => {
    expect(await call('squeue -h -u nobody-here')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'squeue: error: Invalid user: nobody-here\n\n',
    });
  });

  it('shows a person a table', async () => {
    const [header, ...lines] = (await out('squeue')).split('\n');
    expect(header).toBe('             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)');
    expect(lines[0]).toBe('           1_[1-2]     whole g-campus      ada PD       0:00      1 (None)');
  });
});

describe('scancel and scontrol', () => {
  beforeEach(async () => {
    await call('sbatch --array=0-3');
    start(0);
  });
  const all = () => out('squeue -h -r -t all -S i -o %i|%K|%T');

  it('cancelled waiting tasks vanish while their array still waits', async () => {
    expect(await call('scancel 1_3')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await all()).toBe('1_0|0|RUNNING\n1_1|1|PENDING\n1_2|2|PENDING\n');
    expect(await call('scontrol --oneliner show job 1_3')).toMatchObject({ code: 1, stderr: 'Job 1_3 not found\n' });
  });

  it('--state=PENDING of one waiting task cancels all that wait with it, and leaves one record', async () => {
    await call('scancel --state=PENDING 1_1');
    expect(await all()).toBe('1_0|0|RUNNING\n1|N/A|CANCELLED\n');
  });

  it('--state=PENDING of a held task cancels that task alone', async () => {
    await call('scontrol hold 1_1');
    expect(await out('squeue -h -o %i|%r')).toBe('1_[1-3]|JobHeldUser,None\n1_0|None\n');
    await call('scancel --state=PENDING 1_1');
    expect(await all()).toBe('1_0|0|RUNNING\n1_1|1|CANCELLED\n1_2|2|PENDING\n1_3|3|PENDING\n');
  });

  it('--state=PENDING leaves alone what runs, and is told of what is over', async () => {
    expect(await call('scancel --state=PENDING 1_0')).toMatchObject({ code: 0 });
    expect(system.alive()).toHaveLength(4);
    expect(await call('scancel --state=PENDING 999')).toMatchObject({
      code: 1,
      stderr: 'scancel: error: Kill job error on job id 999: Invalid job id specified\n',
    });
    expect(await call('scancel 999')).toMatchObject({ code: 0, stderr: '' });
  });

  it('holds the others when one id is unknown, and fails', async () => {
    expect(await call('scontrol hold 1_1,999')).toMatchObject({
      code: 1,
      stderr: 'Invalid job id specified for job 999\nslurm_suspend error: Invalid job id specified\n',
    });
    expect(await out('squeue -h -r -S i -t PD -o %i|%r')).toBe('1_1|JobHeldUser\n1_2|None\n1_3|None\n');
    await call('scontrol release 1_1');
    expect(await out('squeue -h -r -S i -t PD -o %r')).toBe('None\nNone\nNone\n');
  });

  it('a job that runs and is held runs on', async () => {
    await call('scontrol hold 1_0');
    expect(await out('squeue -h -t R -o %T|%r')).toBe('RUNNING|JobHeldUser\n');
  });

  it.each(['abc', '12x', '0', '12_x'])('scancel %s is malformed', async (id) => {
    expect(await call(`scancel ${id}`)).toMatchObject({ code: 1, stderr: `scancel: error: Invalid job id ${id}\n` });
  });

  it('shows a job, and does not know another', async () => {
    expect(await out('scontrol --oneliner show job 1_0')).toMatch(
      /^JobId=2 ArrayJobId=1 ArrayTaskId=0 .*JobState=RUNNING/,
    );
    expect(await call('scontrol --oneliner show job 77')).toMatchObject({
      code: 1,
      stderr: 'slurm_load_jobs error: Invalid job id specified\n',
    });
  });
});
