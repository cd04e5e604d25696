import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commandLine } from '../../src/shell.ts';
import { type AtTerminal, atTerminal } from '../support/at-terminal.ts';
import { clearRemote } from '../support/campus.ts';
import { checkedIn } from '../support/check-json.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { pathWithout } from '../support/path-without.ts';
import { processesOfUsers } from '../support/processes.ts';
import { run } from '../support/run-program.ts';
import { startSecondFactor } from '../support/second-factor.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { sshClientEnv } from '../support/ssh-client.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { noisyStartupFiles } from '../support/startup-files.ts';
import { testToken } from '../support/test-token.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

describeOnCluster('init', (cluster) => {
  const { ada } = cluster.users;
  let place: string;
  let token: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    place = mkdtempSync(join(cluster.prefix, 'init-'));
    chmodSync(place, 0o755);
    token = join(place, 'token');
    writeFileSync(token, testToken(), { mode: 0o600 });
    env = { ...sshClientEnv(cluster), GLIDEIN_CONFIG_DIR: join(place, 'config'), NO_COLOR: '1' };
    clearRemote(ada);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    rmSync(place, { recursive: true, force: true });
    clearRemote(ada);
  });
  const glidein = (...args: string[]) => run(process.execPath, [program, ...args], { env, seconds: 100 });
  const typed = (answers: AtTerminal['answers'], ...args: string[]) =>
    atTerminal(commandLine([process.execPath, program, 'init', ...args]), { env, answers });
  const profile = () => JSON.parse(readFileSync(join(place, 'config/sites/campus.json'), 'utf8'));
  const sites = () => (existsSync(join(place, 'config/sites')) ? readdirSync(join(place, 'config/sites')) : []);
  const logins = () => readFileSync(cluster.sshd.logFile, 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;
  const person = () => [
    ...['--owner', 'ada@ap.example.org', '--token', token],
    ...['--osg-site', 'Campus', '--osg-resource', 'Campus-Slurm'],
  ];
  const { exclusive, shared } = cluster.partitions;

  const untilQueue: [string, string][] = [
    ['Login host', 'campus\n'],
    ['A short name for the site [campus]:', '\n'],
  ];
  const afterQueue = (): [string, string][] => [
    ['Account that is charged [none]:', '\n'],
    ['Wall clock of a pilot ([D-]HH:MM:SS) [2-00:00:00]:', '00:30:00\n'],
    ['Owner:', 'ada@ap.example.org\n'],
    ['OSG site:', 'Campus\n'],
    ['OSG resource:', 'Campus-Slurm\n'],
    ['File with the token:', `${token}\n`],
    ['How many pilots should there be [1]:', '\n'],
    ['Write this', 'y\n'],
  ];

  it('asks a person what it cannot find out, and check passes what it writes, and top-up submits it', async () => {
    const before = logins();
    const mistakes: [string, string][] = [
      ['number or name [', 'no-such-queue\n'],
      ['number or name [', '2\n'],
    ];
    const { code, screen } = await typed([...untilQueue, ...mistakes, ...afterQueue()]);
    expect(code, screen).toBe(0);
    expect(logins() - before).toBe(1);
    // Nothing was made there.
    expect(existsSync(join(ada.home, '.glidein'))).toBe(false);
    expect(screen).toContain('which this cluster does not have');
    expect(screen).toMatch(/batch system +slurm \(slurm-wlm /);
    expect(profile()).toEqual({
      name: 'campus',
      target: 1,
      connection: { host: 'campus' },
      scheduler: { kind: 'slurm', queue: shared, walltime: '00:30:00' },
      pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token },
    });
    const checked = checkedIn(await glidein('check', 'campus', '--json'));
    expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({ code: 0, failed: [] });
    expect(await glidein('top-up', 'campus')).toMatchObject({ code: 0 });
    expect(await livingJobs(cluster)).toHaveLength(1);
  });

  it.for(['ssh2', 'openssh'])('needs no terminal, and one connection of %s', async (transport) => {
    const files = noisyStartupFiles('ada', ada);
    const before = logins();
    const made = await glidein(
      ...['init', 'campus', '--host', 'campus', ...person(), '--set', `connection.transport=${transport}`, '--json'],
    );
    files.remove();
    expect(made, made.stderr).toMatchObject({ code: 0 });
    expect(logins() - before).toBe(1);
    const { found } = JSON.parse(made.stdout);
    expect(found).toMatchObject({
      user: ada.name,
      schedulers: [{ kind: 'slurm', queues: [exclusive, shared], reason: null }],
    });
    expect(profile().scheduler).toEqual({ kind: 'slurm', queue: exclusive, walltime: '2-00:00:00' });
    expect(checkedIn(await glidein('check', 'campus', '--json'))).toMatchObject({ code: 0, failed: [] });
  });

  it('says that there is no batch system on PATH, and finds it with what puts it there', async () => {
    const bare = pathWithout(['sbatch'], join(place, 'bare'));
    chmodSync(bare, 0o755);
    const words = ['init', 'campus', '--host', 'campus', ...person()];
    const none = await glidein(...words, '--set', `connection.prologue=["PATH=${bare}"]`);
    expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('no batch system was found') });
    expect(none.stderr).toContain('connection.prologue');
    expect(sites()).toEqual([]);
    expect(await glidein(...words, '--set', 'connection.prologue=["PATH=/usr/bin:/bin"]')).toMatchObject({ code: 0 });
  });

  it('interrupted while it looks, or at a question, leaves nothing here or there', async () => {
    const before = processesOfUsers([ada.uid]);
    const given: [string, string][][] = [
      [...untilQueue, ['step discover', '\u0003']],
      [...untilQueue, ['number or name [', '\u0003']],
    ];
    for (const answers of given) {
      const { code, screen } = await typed(answers, '--verbose');
      expect(code, screen).toBe(130);
      expect(sites()).toEqual([]);
      expect(existsSync(join(ada.home, '.glidein'))).toBe(false);
      await waitUntil('nothing of ours runs there', 20, () =>
        processesOfUsers([ada.uid]).every((pid) => before.includes(pid)),
      );
    }
  });

  it('lets the person log in where the site asks for a code, by a connection that check goes through', async () => {
    const factor = await startSecondFactor(cluster, ada, join(place, 'sshd'));
    const host = `init-totp-${process.pid}`;
    const lines = [
      ...[`Host ${host}`, `  HostName ${factor.sshd.host}`, `  Port ${factor.sshd.port}`, `  User ${ada.name}`],
      ...[`  IdentityFile ${ada.privateKeyFile}`, '  IdentitiesOnly yes', '  GlobalKnownHostsFile /dev/null'],
      `  UserKnownHostsFile ${join(place, 'known_hosts')}`,
    ];
    await writeSshShim(join(place, 'bin'), lines);
    const { host: address, port, hostPublicKey } = factor.sshd;
    writeFileSync(join(place, 'known_hosts'), `[${address}]:${port} ${hostPublicKey}\n`);
    env = { ...env, PATH: `${join(place, 'bin')}:${process.env['PATH']}` };
    const words = ['campus', '--host', host, ...person(), '--set', 'connection.transport=openssh', '--target', '0'];
    try {
      const alone = await glidein('init', ...words);
      expect(alone, alone.stderr).toMatchObject({ code: 3, stderr: expect.stringContaining('at a terminal') });
      const answers: [string, string][] = [
        ['Password:', `${factor.password}\n`],
        ['erification code:', `${await factor.code(0)}\n`],
        ['number or name [', '\n'],
        ...afterQueue().slice(0, 2),
        ['Write this', '\n'],
      ];
      const { code, screen } = await typed(answers, ...words);
      expect(code, screen).toBe(0);
      expect(checkedIn(await glidein('check', 'campus', '--json'))).toMatchObject({ code: 0, failed: [] });
      const accepted = readFileSync(factor.sshd.logFile, 'utf8').match(/^Accepted /gm);
      expect(accepted).toHaveLength(1);
    } finally {
      await glidein('logout', 'campus');
      await factor.remove();
    }
  });
});
