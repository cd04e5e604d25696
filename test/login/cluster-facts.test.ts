import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ClusterFacts,
  clusterFacts,
  clusterProgram,
  defaultsOf,
  kindsFor,
  kindsIn,
  modulesIn,
} from '../../src/login/cluster-facts.ts';
import { prepare, readParts } from '../../src/login/remote-programs.ts';
import { type SchedulerKind, schedulers } from '../../src/schedulers/index.ts';
import { pathWithout } from '../support/path-without.ts';

/** The first program that `init` runs on a login host, in a real shell. */

const mark = 'abcdef0123456789ab';
const every = kindsFor(null);
let home: string;
let path: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-cluster-'));
  mkdirSync(join(home, 'bin'));
  const theirs = [...every.flatMap((kind) => [...schedulers[kind].clients.needed, 'lsid']), 'apptainer', 'singularity'];
  path = `${join(home, 'bin')}:${pathWithout(theirs, join(home, 'system'))}`;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function inFront(name: string, script: string): void {
  writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(home, 'bin', name), 0o755);
}

/** The clients of a batch system, which say this of themselves. */
function install(kind: SchedulerKind, says: string): void {
  const { needed, versionCommand } = schedulers[kind].clients;
  for (const name of [...needed, versionCommand.split(' ')[0] ?? '']) inFront(name, says);
}

function look(env: NodeJS.ProcessEnv = {}): { kinds: SchedulerKind[]; facts: ClusterFacts } {
  const directories = { site: '~/site', jobs: '~/site', logs: '~/site/logs' };
  const options = { mark, looksOnly: true, judgesDirectories: false };
  const text = `${prepare(directories, defaultsOf(every), options)}\n(\n${clusterProgram(every)}\n) </dev/null 9<&-`;
  const { stdout, stderr } = spawnSync('sh', ['-c', text], {
    env: { PATH: path, HOME: home, ...env },
    encoding: 'utf8',
  });
  const parts = readParts({ stdout, stderr }, mark);
  const kinds = kindsIn(parts, every);
  return { kinds, facts: clusterFacts(parts, new Map(), kinds) };
}

describe('the batch systems of a login host', () => {
  it('are none where no clients are, or not all of them', () => {
    expect(look().kinds).toEqual([]);
    inFront('sbatch', 'echo slurm 24.05.1');
    inFront('squeue', ':');
    expect(look().kinds).toEqual([]);
  });

  it.each<[string, SchedulerKind, string, string]>([
    ['Slurm', 'slurm', 'echo slurm 24.05.1', 'slurm 24.05.1'],
    ['OpenPBS', 'pbs', 'echo pbs_version = 23.06.06', 'pbs_version = 23.06.06'],
    ['Torque, on stderr', 'torque', 'printf "Version: 6.1.2\\nCommit: 1\\n" >&2', 'Version: 6.1.2'],
    ['Son of Grid Engine', 'gridengine', 'printf "SGE 8.1.9\\nusage: qstat [options]\\n"', 'SGE 8.1.9'],
    ['OpenLava', 'lsf', 'echo OpenLava 4.0.0, Nov 20 2026', 'OpenLava 4.0.0, Nov 20 2026'],
  ])('are told by what their clients say: %s', (_title, kind, says, version) => {
    install(kind, says);
    const { kinds, facts } = look();
    expect(kinds).toEqual([kind]);
    expect(facts.schedulers).toMatchObject([{ kind, version }]);
  });

  it('may be each of three where their common clients do not say which', () => {
    install('pbs', 'echo who knows');
    expect(look().kinds).toEqual(['pbs', 'torque', 'gridengine']);
  });

  it('are not those whose clients another one brings along', () => {
    install('slurm', 'echo slurm 24.05.1');
    install('pbs', 'echo "Unknown option: version" >&2; exit 2');
    expect(look().kinds).toEqual(['slurm']);
  });

  it('are all that are there, also one that finds no cluster, which has no version then', () => {
    install('slurm', 'echo "no configuration" >&2; exit 1');
    install('lsf', 'echo IBM Spectrum LSF Standard 10.1.0.11');
    expect(look().facts.schedulers).toMatchObject([
      { kind: 'slurm', version: null },
      { kind: 'lsf', version: 'IBM Spectrum LSF Standard 10.1.0.11' },
    ]);
  });
});

describe('what containers start with', () => {
  it('is the runtime on PATH, the newest SIF of ~/.glidein, and who asks', () => {
    inFront('singularity', 'echo singularity-ce version 4.1.0');
    mkdirSync(join(home, '.glidein'));
    for (const [name, age] of [
      ['old.sif', 100],
      ['new.sif', 10],
      ['a name.sif', 1],
      ['newest.txt', 0],
    ] as const) {
      const file = join(home, '.glidein', name);
      writeFileSync(file, '');
      utimesSync(file, Date.now() / 1000 - age, Date.now() / 1000 - age);
    }
    const { facts } = look();
    expect(facts).toMatchObject({ runtime: 'singularity-ce version 4.1.0', image: '~/.glidein/new.sif', modules: [] });
    expect(facts.user).toBe(spawnSync('id', ['-un'], { encoding: 'utf8' }).stdout.trim());
  });

  it('is what `module` lists on stderr, though the session’s sh has no such function', () => {
    mkdirSync(join(home, 'lmod/init'), { recursive: true });
    const listing = 'printf "/apps/modules:\\n%s/\\n%s/1.2.5\\n%s/1.10.1\\n" "$3" "$3" "$3" >&2';
    writeFileSync(join(home, 'lmod/init/bash'), `module() { [ "$*" = "-t avail $3" ] && ${listing}; }\n`);
    const { facts } = look({ LMOD_PKG: join(home, 'lmod') });
    expect(facts.modules).toEqual(['apptainer/1.10.1', 'apptainer/1.2.5', 'singularity/1.10.1', 'singularity/1.2.5']);
    expect(facts.runtime).toBeNull();
  });

  it('is nothing where there are no modules', () => {
    expect(look().facts).toMatchObject({ runtime: null, modules: [], image: null });
  });
});

describe('the modules in a listing', () => {
  it('have Apptainer before Singularity, then the default, then the newest', () => {
    const text = [
      '/apps/core:',
      'singularity/3.11(default)',
      'apptainer/1.2.5',
      'apptainer/1.1.9(default)',
      'apptainer/1.13.0',
      'tools/apptainer/1.4',
    ].join('\n');
    expect(modulesIn(text)).toEqual([
      'apptainer/1.1.9',
      'tools/apptainer/1.4',
      'apptainer/1.13.0',
      'apptainer/1.2.5',
      'singularity/3.11',
    ]);
  });

  it.each([
    ['a message', 'No module(s) or extension(s) found!\nUse "module spider apptainer" to find it.'],
    ['a directory', '/opt/apptainer/modulefiles:'],
    ['a family without a version of its own', 'apptainer/'],
    ['another program', 'apptainer-hooks2x/1.0 beta\nmyapptainer/1.0'],
  ])('are not %s', (_what, text) => {
    expect(modulesIn(text)).toEqual([]);
  });
});
