import { describe, expect, it } from 'vitest';
import { directiveRefusal } from '../../src/script/directive-line.ts';

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
    expect(directiveRefusal('#SBATCH', line)).toBeNull();
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
    expect(directiveRefusal('#SBATCH', line)).not.toBeNull();
  });

  it('of another batch system may not hold a line break either', () => {
    expect(directiveRefusal('#PBS', '-N a\nb')).not.toBeNull();
    expect(directiveRefusal('#BSUB', '-R "select[mem > 1]"')).toBeNull();
  });
});
