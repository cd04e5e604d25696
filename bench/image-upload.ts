import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataDirectory } from '../src/config/directories.ts';
import { openImageStore } from '../src/image/store.ts';
import { quote } from '../src/shell.ts';
import type { Cluster } from '../test/support/cluster.ts';
import { installMissing } from '../test/support/install.ts';
import { startSshd, stopSshd } from '../test/support/sshd.ts';
import { startRelay } from '../test/support/tcp-relay.ts';
import { alternate, median } from './alternate.ts';
import type { Route } from './cluster.ts';
import { startDelayProxy } from './delay-proxy.ts';
import { glidein, peer } from './program.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading, say, spread } from './report.ts';
import { makeSites, type Sites } from './sites.ts';
import { type Command, peakMegabytes, timed } from './timed-run.ts';

const delayMs = 25;
const megabytesAim = 130;
const name = 'bench';

/** How an image gets to a cluster: `glidein image push` against what a person would type, by size in MiB. */
export async function imageUpload(
  cluster: Cluster,
  program: string,
  rounds: number,
  size: { near: number; far: number },
): Promise<void> {
  await installMissing(say, ['rsync']);
  // What "transfer alone" means: over there the digest of whatever is read is said to be right, and nothing is read.
  const believing = await believingServer(cluster);
  await using relay = await startDelayProxy(cluster.sshd.port, delayMs);
  await using farBelieving = await startDelayProxy(believing.port, delayMs);
  const cutting = await startRelay(cluster.sshd.port);
  const routes: Route[] = [
    { name: 'near', port: cluster.sshd.port, server: cluster.sshd },
    { name: 'near-alone', port: believing.port, server: believing },
    { name: 'far', port: relay.port, server: cluster.sshd },
    { name: 'far-alone', port: farBelieving.port, server: believing },
    { name: 'cut', port: cutting.port, server: cluster.sshd },
  ];
  const sites = await makeSites(
    cluster,
    program,
    routes,
    routes.map(({ name: host }) => ({ name: host, host, target: 1 })),
  );
  try {
    await useImage(sites, size.near);
    await against(sites, 'near-alone', `transfer alone, ${size.near} MiB on loopback`, false, rounds, 1.1);
    await withoutAddons(sites, size.near, rounds);
    await against(sites, 'near', `with verification, ${size.near} MiB on loopback`, true, rounds, 1.1);
    await memory(sites);
    await resumed(sites, cutting, size.near, rounds);
    await useImage(sites, size.far);
    await against(
      sites,
      'far-alone',
      `transfer alone, ${size.far} MiB behind ${delayMs} ms each way`,
      false,
      rounds,
      0.35,
    );
    await against(sites, 'far', `with verification, ${size.far} MiB behind ${delayMs} ms each way`, true, rounds, null);
  } finally {
    await cutting.close();
    await stopSshd(believing);
  }
}

async function believingServer(cluster: Cluster) {
  const bin = join(cluster.prefix, 'bench-believing');
  await mkdir(bin);
  await chmod(bin, 0o755);
  const PATH = `${bin}:/usr/local/bin:/usr/bin:/bin`;
  await writeFile(
    join(bin, 'openssl'),
    `#!/bin/sh\nif [ -p /dev/stdin ]; then cat '${bin}/digest'; else exec /usr/bin/openssl "$@"; fi\n`,
  );
  await chmod(join(bin, 'openssl'), 0o755);
  return startSshd(join(cluster.prefix, 'sshd-believing'), { environment: { SLURM_CONF: cluster.slurmConf, PATH } });
}

const fileOf = ({ cluster }: Sites) => join(cluster.prefix, 'bench-image.sif');

/** Makes an image that no compression makes smaller, puts it into the store, and has all sites use it. */
async function useImage(sites: Sites, mebibytes: number): Promise<void> {
  const file = fileOf(sites);
  const random = await open('/dev/urandom');
  await using image = await open(file, 'w');
  const hash = createHash('sha256');
  for (let done = 0; done < mebibytes; done += 1) {
    const { buffer } = await random.read(Buffer.alloc(1024 * 1024));
    hash.update(buffer);
    await image.write(buffer);
  }
  await random.close();
  const sha256 = hash.digest('hex');
  await writeFile(join(sites.cluster.prefix, 'bench-believing', 'digest'), `${sha256} *stdin\n`);
  const dataDir = dataDirectory({ configDir: null }, sites.env);
  const store = openImageStore({ dataDir });
  await mkdir(store.directory, { recursive: true, mode: 0o700 });
  const copy = join(store.directory, 'new');
  await using target = await open(copy, 'w');
  for await (const chunk of createReadStream(file)) await target.write(chunk);
  const facts = { name, source: 'docker://bench', digest: null, sha256, bytes: mebibytes * 1024 * 1024 };
  const added = await store.add(copy, { ...facts, builtAt: new Date().toISOString(), builtBy: 'bench' });
  if (!added.ok) throw new Error(JSON.stringify(added.failure));
  for (const site of sites.names)
    await timed(glidein(sites.program, ['site', 'set', site, `image.name=${name}`], sites.env));
}

