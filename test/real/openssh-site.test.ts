import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { socketDirectory } from '../../src/transports/socket-directory.ts';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { mustRun, run } from '../support/run-program.ts';
import { cancelAllJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('a site by the system’s ssh', (cluster) => {
  const { ada } = cluster.users;
  let count = 0;
  let directory: string;
  let here: Campus;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    directory = await mkdtemp(join(cluster.prefix, 'openssh-'));
    await chmod(directory, 0o755);
    count += 1;
    here = await campus(cluster, 1, { host: host() });
    await here.set('connection.transport=openssh');
    env = { ...here.env, PATH: `${directory}:${process.env['PATH']}` };
    configure([]);
  });
  afterEach(async () => {
    await here.glidein(['logout', 'campus'], { env });
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(ada);
    rmSync(directory, { recursive: true, force: true });
  });

  // Sockets are known by the names in the profile, so each test's host has a name of its own.
  const host = () => `openssh-${process.pid}-${count}`;
  const controlPath = () => join(directory, 'own');

  /** An `ssh` with this configuration that writes down each time it is called. */
  function configure(lines: readonly string[]): void {
    const { host: address, port } = cluster.sshd;
    const usual = [
      ...[`HostName ${address}`, `Port ${port}`, `User ${ada.name}`],
      ...(lines.some((line) => line.startsWith('IdentityFile')) ? [] : [`IdentityFile ${ada.privateKeyFile}`]),
      ...['IdentitiesOnly yes', `UserKnownHostsFile ${cluster.knownHostsFile}`, 'GlobalKnownHostsFile /dev/null'],
    ];
    writeFileSync(join(directory, 'config'), [`Host ${host()}`, ...lines, ...usual].join('\n  '));
    const shim = `#!/bin/sh\necho "$1" >>'${directory}/calls'\nexec /usr/bin/ssh -F '${directory}/config' "$@"\n`;
    writeFileSync(join(directory, 'ssh'), shim, { mode: 0o755 });
  }
  const calls = () => {
    const file = join(directory, 'calls');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    rmSync(file, { force: true });
    return { looks: lines.filter((one) => one === '-G').length, others: lines.filter((one) => one !== '-G').length };
  };
  const connections = () => readFileSync(cluster.sshd.logFile, 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;
  const ownSsh = (...args: string[]) => run('/usr/bin/ssh', ['-F', join(directory, 'config'), ...args, host()]);

  it('is brought to its target in one connection, token and all, and nothing is left', async () => {
    const before = connections();
    const left = readdirSync(socketDirectory()).length;
    expect(await here.site(['top-up', 'campus'], { env })).toMatchObject({ code: 0, submitted: 1 });
    expect(connections()).toBe(before + 1);
    expect(readdirSync(socketDirectory()).length).toBe(left);
    await waitUntil(
      'no ssh of ours is left',
      3,
      async () => !(await mustRun('ps', ['-eo', 'args'])).stdout.includes(`${socketDirectory()}/p-`),
    );
    calls();
    expect(await here.site(['top-up', 'campus'], { env })).toMatchObject({ code: 0, submitted: 0 });
    expect(calls()).toEqual({ looks: 1, others: 1 });
    expect(connections()).toBe(before + 2);
  });

  it('shares one connection between the sites of its host', async () => {
    const profile = JSON.parse(readFileSync(join(here.configDir, 'sites/campus.json'), 'utf8')) as object;
    for (const name of ['biology', 'physics']) {
      const file = join(directory, `${name}.json`);
      writeFileSync(file, JSON.stringify({ ...profile, name }));
      expect((await here.glidein(['site', 'import', file], { env })).code).toBe(0);
    }
    const before = connections();
    const ran = await here.glidein(['status', '--all', '--json'], { env });
    expect(ran.code, ran.stderr).toBe(0);
    expect(connections()).toBe(before + 1);
  });

  it('makes a pass by exactly one ssh where login has opened the connection, which logout closes', async () => {
    const before = connections();
    expect((await here.glidein(['login', 'campus'], { env })).stdout).toContain('logged in; the connection stays up');
    calls();
    for (let pass = 0; pass < 2; pass += 1) {
      expect(await here.site(['status', 'campus'], { env })).toMatchObject({ code: 0 });
      expect(calls()).toEqual({ looks: 0, others: 1 });
    }
    expect(connections()).toBe(before + 1);
    expect((await here.glidein(['logout', 'campus'], { env })).stdout).toContain('the connection is closed');
    expect(await here.site(['status', 'campus'], { env })).toMatchObject({ code: 0 });
    expect(connections()).toBe(before + 2);
  });

  it('may be left to auto, which goes by ssh2 until login has opened a connection', async () => {
    await here.set('connection.transport=auto');
    const how = async () => (await here.glidein(['status', 'campus', '--verbose'], { env })).stderr;
    expect(await how()).toContain(` by ssh2 (${host()} is not this machine)`);
    expect((await here.glidein(['login', 'campus', '--json'], { env })).stdout).toContain('"by":"openssh"');
    expect(await how()).toContain(' by openssh (the connection of `glidein login campus` is up)');
    await here.set('connection.transport=ssh2');
    expect((await here.glidein(['login', 'campus'], { env })).stdout).toContain('logged in by ssh2');
    expect(await how()).toContain(' by ssh2 (the profile says so)');
  });

  it('goes through the user’s own connection where one is up, and never closes it', async () => {
    configure(['ControlMaster auto', `ControlPath ${controlPath()}`, 'ControlPersist 60']);
    await here.set('connection.transport=auto');
    await ownSsh('-M', '-N', '-f');
    const before = connections();
    const ran = await here.glidein(['status', 'campus', '--verbose'], { env });
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toContain('by openssh (your own SSH connection is up)');
    expect((await here.glidein(['login', 'campus'], { env })).stdout).toContain('of your own SSH configuration is up');
    expect((await here.glidein(['logout', 'campus'], { env })).stdout).toContain('there is no connection');
    expect(connections()).toBe(before);
    expect((await ownSsh('-O', 'check')).code).toBe(0);
    await ownSsh('-O', 'exit');
  });

  it.each(['ssh2', 'openssh'])(
    'whose login was refused by %s is not knocked at again before a person has logged in',
    async (by) => {
      await here.set(`connection.transport=${by}`);
      const stranger = join(directory, 'stranger');
      await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
      configure([`IdentityFile ${stranger}`]);
      const tried = () => readFileSync(cluster.sshd.logFile, 'utf8').match(/^Connection from/gm)?.length ?? 0;
      const pass = () => here.site(['top-up', 'campus'], { env });
      const before = tried();
      expect(await pass()).toMatchObject({ code: 3, state: 'unreachable' });
      expect(await pass()).toMatchObject({ code: 3, stderr: expect.stringContaining('next: glidein login campus') });
      expect(tried()).toBe(before + 1);
      // Nobody here can know that the key is another one now.
      configure([]);
      expect(await pass()).toMatchObject({
        code: 3,
        reason: expect.stringContaining('not tried again before you log in'),
      });
      expect(tried()).toBe(before + 1);
      expect((await here.glidein(['login', 'campus'], { env })).code).toBe(0);
      expect(await pass()).toMatchObject({ code: 0, submitted: 1 });
    },
  );

  it('opens none in the user’s place, and two at once are in nobody’s way', async () => {
    configure(['ControlMaster auto', `ControlPath ${controlPath()}`, 'ControlPersist 60']);
    const before = connections();
    const both = await Promise.all([0, 1].map(() => here.site(['status', 'campus'], { env })));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(connections()).toBe(before + 2);
    expect(existsSync(controlPath())).toBe(false);
  });
});
