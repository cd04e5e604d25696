import type { Cluster } from '../test/support/cluster.ts';
import { alternate } from './alternate.ts';
import { anotherSshd, type Route } from './cluster.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading, phases, say } from './report.ts';
import { forgetJobs, makeSites, noOp, type Sites, topUp } from './sites.ts';
import { peakMegabytes, type Timed, timed } from './timed-run.ts';

const sitesPerServer = 5;
const target = 1;
const megabytesAim = 150;

/** What many sites cost: 20 sites on 4 servers in one no-op pass against a pass over one of them. */
export async function manySites(cluster: Cluster, program: string, rounds: number): Promise<void> {
  const more = [];
  for (const name of ['sshd-2', 'sshd-3', 'sshd-4']) more.push(await anotherSshd(cluster, name));
  const routes = [cluster.sshd, ...more].map(
    (server, index): Route => ({ name: `login${index + 1}`, port: server.port, server }),
  );
  const wanted = routes.flatMap(({ name: host }) =>
    Array.from({ length: sitesPerServer }, (_, index) => ({ name: `${host}-${index + 1}`, host, target })),
  );
  const sites = await makeSites(cluster, program, routes, wanted);
  const all = topUp(sites, ['--all']);
  await timed(all); // Delivers the tokens and submits the pilots.
  heading(`(d) no-op top-up --all over ${wanted.length} sites on ${routes.length} sshd against top-up of one`);
  const [first = ''] = sites.names;
  await waitForQuiet();
  const measured = await alternate(
    {
      ours: async () => noOp(await timed(all), sites.names, target),
      peer: async () => noOp(await timed(topUp(sites, [first])), [first], target),
    },
    { rounds, warmUps: 2 },
  );
  comparison({ ours: `glidein top-up --all`, peer: 'glidein top-up SITE' }, measured, 3);
  await memory(sites);
  await whereItGoes(sites, rounds);
  await forgetJobs(sites, 'token goes');
}

async function memory(sites: Sites): Promise<void> {
  const [first = ''] = sites.names;
  const peaks = { all: [] as number[], one: [] as number[] };
  for (let run = 0; run < 5; run += 1) {
    peaks.all.push(await peakMegabytes(topUp(sites, ['--all'])));
    peaks.one.push(await peakMegabytes(topUp(sites, [first])));
  }
  const most = Math.max(...peaks.all);
  const reached = most <= megabytesAim ? 'reached' : 'NOT reached';
  say(
    `most memory resident at a time (VmHWM of the node process, the most of 5 runs): --all ${most.toFixed(0)} MB, ` +
      `one site ${Math.max(...peaks.one).toFixed(0)} MB; aim <= ${megabytesAim} MB: ${reached}`,
  );
}

/** Twenty passes at a time have no one order of steps, so only those of one site are shown. */
async function whereItGoes(sites: Sites, rounds: number): Promise<void> {
  const last = sites.names.at(-1) ?? '';
  const runs: Timed[] = [];
  for (let run = 0; run < rounds; run += 1) {
    const { lines, ...whole } = await timed(topUp(sites, ['--all', '--verbose']));
    runs.push({ ...whole, lines: lines.filter(({ text }) => text.startsWith(`${last}: `)) });
  }
  say(`the steps of the last site, ${last}:`);
  phases(runs);
}
