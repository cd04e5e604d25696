import type { Cluster } from '../test/support/cluster.ts';
import { endPilots, poolSites } from '../test/support/pool-sites.ts';
import { realPool } from '../test/support/real-pool.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { alternate } from './alternate.ts';
import { glidein, peer } from './program.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading } from './report.ts';
import { type Command, timed } from './timed-run.ts';

/** How long it is until a pilot can take jobs: from the command that submits it until the pool has it. */
export async function pilotInPool(cluster: Cluster, program: string, rounds: number): Promise<void> {
  const pool = await realPool(cluster);
  const sites = await poolSites(cluster, pool);
  const { env } = sites.here;
  sites.add('near');
  const submit = glidein(program, ['submit', 'near'], env);
  heading('(f) glidein submit against ssh HOST sbatch of the same script, each until the pilot is in the pool');
  await timed(submit); // Delivers the token.
  const { stdout: script } = await timed(glidein(program, ['render', 'near'], env));
  const byHand = { ...peer(['ssh', 'campus', 'sbatch'], env), input: script };
  /** Milliseconds from just before the command until the collector has taken the pilot in. */
  const untilInPool = async (command: Command): Promise<number> => {
    await endPilots(cluster, pool);
    const before = pool.joined();
    const start = performance.now();
    const submission = timed(command);
    await waitUntil('the pilot is in the pool', 60, () => pool.joined() > before, 10);
    const milliseconds = performance.now() - start;
    await submission;
    return milliseconds;
  };
  await waitForQuiet();
  const measured = await alternate(
    { ours: () => untilInPool(submit), peer: () => untilInPool(byHand) },
    { rounds, warmUps: 1 },
  );
  comparison({ ours: 'glidein submit SITE', peer: 'ssh HOST sbatch' }, measured, 1.3);
  await sites.remove();
}
