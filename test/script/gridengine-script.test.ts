import { describe, expect, it } from 'vitest';
import { gridengine } from '../../src/schedulers/gridengine.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { makeJobBed } from '../support/job-bed.ts';
import { expectSoundShell, noSlurm, ownPart, scriptOf } from './rendered-script.ts';

describe('the script for Grid Engine', () => {
  const directives = gridengine.directives({ ...wholeNodeJob, cores: 4, memoryMB: 8_000, gpus: 1, queue: 'all.q' });
  const script = () => scriptOf('gridengine.sh.hbs', directives);

  it('begins as it did, up to the body that all share', async () => {
    expect(ownPart(await script())).toMatchSnapshot();
  });

  it('has no other line that qsub would take for a directive, wherever it stands', async () => {
    const taken = (await script()).split('\n').filter((line) => line.startsWith('#$'));
    expect(taken).toEqual(directives.map((line) => `#$ ${line}`));
  });

  it('satisfies bash and shellcheck', async () => {
    await expectSoundShell(await script());
  });
});

describe('a job of Grid Engine', () => {
  /** As 8.1.9 sets them (test/schedulers/recordings/gridengine-8.1.9/08_environment.txt). */
  const environment = {
    ...noSlurm,
    ...{ JOB_ID: '74', SGE_TASK_ID: '2', HOSTNAME: 'n7.example.org', NSLOTS: '4', QUEUE: 'all.q', SHLVL: '1' },
    ...{ SGE_TASK_FIRST: '1', SGE_TASK_LAST: '2', SGE_TASK_STEPSIZE: '1', PE: 'smp', ENVIRONMENT: 'BATCH' },
  };

  it('goes by the id that Grid Engine lists it under, its index, its node and what it was given', async () => {
    await using bed = await makeJobBed('gridengine.sh.hbs');
    await bed.run(bed.values(), { ...environment, GLIDEIN_MEMORY_MB: '8000', GLIDEIN_WHOLE_NODE: 'yes' });
    expect(await bed.mark('seen/anvil-0123456789.2')).toMatch(/^seen anvil-0123456789 2 74\.2 n7 \d+ \.\n$/);
    expect(await bed.mark(`ends/${gridengine.pilotId('74', 2)}`)).toMatch(/^end anvil-0123456789 2 0 exited n7 /);
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['4', '7900']);
    expect([inside.has('GLIDEIN_MEMORY_MB'), inside.has('GLIDEIN_WHOLE_NODE')]).toEqual([false, false]);
  });

  it('that is no array has the index of an array’s first', async () => {
    await using bed = await makeJobBed('gridengine.sh.hbs');
    await bed.run(bed.values(), { ...environment, SGE_TASK_ID: 'undefined' });
    expect(await bed.mark('seen/anvil-0123456789.1')).toContain(' 1 74 n7 ');
    expect(await bed.mark('ends/74')).toContain(' 1 0 exited n7 ');
  });

  it.each([
    ['yes', undefined],
    [undefined, '1'],
  ])('takes one slot for its only core unless the node is its own (%s)', async (whole, cores) => {
    await using bed = await makeJobBed('gridengine.sh.hbs');
    await bed.run(bed.values(), { ...environment, NSLOTS: '1', GLIDEIN_WHOLE_NODE: whole });
    expect((await bed.environment('inner-env')).get('NUM_CPUS')).toBe(cores);
  });
});
