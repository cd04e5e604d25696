import type { Cluster } from '../test/support/cluster.ts';
import { alternate } from './alternate.ts';
import type { Route } from './cluster.ts';
import { startDelayProxy } from './delay-proxy.ts';
import { peer } from './program.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading, phases, say, spread } from './report.ts';
import { makeSites, noOp, type Sites, topUp, waitForRunning } from './sites.ts';
import { type Timed, timed } from './timed-run.ts';

const target = 5;
const delayMs = 25;

/** What cron costs when there is nothing to do: a pass over a site at its target against one look at the queue. */
export async function noOpPass(cluster: Cluster, program: string, rounds: number): Promise<void> {
  await using relay = await startDelayProxy(cluster.sshd.port, delayMs);
  const routes: Route[] = [
    { name: 'near', port: cluster.sshd.port, server: cluster.sshd },
    { name: 'far', port: relay.port, server: cluster.sshd },
  ];
  const wanted = routes.map(({ name }) => ({ name, host: name, target }));
  const sites = await makeSites(cluster, program, routes, wanted);
  // Ten pilots for eight nodes: two wait, as they would elsewhere.
  for (const { name } of routes) await timed(topUp(sites, [name]));
  await waitForRunning(sites, 8, 60);
  await compare(sites, 'near', 'on loopback', 1, rounds);
  await compare(sites, 'far', `${delayMs} ms away in each direction`, 1.25, rounds);
}

async function compare(sites: Sites, host: string, where: string, aim: number, rounds: number): Promise<void> {
  heading(`(a) no-op glidein top-up against ssh HOST squeue --me, ${where}`);
  await waitForQuiet();
  const ours = topUp(sites, [host]);
  const squeue = peer(['ssh', host, 'squeue', '--me'], sites.env);
  const measured = await alternate(
    { ours: async () => noOp(await timed(ours), [host], target), peer: async () => (await timed(squeue)).milliseconds },
    { rounds, warmUps: 2 },
  );
  comparison({ ours: 'glidein top-up SITE', peer: 'ssh HOST squeue --me' }, measured, aim);
  const runs: Timed[] = [];
  for (let run = 0; run < rounds; run += 1) runs.push(await timed(topUp(sites, [host], '--verbose')));
  phases(runs);
  await remoteCosts(sites, host, rounds);
}

/** What parts of it cost by themselves. */
async function remoteCosts(sites: Sites, host: string, rounds: number): Promise<void> {
  const lines: readonly (readonly [string, ...string[]])[] = [
    ['ssh', '-G', host],
    ['ssh', host, 'true'],
    ['ssh', host, 'bash -l -c true'],
    ['ssh', host, 'squeue', '--me'],
  ];
  say('for comparison:');
  for (const line of lines) {
    const times: number[] = [];
    for (let run = 0; run < rounds; run += 1) times.push((await timed(peer(line, sites.env))).milliseconds);
    say(`  ${line.join(' ').padEnd(30)} ${spread(times)}`);
  }
}
