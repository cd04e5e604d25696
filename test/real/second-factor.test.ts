import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commandLine } from '../../src/shell.ts';
import { atTerminal } from '../support/at-terminal.ts';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type SecondFactor, startSecondFactor } from '../support/second-factor.ts';
import { writeSshShim } from '../support/ssh-shim.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const passes = process.env['GLIDEIN_TEST_LOOPS'] === 'full' ? 100 : 20;

describeOnCluster('a site with a second factor', (cluster) => {
  const { ada } = cluster.users;
  // Sockets are known by the names in the profile, so this run's host has a name of its own.
  const host = `totp-${process.pid}`;
  let directory: string;
  let factor: SecondFactor;
  let here: Campus;
  let env: NodeJS.ProcessEnv;
  let cron: NodeJS.ProcessEnv;

  beforeAll(async () => {
    directory = await mkdtemp(join(cluster.prefix, 'totp-'));
    await chmod(directory, 0o755);
    factor = await startSecondFactor(cluster, ada, join(directory, 'sshd'));
    const { sshd } = factor;
    const bin = join(directory, 'bin');
    await writeSshShim(bin, [
      `Host ${host}`,
      `  HostName ${sshd.host}`,
      `  Port ${sshd.port}`,
      `  User ${ada.name}`,
      `  IdentityFile ${ada.privateKeyFile}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${join(directory, 'known_hosts')}`,
      '  GlobalKnownHostsFile /dev/null',
    ]);
    here = await campus(cluster, 0, { host });
    await here.set('connection.transport=openssh');
    env = { ...here.env, PATH: `${bin}:${process.env['PATH']}` };
    cron = { PATH: env['PATH'], HOME: homedir(), GLIDEIN_CONFIG_DIR: here.configDir };
  });
  afterAll(async () => {
    await here.glidein(['logout', 'campus'], { env });
    here.remove();
    clearRemote(ada);
    await factor.remove();
    await rm(directory, { recursive: true });
  });

  const log = () => readFileSync(factor.sshd.logFile, 'utf8');
  const count = (words: RegExp) => log().match(words)?.length ?? 0;
  const connections = () => count(/^Connection from /gm);
  const login = (...answers: [string, string][]) =>
    atTerminal(commandLine([process.execPath, program, 'login', 'campus']), { env, answers });

  it('is not connected to twice from cron, and the login to type is told', async () => {
    const unknown = await here.site(['top-up', 'campus'], { env: cron });
    expect(unknown).toMatchObject({ code: 3, state: 'unreachable', reason: expect.stringContaining('host key') });
    const { host: address, port, hostPublicKey } = factor.sshd;
    const file = join(directory, 'known_hosts');
    await writeFile(file, `[${address}]:${port} ${hostPublicKey}\n`);
    const first = await here.site(['top-up', 'campus'], { env: cron });
    expect(first).toMatchObject({ code: 3, reason: expect.stringContaining('keyboard-interactive') });
    expect(first.stderr).toContain('next: glidein login campus\n');
    const before = connections();
    const second = await here.glidein(['top-up', 'campus'], { env: cron });
    expect(second.code).toBe(3);
    expect(second.stderr).toContain('not tried again before you log in');
    expect(second.stderr).toContain('next: glidein login campus\n');
    expect(connections()).toBe(before);
  });

  it('cannot be logged in to where nobody can be asked', async () => {
    const ran = await here.glidein(['login', 'campus'], { env: cron });
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain('there is no terminal to ask on');
    expect(ran.stderr).toContain('glidein login campus   (at a terminal)');
  });

  it('takes a wrong code once, and a right one, and then passes without a question through one connection', async () => {
    const wrong = await login(['Password:', `${factor.password}\n`], ['erification code:', '000000\n']);
    expect(wrong.code, wrong.screen).toBe(3);
    expect(wrong.screen).toContain('glidein login campus');
    expect(count(/PAM: Authentication failure for/g), log()).toBe(1);
    const right = await login(
      ['Password:', `${factor.password}\n`],
      ['erification code:', `${await factor.code(0)}\n`],
    );
    expect(right, right.screen).toMatchObject({ code: 0 });
    expect(right.screen).toContain('from cron too');
    const before = connections();
    for (let pass = 0; pass < passes; pass += 1) {
      const ran = await here.site(['top-up', 'campus'], { env: cron });
      expect(ran, ran.stderr).toMatchObject({ code: 0, state: 'ok' });
    }
    expect(connections()).toBe(before);
    expect(count(/^Accepted keyboard-interactive/gm)).toBe(1);
  });

  it('is told of by status, and by login again', async () => {
    const status = await here.glidein(['status', 'campus', '--json'], { env: cron });
    const since = (JSON.parse(status.stdout) as { sites: { connectedSince: string }[] }).sites[0]?.connectedSince;
    expect(Math.abs(Date.parse(since ?? '') - Date.now())).toBeLessThan(120_000);
    expect((await here.glidein(['status', 'campus'], { env: cron })).stdout).toContain('has been up for');
    const again = await here.glidein(['login', 'campus'], { env: cron });
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('logged in already') });
    expect(count(/^Accepted keyboard-interactive/gm)).toBe(1);
  });

  it('serves two processes at once, and is chosen by auto as long as the connection is up', async () => {
    await here.set('connection.transport=auto');
    const before = connections();
    const both = await Promise.all([0, 1].map(() => here.glidein(['status', 'campus', '--verbose'], { env: cron })));
    await here.set('connection.transport=openssh');
    for (const ran of both) {
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stderr).toContain('by openssh (the connection of `glidein login campus` is up)');
    }
    expect(connections()).toBe(before);
  });

  it('says what to type when the connection is gone', async () => {
    expect((await here.glidein(['logout', 'campus'], { env: cron })).stdout).toContain('the connection is closed');
    const ran = await here.glidein(['top-up', 'campus'], { env: cron });
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain('next: glidein login campus\n');
    expect((await here.glidein(['logout', 'campus'], { env: cron })).stdout).toContain('there is no connection');
  });

  it('by ssh2 is not tried from cron again, before and after a login, and openssh is what it says', async () => {
    await here.set('connection.transport=ssh2');
    const remedy = 'next: glidein site set campus connection.transport=openssh && glidein login campus';
    const first = await here.glidein(['top-up', 'campus'], { env: cron });
    expect(first.code, first.stderr).toBe(3);
    expect(first.stderr).toContain(remedy);
    const heldBack = async (words: string) => {
      const before = connections();
      for (let pass = 0; pass < 3; pass += 1) {
        const ran = await here.glidein(['top-up', 'campus'], { env: cron });
        expect(ran.code, ran.stderr).toBe(3);
        expect(ran.stderr).toContain(words);
        expect(ran.stderr).toContain(remedy);
      }
      expect(connections()).toBe(before);
    };
    await heldBack('not tried again before you log in');
    const ran = await login(['Password:', `${factor.password}\n`], ['erification code:', `${await factor.code(1)}\n`]);
    expect(ran, ran.screen).toMatchObject({ code: 0 });
    expect(ran.screen.replaceAll(/\s+/g, ' ')).toContain('glidein site set campus connection.transport=openssh');
    await heldBack('it took a code or password');
  });
});
