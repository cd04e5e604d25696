import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { freePorts } from '../support/free-ports.ts';
import { glidein } from '../support/glidein.ts';
import { type ManyHosts, manyHosts, type SilentServer, silentServer } from '../support/many-sites.ts';
import { cancelAllJobs, slurmJobs } from '../support/slurm-jobs.ts';

const alive = Array.from({ length: 15 }, (_, at) => `site${at + 1}`);
const dead = ['refused', 'silent', 'wrongkey', 'nocontroller', 'badprofile'];

interface SitesJson {
  sites: { site: string; state: string; submitted: number; reason: string | null }[];
}

describeOnCluster('twenty sites, five of them dead in five ways', (cluster) => {
  let hosts: ManyHosts;
  let silent: SilentServer;
  beforeAll(async () => {
    silent = await silentServer();
    const [closedPort = 0, deadController = 0] = await freePorts(2);
    const wrongKeys = join(cluster.prefix, 'wrong-known-hosts');
    const { host, port } = cluster.sshd;
    const otherKey = readFileSync(`${cluster.users.ada.privateKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(wrongKeys, `[${host}]:${port} ${otherKey}\n`);
    const named = (name: string, portThere: number, ...more: string[]) => [
      `Host ${name}`,
      `  HostName ${host}`,
      `  Port ${portThere}`,
      ...more,
    ];
    const extraHosts = [
      ...named('refused', closedPort),
      ...named('silent', silent.port),
      ...named('wrongkey', port, `  UserKnownHostsFile ${wrongKeys}`),
      ...named('nocontroller', port, `  UserKnownHostsFile ${cluster.knownHostsFile}`),
    ];
    hosts = await manyHosts(cluster, 4, { extraHosts });
    for (const [at, name] of alive.entries()) hosts.site(name, { connection: { host: `host${(at % 4) + 1}` } });
    const deadConf = join(cluster.prefix, 'dead-slurm.conf');
    const conf = readFileSync(cluster.slurmConf, 'utf8');
    writeFileSync(deadConf, conf.replace(/^SlurmctldPort=.*$/m, `SlurmctldPort=${deadController}`), { mode: 0o644 });
    const timeouts = { connect: 12, list: 12, submit: 60 };
    for (const name of ['refused', 'silent', 'wrongkey']) hosts.site(name, { connection: { host: name, timeouts } });
    const prologue = [`export SLURM_CONF=${deadConf}`];
    hosts.site('nocontroller', { connection: { host: 'nocontroller', timeouts, prologue } });
    hosts.site('badprofile', { connection: { host: 'host1', prot: 22 } });
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    clearRemote(cluster.users.ada);
  });
  afterAll(async () => {
    silent.close();
    await hosts.remove();
  });

  it('brings the other fifteen to their target before the slow ones are given up, and tells each of the five', async () => {
    const ran = await glidein(hosts.configDir, ['top-up', '--all', '--json', '--verbose'], { env: hosts.env });
    const { sites } = JSON.parse(ran.stdout) as SitesJson;
    expect(sites.map(({ site }) => site)).toEqual([...alive, ...dead].sort());
    const stateOf = (name: string) => sites.find(({ site }) => site === name);
    for (const name of alive) expect(stateOf(name)).toMatchObject({ state: 'ok', submitted: 1, reason: null });
    expect(stateOf('refused')).toMatchObject({ state: 'unreachable', submitted: 0 });
    expect(stateOf('refused')?.reason).toContain('connection refused');
    expect(stateOf('silent')?.reason).toContain('the SSH handshake was not finished within 12 s');
    expect(stateOf('wrongkey')?.reason).toContain('says otherwise; nothing was sent');
    expect(stateOf('nocontroller')).toMatchObject({ state: 'incomplete', submitted: 0 });
    expect(stateOf('badprofile')).toMatchObject({ state: 'invalid' });
    expect(stateOf('badprofile')?.reason).toContain('prot');
    // A profile that cannot be is worse than a site that cannot be reached.
    expect(ran.code).toBe(2);
    // Without a container runtime they end soon; what counts here is that each was submitted once.
    expect(
      (await slurmJobs(cluster))
        .map(({ name }) => name)
        .filter((name) => name.startsWith('g-site'))
        .sort(),
    ).toEqual(alive.map((name) => `g-${name}`).sort());
    const ends = [...ran.stderr.matchAll(/^(\S+): step report$/gm)].map((match) => match[1]);
    const slow = Math.min(ends.indexOf('silent'), ends.indexOf('nocontroller'));
    expect(ends.slice(0, slow)).toEqual(expect.arrayContaining(alive));
  });

  it('uses one connection for the sites of one host, and fewer sessions of it than sshd takes', async () => {
    const before = hosts.logFiles.map(loginsIn);
    const wanted = ['site1', 'site5', 'site9', 'site13', 'site2', 'site6'];
    const ran = await glidein(hosts.configDir, ['status', ...wanted, '--json'], { env: hosts.env });
    expect(ran.code).toBe(0);
    expect((JSON.parse(ran.stdout) as SitesJson).sites.map(({ site }) => site)).toEqual(wanted);
    expect(hosts.logFiles.map(loginsIn).map((logins, at) => logins - (before[at] ?? 0))).toEqual([1, 1, 0, 0]);
    // sshd's MaxSessions is 10. Four are at work at a time, and each may follow one that sshd has not put away yet.
    const most = Math.max(...hosts.logFiles.map(mostSessions));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });
});

describeOnCluster('a login host that takes one session of a connection at a time', (cluster) => {
  it('serves its sites one after another', async () => {
    const hosts = await manyHosts(cluster, 1, { sshdLines: ['MaxSessions 1'] });
    const names = ['one', 'two', 'three', 'four', 'five'];
    // Long enough that another one's session is still there when all tries to open one are over.
    const prologue = ['sleep 1'];
    for (const name of names) hosts.site(name, { connection: { host: 'host1', prologue } });
    const ran = await glidein(hosts.configDir, ['status', '--all', '--json'], { env: hosts.env });
    await hosts.remove();
    const { sites } = JSON.parse(ran.stdout) as SitesJson;
    expect(sites.map(({ site, state }) => `${site} ${state}`).sort()).toEqual(names.map((name) => `${name} ok`).sort());
    expect(ran.code).toBe(0);
  });
});

function loginsIn(logFile: string): number {
  return readFileSync(logFile, 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;
}

/** The most sessions that were open at a time in any one connection: sshd numbers them from 0 and uses numbers again. */
function mostSessions(logFile: string): number {
  const ids = [...readFileSync(logFile, 'utf8').matchAll(/Starting session: .* id (\d+)/g)].map(([, id]) => Number(id));
  return Math.max(0, ...ids) + 1;
}
