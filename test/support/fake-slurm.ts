import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A home directory with a batch system of files in it: `sbatch`, `squeue` and `scancel` are programs on PATH. */
export interface FakeSlurm {
  home: string;
  env: NodeJS.ProcessEnv;
  /** The ids of the jobs there are, from the files, not from any listing. */
  jobs(): string[];
  start(id: string): void;
  failNextSubmit(fault: 'refuse' | 'capacity' | 'escape' | 'lost-nothing' | 'lost-accepted'): void;
  failListings(fault: 'fail' | 'error-with-0' | 'hang' | 'half' | 'half-and-silent' | 'cut' | ''): void;
  remove(): void;
}

export function fakeSlurm(): FakeSlurm {
  const home = mkdtempSync(join(tmpdir(), 'glidein-fake-slurm-'));
  const state = join(home, 'slurm');
  for (const directory of ['jobs', 'started']) mkdirSync(join(state, directory), { recursive: true });
  const programs = fileURLToPath(new URL('fake-slurm', import.meta.url));
  return {
    home,
    env: { HOME: home, FAKE_SLURM: state, PATH: `${programs}:${process.env['PATH']}` },
    jobs: () => readdirSync(join(state, 'jobs')).sort(),
    start: (id) => writeFileSync(join(state, 'started', id), ''),
    failNextSubmit: (fault) => writeFileSync(join(state, 'fault'), fault),
    failListings: (fault) => writeFileSync(join(state, 'list-fault'), fault),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
