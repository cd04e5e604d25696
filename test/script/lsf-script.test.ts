import { describe, expect, it } from 'vitest';
import { lsf } from '../../src/schedulers/lsf.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { makeJobBed } from '../support/job-bed.ts';
import { expectSoundShell, noSlurm, ownPart, scriptOf } from './rendered-script.ts';

describe('the script for LSF', () => {
  const directives = lsf.directives({ ...wholeNodeJob, cores: 4, memoryMB: 8_000, gpus: 1, queue: 'long' });
  const script = () => scriptOf('lsf.sh.hbs', directives);

  it('begins as it did, up to the body that all share', async () => {
    expect(ownPart(await script())).toMatchSnapshot();
  });

  it('satisfies bash and shellcheck', async () => {
    await expectSoundShell(await script());
  });
});

describe('a job of LSF', () => {
  /** As OpenLava 4.0.0 sets them; HOSTNAME and the working directory come from the submitting host. */
  const environment = {
    ...noSlurm,
    ...{ LSB_JOBID: '230', LSB_JOBINDEX: '2', LSB_JOBNAME: 'g-anvil[1-3]', LSB_QUEUE: 'normal' },
    ...{ LSB_HOSTS: 'n7 n7 n7 n7', LSB_MCPU_HOSTS: 'n7 4 ', LSB_DJOB_NUMPROC: '4', LSB_MAX_NUM_PROCESSORS: '4' },
    ...{ LSB_TRAPSIGS: 'trap # 15 10 12 2 1', HOSTNAME: 'the-login-node', LS_SUBCWD: '/' },
  };

  it('goes by the id that LSF lists it under, its index, its node and what it was given', async () => {
    await using bed = await makeJobBed('lsf.sh.hbs');
    await bed.run(bed.values(), { ...environment, GLIDEIN_MEMORY_MB: '8000' });
    const id = lsf.pilotId('230', 2);
    expect(await bed.mark('seen/anvil-0123456789.2')).toMatch(/^seen anvil-0123456789 2 230\[2\] n7 \d+ \.\n$/);
    expect(await bed.mark(`ends/${id}`)).toMatch(/^end anvil-0123456789 2 0 exited n7 /);
    const inside = await bed.environment('inner-env');
    expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['4', '7900']);
    expect(inside.has('GLIDEIN_MEMORY_MB')).toBe(false);
  });

  it('that is no array has the index of an array’s first, as the listing says', async () => {
    await using bed = await makeJobBed('lsf.sh.hbs');
    await bed.run(bed.values(), { ...environment, LSB_JOBINDEX: '0' });
    expect(await bed.mark('seen/anvil-0123456789.1')).toContain(' 1 230 n7 ');
    expect(await bed.mark('ends/230')).toContain(' 1 0 exited n7 ');
  });

  it('does not take the one slot that a whole node counts for as its number of cores', async () => {
    await using bed = await makeJobBed('lsf.sh.hbs');
    await bed.run(bed.values(), { ...environment, LSB_HOSTS: 'n7', LSB_DJOB_NUMPROC: '1' });
    const inside = await bed.environment('inner-env');
    expect([inside.has('NUM_CPUS'), inside.has('MEMORY')]).toEqual([false, false]);
  });

  it.each(['INT', 'TERM', 'USR2'])('that gets %s with all its processes ends in order, or goes on', async (signal) => {
    await using bed = await makeJobBed('lsf.sh.hbs');
    const acts = `trap "exit 0" TERM; (sleep 0.3; kill -${signal} 0) & for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done`;
    await bed.run(bed.values(), { ...environment, STAND_IN_ACTS: acts });
    const [, , , , reason] = (await bed.mark('ends/230[2]'))?.split(' ') ?? [];
    expect(reason).toBe(signal === 'USR2' ? 'exited' : 'signalled');
  });
});
