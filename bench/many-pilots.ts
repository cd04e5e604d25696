import type { Cluster } from '../test/support/cluster.ts';
import { mustRun } from '../test/support/run-program.ts';
import { alternate, median } from './alternate.ts';
import { glidein, peer } from './program.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading, phases, say, spread } from './report.ts';
import { countJobs, forgetJobs, makeSites, type Sites, topUp } from './sites.ts';
import { type Command, type Timed, timed } from './timed-run.ts';

const count = 200;

/** What 200 pilots cost: one pass from none to 200 against the ways to submit them by hand. */
export async function manyPilots(cluster: Cluster, program: string, rounds: number): Promise<void> {
  const routes = [{ name: 'near', port: cluster.sshd.port, server: cluster.sshd }];
  const sites = await makeSites(cluster, program, routes, [{ name: 'near', host: 'near', target: count }]);
  await startNoJobs(sites);
  const { stdout: script } = await timed(glidein(program, ['render', 'near'], sites.env));
  heading(`(b) 0 -> ${count} pilots in one top-up (the token is there) against one ssh HOST sbatch --array=1-${count}`);
  await timed(topUp(sites, ['near'])); // Delivers the token.
  const ours = () => submitting(sites, topUp(sites, ['near']));
  const array = { ...peer(['ssh', 'near', 'sbatch', `--array=1-${count}`], sites.env), input: script };
  await waitForQuiet();
  const measured = await alternate(
    { ours: async () => (await ours()).milliseconds, peer: async () => (await submitting(sites, array)).milliseconds },
    { rounds, warmUps: 1 },
  );
  comparison({ ours: 'glidein top-up SITE', peer: `ssh HOST sbatch --array=1-${count}` }, measured, 1.3);
  const verbose: Timed[] = [];
  for (let run = 0; run < rounds; run += 1) verbose.push(await submitting(sites, topUp(sites, ['near'], '--verbose')));
  phases(verbose);
  await firstPasses(sites);
  await againstLoop(sites, script, measured.ours);
}

/** Nothing starts while it is measured how pilots are submitted: the jobs wait in a partition that is down. */
async function startNoJobs({ cluster }: Sites): Promise<void> {
  const env = { ...process.env, SLURM_CONF: cluster.slurmConf };
  await mustRun('scontrol', ['update', `PartitionName=${cluster.partitions.exclusive}`, 'State=DOWN'], { env });
}

/** One run that starts from no jobs and must end with all of them. */
async function submitting(sites: Sites, command: Command): Promise<Timed> {
  await forgetJobs(sites, 'token stays');
  const run = await timed(command);
  const there = await countJobs(sites, 'PD');
  if (there !== count) throw new Error(`${command.args.join(' ')} left ${there} jobs instead of ${count}`);
  return run;
}

/** The first pass ever at a site also makes its directories and delivers the token. */
async function firstPasses(sites: Sites): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    await forgetJobs(sites, 'token goes');
    times.push((await timed(topUp(sites, ['near']))).milliseconds);
  }
  say(`the first pass ever, which delivers the token too: ${spread(times)}`);
}

async function againstLoop(sites: Sites, script: string, ours: readonly number[]): Promise<void> {
  heading(`(b) the same against a loop of ${count} ssh HOST sbatch, run once`);
  const line = `script=$(cat); i=0; while [ $i -lt ${count} ]; do printf '%s\\n' "$script" | ssh near sbatch || exit; i=$((i + 1)); done`;
  const loop = await submitting(sites, { ...peer(['sh', '-c', line], sites.env), input: script });
  const times = loop.milliseconds / median(ours);
  say(
    `the loop: ${(loop.milliseconds / 1000).toFixed(1)} s, ${(loop.milliseconds / count).toFixed(0)} ms a submission`,
  );
  say(
    `${times.toFixed(0)} times the median of glidein top-up above (n=1); aim >= 50: ${times >= 50 ? '' : 'NOT '}reached`,
  );
  await forgetJobs(sites, 'token goes');
}
