import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { directiveRefusal } from '../../src/schedulers/directive-line.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { run } from '../support/run-program.ts';

const configuration = 'ClusterName=none\nSlurmctldHost=localhost\nSlurmctldPort=1\nAuthType=auth/none\nNodeName=n1\n';

/** What the real sbatch reads in directive lines. It is never asked to submit: the last directive is wrong on purpose. */
async function readBySbatch(lines: readonly string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'glidein-sbatch-'));
  const script = join(directory, 'script.sh');
  await writeFile(join(directory, 'slurm.conf'), configuration);
  await writeFile(script, `#!/bin/sh\n${[...lines, '--nodes=wrong'].map((line) => `#SBATCH ${line}\n`).join('')}`);
  const env = { PATH: '/usr/bin:/bin', SLURM_CONF: join(directory, 'slurm.conf') };
  const ran = await run('sbatch', ['-vvv', '--test-only', script], { env, seconds: 20 });
  await rm(directory, { recursive: true });
  const found = [...ran.stderr.matchAll(/Found in script, argument "(.*)"$/gm)].map((match) => match[1] ?? '');
  expect(found.at(-1)).toBe('--nodes=wrong');
  return found.slice(0, -1);
}

describeOnCluster('directive lines', () => {
  it('takes from sbatch exactly what a line that is carried says, and never loses or adds a word', async () => {
    const word = fc.string({ unit: fc.constantFrom(...'ab1&|[]()*,:=%$#\\\'"`~ ünï-'), maxLength: 12 });
    const line = word.map((text) => `--comment=${text}`).filter((text) => directiveRefusal(slurm, text) === null);
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 10, maxLength: 30 }), async (lines) => {
        // Quotes go, as in a shell; nothing else does.
        const meant = lines.map((text) => text.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'));
        expect(await readBySbatch(lines)).toEqual(meant);
      }),
      { numRuns: 15 },
    );
  });

  it.each(['--comment=a#b', '--comment=a b', '--comment=a\\b', "--comment='a\\b'", '--comment=a # b'])(
    'refuses %s, which sbatch reads as something else',
    async (line) => {
      expect(directiveRefusal(slurm, line)).not.toBeNull();
      expect(await readBySbatch([line])).not.toEqual([line.replaceAll(/['"]/g, '')]);
    },
  );
});
