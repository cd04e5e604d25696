import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../test/support/cluster.ts';
import { mustRun } from '../test/support/run-program.ts';
import { testToken } from '../test/support/test-token.ts';
import { asUser } from '../test/support/test-users.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { type Route, sshEnvironment } from './cluster.ts';
import { glidein } from './program.ts';
import { type Timed, timed } from './timed-run.ts';

/** A researcher with some sites: profiles, a token, and the way to their login hosts. */
export interface Sites {
  cluster: Cluster;
  names: readonly string[];
  /** The environment of `glidein` and of its peer. */
  env: NodeJS.ProcessEnv;
  program: string;
}

export interface SiteWanted {
  name: string;
  /** The name of its route. */
  host: string;
  target: number;
}

/** A container runtime that reports a version and then sits there: what pilots do is not measured. */
const idleRuntime = `#!/bin/sh
case $1 in
--version) echo 'apptainer version 1.4.5 (stand-in)' ;;
exec) exec sleep 3600 ;;
esac
`;

/** Takes the sites' profiles into a configuration of its own, with limits above everything that is measured. */
export async function makeSites(
  cluster: Cluster,
  program: string,
  routes: readonly Route[],
  wanted: readonly SiteWanted[],
): Promise<Sites> {
  const directory = await mkdtemp(join(cluster.prefix, 'bench-'));
  const token = join(directory, 'token');
  await writeFile(token, `${testToken()}\n`, { mode: 0o600 });
  const runtime = join(cluster.prefix, 'bench-runtime');
  await writeFile(runtime, idleRuntime);
  await chmod(runtime, 0o755);
  const env = { ...(await sshEnvironment(cluster, routes)), GLIDEIN_CONFIG_DIR: join(directory, 'config') };
  for (const site of wanted) {
    const file = join(directory, `${site.name}.json`);
    await writeFile(file, JSON.stringify(profile(site, token, runtime)));
    await timed(glidein(program, ['site', 'import', file], env));
  }
  return { cluster, names: wanted.map(({ name }) => name), env, program };
}

function profile({ name, host, target }: SiteWanted, token: string, runtime: string): object {
  return {
    name,
    target,
    connection: { host },
    scheduler: { kind: 'slurm', walltime: '01:00:00' },
    pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token, runtime },
    limits: { maxPending: 5000, maxPerPass: 1000 },
  };
}

/** One pass over the sites as a command. */
export function topUp(sites: Sites, names: readonly string[], ...options: string[]) {
  return glidein(sites.program, ['top-up', ...names, ...options], sites.env);
}

/** The milliseconds of a pass that found each site at its target and did nothing; any other is an error. */
export function noOp(run: Timed, names: readonly string[], target: number): number {
  for (const name of names) {
    const line = run.stdout.split('\n').find((one) => one.startsWith(`${name}: `));
    if (line?.includes(`${target} of ${target} pilots`) !== true || line.includes('submitted')) {
      throw new Error(`not a no-op pass over ${name}: ${run.stdout}${run.stderr}`);
    }
  }
  return run.milliseconds;
}

/** How many of the user's jobs are in a state, by the scheduler's own word: `R` or `PD`. */
export async function countJobs({ cluster }: Sites, state: 'R' | 'PD'): Promise<number> {
  const { stdout } = await asUser(cluster, cluster.users.ada, `squeue --me -h -r -t ${state} | wc -l`);
  return Number(stdout);
}

/** Waits until so many of the user's jobs run. */
export async function waitForRunning(sites: Sites, count: number, seconds: number): Promise<void> {
  await waitUntil(`${count} jobs run`, seconds, async () => (await countJobs(sites, 'R')) >= count, 500);
}

/** Ends the user's jobs and forgets what glidein keeps of them on the login host: of a site, all but its token, or all. */
export async function forgetJobs({ cluster, names }: Sites, what: 'token stays' | 'token goes'): Promise<void> {
  const user = cluster.users.ada;
  const env = { ...process.env, SLURM_CONF: cluster.slurmConf };
  await mustRun('scancel', ['--full', '--user', user.name], { env, seconds: 120 });
  await waitUntil('the jobs ended', 120, async () => {
    const { stdout } = await asUser(cluster, user, 'squeue --me -h | wc -l');
    return Number(stdout) === 0;
  });
  for (const name of names) {
    const remote = join(user.home, '.glidein', name);
    const entries = ['intents', 'journal', 'jobs', 'seen', 'ends', 'drain', 'logs'].map((entry) => join(remote, entry));
    for (const path of what === 'token goes' ? [remote] : entries) await rm(path, { recursive: true, force: true });
  }
}