/** Forgets what is there, before the clock starts. */
async function forget({ cluster, names }: Sites): Promise<void> {
  const { home } = cluster.users.ada;
  for (const site of names) await rm(join(home, '.glidein', site, 'images'), { recursive: true, force: true });
  await rm(join(home, 'bench-image'), { force: true });
}

async function pushed(sites: Sites, site: string, nodeOptions = ''): Promise<number> {
  await forget(sites);
  return pushedOn(sites, site, nodeOptions);
}

async function pushedOn(sites: Sites, site: string, nodeOptions = ''): Promise<number> {
  const ran = await timed(pushCommand(sites, site, nodeOptions));
  if (!ran.stdout.includes(`${site}: ${name} is at `)) throw new Error(`not pushed: ${ran.stdout}${ran.stderr}`);
  return ran.milliseconds;
}

function pushCommand({ program, env }: Sites, site: string, nodeOptions = ''): Command {
  return glidein(program, ['image', 'push', site], { ...env, NODE_OPTIONS: nodeOptions });
}

const gcm = 'aes128-gcm@openssh.com';

/** What a person would type; the same check at its end, or none. */
function peers(sites: Sites, host: string, isChecked: boolean): { words: string; command: Command }[] {
  const file = quote(fileOf(sites));
  const check = 'openssl dgst -sha256 -r bench-image';
  const then = isChecked ? ` && ssh ${host} '${check}'` : '';
  const lines = [
    `ssh -c ${gcm} ${host} 'cat > bench-image${isChecked ? ` && ${check}` : ''}' < ${file}`,
    `scp -q -S "$(command -v ssh)" -c ${gcm} ${file} ${host}:bench-image${then}`,
    `rsync -W -e 'ssh -c ${gcm}' ${file} ${host}:bench-image${then}`,
  ];
  return lines.map((line) => ({ words: line.replace(file, 'FILE'), command: peer(['sh', '-c', line], sites.env) }));
}

async function against(
  sites: Sites,
  host: string,
  what: string,
  isChecked: boolean,
  rounds: number,
  aim: number | null,
): Promise<void> {
  heading(`(g) glidein image push, ${what}`);
  for (const { words, command } of peers(sites, host, isChecked)) {
    await waitForQuiet();
    const theirs = async () => {
      await forget(sites);
      return (await timed(command)).milliseconds;
    };
    const measured = await alternate({ ours: () => pushed(sites, host), peer: theirs }, { rounds, warmUps: 1 });
    comparison({ ours: 'glidein image push SITE', peer: words }, measured, aim);
  }
}

async function withoutAddons(sites: Sites, mebibytes: number, rounds: number): Promise<void> {
  heading(`(g) without ssh2's native addons (node --no-addons), beside with them, ${mebibytes} MiB on loopback`);
  const measured = await alternate(
    { ours: () => pushed(sites, 'near-alone', '--no-addons'), peer: () => pushed(sites, 'near-alone') },
    { rounds, warmUps: 0 },
  );
  comparison({ ours: 'without', peer: 'with' }, measured, null);
}

async function memory(sites: Sites): Promise<void> {
  const peaks: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    await forget(sites);
    peaks.push(await peakMegabytes(pushCommand(sites, 'near')));
  }
  const most = Math.max(...peaks);
  const reached = most <= megabytesAim ? 'reached' : 'NOT reached';
  say(
    `most memory resident at a time (VmHWM, the most of 3): ${most.toFixed(0)} MB; aim <= ${megabytesAim} MB: ${reached}`,
  );
}

/** A push that goes on after one that was cut at half, beside one of the whole. */
async function resumed(
  sites: Sites,
  relay: { cutAfter(bytes: number): void },
  mebibytes: number,
  rounds: number,
): Promise<void> {
  heading(`(g) going on after a cut at half, beside the whole, ${mebibytes} MiB on loopback, with verification`);
  const halves = { ours: [] as number[], peers: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    await forget(sites);
    relay.cutAfter((mebibytes / 2) * 1024 * 1024);
    await timed(pushCommand(sites, 'cut')).then(
      () => say('it was not cut'),
      () => {},
    );
    halves.ours.push(await pushedOn(sites, 'cut'));
    halves.peers.push(await pushed(sites, 'cut'));
  }
  comparison({ ours: 'the second half', peer: 'the whole' }, halves, 0.6);
  say(`the second half: ${spread(halves.ours)}, ${(median(halves.ours) / 1000).toFixed(1)} s`);
}
