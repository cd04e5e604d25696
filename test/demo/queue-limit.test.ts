import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type QuickSite, quickSite } from '../support/quick-site.ts';
import type { QuickStandIn } from '../support/quick-stand-in.ts';
import { aliveIn } from '../support/stand-in.ts';

/**
 * A queue that takes only so many jobs of a user, and says so: no pass submits what would be refused. The stand-in's
 * own client gets the line that the real one would print.
 */
const limits = { pbs: 'max_queued = [u:PBS_GENERIC=3]', torque: 'max_user_queuable = 3' } as const;

describe.each(['pbs', 'torque'] as const)('%s', (kind) => {
  let quick: QuickStandIn;
  let call: QuickSite['call'];
  let site: QuickSite['site'];
  beforeEach(async () => {
    ({ quick, call, site } = await quickSite(kind));
  });
  afterEach(() => quick[Symbol.asyncDispose]());

  const limitJobs = () => {
    const qstat = join(quick.cluster.directory, 'bin', 'qstat');
    const client = readFileSync(qstat, 'utf8');
    writeFileSync(qstat, client.replace('cat <&3', `sed '/^Queue: compute$/a \\    ${limits[kind]}' <&3`));
    expect(readFileSync(qstat, 'utf8')).not.toBe(client);
  };

  it('gets as many as it takes, and then none that it would refuse', async () => {
    limitJobs();
    const dry = await site(['top-up', 'campus', '--dry-run']);
    expect(dry).toMatchObject({ code: 1, state: 'short', planned: { submit: 3 } });
    const first = await site(['top-up', 'campus']);
    expect(first).toMatchObject({ code: 1, state: 'short', submitted: 3 });
    expect(first.stderr).toContain(
      'compute takes at most 3 jobs of yours at a time, and has 0 of this site; 2 more jobs',
    );
    const second = await site(['top-up', 'campus']);
    expect(second).toMatchObject({ code: 1, state: 'short', submitted: 0, pending: 3 });
    expect(second.stderr).toContain('has 3 of this site; 2 more jobs were not submitted');
    expect(aliveIn(quick.cluster)).toHaveLength(3);
    expect(quick.submissions()).toBe(1);
  });

  it('is named by discover, with the target that it keeps from being reached', async () => {
    limitJobs();
    const { stdout } = await call(['discover', 'campus']);
    expect(stdout).toContain('limits of compute: at most 3 jobs of yours, waiting or running');
    expect(stdout).toContain('target is 5, but compute takes at most 3 jobs of yours');
  });

  it('is asked for anew after a refusal for capacity, however new what is known of the queues is', async () => {
    expect(await call(['discover', 'campus'])).toMatchObject({ code: 0 });
    limitJobs();
    quick.cluster.faults.set({ refuse: 'capacity' }, 1);
    expect(await site(['top-up', 'campus'])).toMatchObject({ code: 1, submitted: 0 });
    expect(await site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 2 });
    expect(await site(['top-up', 'campus'])).toMatchObject({ code: 1, state: 'short', submitted: 1 });
    expect(aliveIn(quick.cluster)).toHaveLength(3);
  });
});
