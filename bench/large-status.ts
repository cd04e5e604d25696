import type { Cluster } from '../test/support/cluster.ts';
import { alternate, median } from './alternate.ts';
import { glidein, peer } from './program.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading, phases, say, spread } from './report.ts';
import { countJobs, makeSites, type Sites, topUp, waitForRunning } from './sites.ts';
import { peakMegabytes, type Timed, timed } from './timed-run.ts';

const pilots = 2000;
const secondsAim = 2;

/** How large the cluster of `largeStatus` is. Each node runs one whole-node pilot; the other pilots wait. */
export const largeCluster = { nodeCount: 250 };

/** What a look at a large site costs: `status` with 2,000 pilots. */
export async function largeStatus(cluster: Cluster, program: string, rounds: number): Promise<void> {
  const routes = [{ name: 'near', port: cluster.sshd.port, server: cluster.sshd }];
  const sites = await makeSites(cluster, program, routes, [{ name: 'near', host: 'near', target: pilots }]);
  // Two, because Slurm's MaxArraySize is 1001 by default and the profile allows 1,000 a pass.
  for (let pass = 0; pass < 2; pass += 1) await timed(topUp(sites, ['near']));
  await waitForRunning(sites, cluster.nodes.length, 300);
  const running = await countJobs(sites, 'R');
  const waiting = await countJobs(sites, 'PD');
  heading(`(e) status with ${running} running and ${waiting} waiting pilots on ${cluster.nodes.length} slurmd`);
  const status = glidein(program, ['status', 'near'], sites.env);
  await waitForQuiet();
  const measured = await alternate(
    {
      ours: async () => checkedStatus(await timed(status)),
      peer: async () => (await timed(peer(['ssh', 'near', 'squeue', '--me', '-r'], sites.env))).milliseconds,
    },
    { rounds, warmUps: 2 },
  );
  comparison({ ours: 'glidein status SITE', peer: 'ssh HOST squeue --me -r' }, measured, null);
  const took = median(measured.ours) / 1000;
  say(`aim <= ${secondsAim} s: ${took.toFixed(2)} s, ${took <= secondsAim ? '' : 'NOT '}reached`);
  await bareSqueue(sites, rounds);
  say(`most memory resident at a time: ${(await peakMegabytes(status)).toFixed(0)} MB`);
  const runs: Timed[] = [];
  for (let run = 0; run < rounds; run += 1) runs.push(await timed({ ...status, args: [...status.args, '--verbose'] }));
  phases(runs);
}

/** All pilots must be in the answer. */
function checkedStatus(run: Timed): number {
  if (!run.stdout.includes(`${pilots} of ${pilots} pilots`))
    throw new Error(`not the whole: ${run.stdout.slice(0, 300)}`);
  return run.milliseconds;
}

/** The scheduler's own part, without SSH: as root, who sees the same jobs. */
async function bareSqueue(sites: Sites, rounds: number): Promise<void> {
  const env = { ...process.env, SLURM_CONF: sites.cluster.slurmConf };
  const user = sites.cluster.users.ada.name;
  const times: number[] = [];
  for (let run = 0; run < rounds; run += 1) {
    times.push((await timed(peer(['squeue', '--user', user, '-r'], env))).milliseconds);
  }
  say(`squeue --user USER -r on the login node itself: ${spread(times)}`);
}
