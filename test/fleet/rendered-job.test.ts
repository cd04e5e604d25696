import { describe, expect, it } from 'vitest';
import { checkProfile } from '../../src/config/schema.ts';
import { renderedJob } from '../../src/fleet/site-job.ts';
import type { SchedulerKind } from '../../src/schedulers/index.ts';
import { exampleWith } from '../support/example-profile.ts';
import { quietContext } from '../support/shell-transport.ts';

/** The job of a profile for this batch system, with a directive of the user's own. */
async function withExtra(kind: SchedulerKind, line: string) {
  const profile = exampleWith({ 'scheduler.kind': kind, 'scheduler.cores': 8, 'scheduler.extra': [line] });
  const checked = checkProfile(profile, { site: 'campus', file: null });
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
  return renderedJob(
    checked.value,
    { configDir: '/nonexistent', dataDir: '/nonexistent', anyOwner: false },
    quietContext(),
  );
}

describe('a directive of the user’s own', () => {
  it.each([
    ['slurm', '--account=a b'],
    ['pbs', '-A a\\ b'],
    ['torque', '-A "a'],
    ['lsf', 'W 60'],
    ['gridengine', '-A a#b'],
  ] as const)('that the clients of %s would read otherwise is refused: %s', async (kind, line) => {
    const reason = expect.stringContaining(`the directive ${line} cannot be carried exactly`);
    expect(await withExtra(kind, line)).toMatchObject({ failure: { kind: 'value-refused', key: 'scheduler', reason } });
  });

  it.each([
    ['slurm', '--account="a b"'],
    ['pbs', '-A a#b'],
    ['torque', '-A "a b"'],
    ['lsf', '-P a#b'],
    ['gridengine', '-A a\\b'],
  ] as const)('that the clients of %s read as it is stands in the script: %s', async (kind, line) => {
    const rendered = await withExtra(kind, line);
    const script = rendered.ok ? rendered.value.script('campus-abcdefghij') : rendered;
    expect(script).toMatchObject({ ok: true, value: expect.stringContaining(` ${line}\n`) });
  });
});
