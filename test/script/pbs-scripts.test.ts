import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pbs } from '../../src/schedulers/pbs.ts';
import { torque } from '../../src/schedulers/torque.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { type JobBed, makeJobBed } from '../support/job-bed.ts';
import { run } from '../support/run-program.ts';
import { expectSoundShell, noSlurm, ownPart, scriptOf } from './rendered-script.ts';

const job = { ...wholeNodeJob, cores: 4, memoryMB: 8_000, gpus: 1 };
const kinds = [
  ['PBS', 'pbs.sh.hbs', pbs.directives(job)],
  ['Torque', 'torque.sh.hbs', torque.directives(job)],
] as const;

describe.each(kinds)('the script for %s', (_, template, directives) => {
  const script = () => scriptOf(template, directives);

  it('begins as it did, up to the body that all share', async () => {
    expect(ownPart(await script())).toMatchSnapshot();
  });

  it('satisfies bash and shellcheck', async () => {
    await expectSoundShell(await script());
  });
});

async function inBed(template: string, act: (bed: JobBed, nodefile: string) => Promise<void>): Promise<void> {
  await using bed = await makeJobBed(template);
  const nodefile = join(bed.root, 'nodefile');
  await writeFile(nodefile, 'n7.example.org\nn7.example.org\n', { mode: 0o644 });
  await act(bed, nodefile);
}

describe('a job of PBS', () => {
  const environment = (nodefile: string) => ({
    ...noSlurm,
    ...{ PBS_JOBID: '5[3].pbs1', PBS_ARRAY_INDEX: '3', PBS_NODEFILE: nodefile, NCPUS: '4' },
    ...{ PBS_O_WORKDIR: '/', PBS_ENVIRONMENT: 'PBS_BATCH', GLIDEIN_TAG: 'anvil-0123456789' },
  });

  it('goes by the id that PBS lists it under, its index, its node and what it was given', () =>
    inBed('pbs.sh.hbs', async (bed, nodefile) => {
      await bed.run(bed.values(), { ...environment(nodefile), GLIDEIN_MEMORY_MB: '8000' });
      const id = pbs.pilotId('5[].pbs1', 3);
      expect(await bed.mark('seen/anvil-0123456789.3')).toMatch(/^seen anvil-0123456789 3 5\[3\]\.pbs1 n7 \d+ \.\n$/);
      expect(await bed.mark(`ends/${id}`)).toMatch(/^end anvil-0123456789 3 0 exited n7 /);
      const inside = await bed.environment('inner-env');
      expect([inside.get('NUM_CPUS'), inside.get('MEMORY')]).toEqual(['4', '7900']);
      expect(inside.has('GLIDEIN_TAG') || inside.has('GLIDEIN_MEMORY_MB')).toBe(false);
    }));

  it('alone has the index 0', () =>
    inBed('pbs.sh.hbs', async (bed, nodefile) => {
      const alone = { ...environment(nodefile), PBS_JOBID: '6.pbs1', PBS_ARRAY_INDEX: undefined };
      await bed.run(bed.values(), alone);
      expect(await bed.mark('seen/anvil-0123456789.0')).toContain(' 0 6.pbs1 n7 ');
      expect(await bed.mark('ends/6.pbs1')).toContain(' 0 0 exited ');
    }));

  it('gives what PBS keeps of its output the name that glidein logs looks for', () =>
    inBed('pbs.sh.hbs', async (bed, nodefile) => {
      await mkdir(bed.logDir, { recursive: true });
      await run('chmod', ['777', bed.logDir]);
      const kept = join(bed.logDir, '5[3].pbs1.OU');
      await writeFile(kept, 'said before\n');
      await run('chown', ['--reference', bed.jobDir, kept]);
      await bed.run(bed.values(), environment(nodefile));
      const named = join(bed.logDir, '5[3].pbs1.batch');
      expect((await stat(named)).ino).toBe((await stat(kept)).ino);
    }));
});

describe('a job of Torque', () => {
  it('goes by the same, from the variables of Torque, and keeps its own output', () =>
    inBed('torque.sh.hbs', async (bed, nodefile) => {
      await mkdir(bed.logDir, { recursive: true });
      await run('chmod', ['777', bed.logDir]);
      const ran = await bed.run(bed.values(), {
        ...noSlurm,
        ...{ PBS_JOBID: '5[3].srv', PBS_ARRAYID: '3', PBS_NODEFILE: nodefile, PBS_NUM_PPN: '8' },
      });
      expect(await bed.mark('seen/anvil-0123456789.3')).toContain(' 3 5[3].srv n7 ');
      expect(await bed.mark(`ends/${torque.pilotId('5[].srv', 3)}`)).toContain(' 3 0 exited n7 ');
      expect((await bed.environment('inner-env')).get('NUM_CPUS')).toBe('8');
      expect(ran.stderr).toBe('');
      expect(await readFile(join(bed.logDir, '5[3].srv.batch'), 'utf8')).toContain('glidein: pilot 5[3].srv of anvil');
    }));
});
