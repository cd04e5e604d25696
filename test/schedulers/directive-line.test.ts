import { describe, expect, it } from 'vitest';
import { directiveRefusal } from '../../src/schedulers/directive-line.ts';
import { gridengine } from '../../src/schedulers/gridengine.ts';
import { lsf } from '../../src/schedulers/lsf.ts';
import { pbs } from '../../src/schedulers/pbs.ts';
import { slurm } from '../../src/schedulers/slurm.ts';

// What sbatch 22.05.8 makes of each is in the test of the real one (test/real/directive-line.test.ts).
describe('a directive line', () => {
  it.each([
    '--exclusive',
    '--account=abc123',
    '--constraint=a&b|(c*2)',
    '--constraint="a & b"',
    "--comment='a # b'",
    '-A abc',
    '--gres gpu:2',
    '--comment=ünï',
    '--export=A=$HOME',
  ])('%s is carried by sbatch as it is', (line) => {
    expect(directiveRefusal(slurm, line)).toBeNull();
  });

  it.each([
    '',
    ' --exclusive',
    '--exclusive ',
    '--account=a b',
    '--account=a --exclusive',
    '--account=a#b',
    '--account=a # b',
    '--comment="a',
    "--comment=it's",
    '--comment=a\\b',
    '--comment="a\\"b"',
    '--a --b',
    '-A a b',
    'words',
    '--account=a\n#SBATCH --exclusive',
    '--account=a\tb',
    '--account=a\rb',
  ])('%j is not', (line) => {
    expect(directiveRefusal(slurm, line)).not.toBeNull();
  });

  it('of another batch system may not hold a line break either', () => {
    expect(directiveRefusal(pbs, '-N a\nb')).not.toBeNull();
    expect(directiveRefusal(lsf, '-R "select[mem > 1]"')).toBeNull();
  });
});

// What qsub of OpenPBS 23.06.06 makes of each was tried: docs/observed/openpbs.md.
describe('a directive line of PBS', () => {
  it.each(['-l select=1:ncpus=4', '-A a#b', '-A "my account"', '-A a -l walltime=60', '-v A=$HOME'])(
    '%s is carried by qsub as it is, or complained of',
    (line) => {
      expect(directiveRefusal(pbs, line)).toBeNull();
    },
  );

  it.each(['', ' -A a', '-A a\\ b', '-A "a', "-A it's", '-A a\n#PBS -V'])('%j is not', (line) => {
    expect(directiveRefusal(pbs, line)).not.toBeNull();
  });
});

// What bsub of OpenLava 4.0.0 makes of each was tried: docs/observed/openlava.md.
describe('a directive line of LSF', () => {
  it.each(['-n 4', '-x', '-R "select[mem > 1] span[hosts=1]"', '-P a#b', "-Lp 'a b'"])('%s is carried', (line) => {
    expect(directiveRefusal(lsf, line)).toBeNull();
  });

  it.each(['', ' -x', 'W 60', '-P "a', "-P it's", '-P #b', '-x\n#BSUB -H'])('%j is not', (line) => {
    expect(directiveRefusal(lsf, line)).not.toBeNull();
  });
});

// What qsub of Grid Engine 8.1.9 makes of each was recorded: 07_directives.txt.
describe('a directive line of Grid Engine', () => {
  it.each(['-l h_rt=01:00:00', '-pe smp 4', '-ac "A=x y"', '-ac A=x\\y'])('%s is carried', (line) => {
    expect(directiveRefusal(gridengine, line)).toBeNull();
  });

  it.each(['', ' -j y', 'words', '-ac A=x#y', '-ac "A=x#y"', '-ac A=x"y', "-N it's", '-j y\n#$ -V'])(
    '%j is not',
    (line) => {
      expect(directiveRefusal(gridengine, line)).not.toBeNull();
    },
  );
});
