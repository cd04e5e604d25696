import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { type Checked, checkedIn } from '../support/check-json.ts';
import { describeOnCluster, type TestSshd } from '../support/cluster.ts';
import { run } from '../support/run-program.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { startSshd, stopSshd } from '../support/sshd.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

/** A login name with two hosts behind it: two addresses of loopback, each with an sshd of its own. */
describeOnCluster('a login name with several addresses', (cluster) => {
  const name = 'logins.example.test';
  let here: Campus;
  let place: string;
  let second: TestSshd;
  let shims: Shim[];
  beforeEach(async () => {
    here = await campus(cluster, 1);
    await here.set('image.remotePath=/etc/passwd');
    shims = [];
    place = mkdtempSync(join(cluster.prefix, 'addresses-'));
    const { port, hostKeyFile, hostPublicKey } = cluster.sshd;
    second = await startSshd(join(place, 'sshd'), {
      environment: { SLURM_CONF: cluster.slurmConf, TEST_LOGIN_HOST: 'login2' },
      extraLines: ['ListenAddress 127.0.0.2', `Port ${port}`, `HostKey ${hostKeyFile}`],
    });
    writeFileSync(join(place, 'known_hosts'), `[${name}]:${port} ${hostPublicKey}\n`);
    const config = readFileSync(cluster.sshConfigFile, 'utf8')
      .replace(/HostName \S+/, `HostName ${name}`)
      .replaceAll(cluster.knownHostsFile, join(place, 'known_hosts'));
    await writeSshShim(join(place, 'client'), config.split('\n'));
  });
  afterEach(async () => {
    await stopSshd(second);
    for (const one of shims) one.remove();
    here.remove();
    rmSync(place, { recursive: true, force: true });
    clearRemote(cluster.users.ada);
  });

  /** The program, where the name stands for these addresses: in a mount namespace with an /etc/hosts of its own. */
  async function glidein(args: readonly string[], addresses: readonly string[]) {
    writeFileSync(join(place, 'hosts'), addresses.map((address) => `${address} ${name}\n`).join(''));
    const own = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
    const words = ['-m', 'sh', '-c', own, 'sh', join(place, 'hosts'), process.execPath, program, ...args];
    const env = { ...here.env, PATH: `${join(place, 'client')}:${here.env['PATH']}` };
    return run('unshare', words, { env, seconds: 100 });
  }
  const check = async (addresses: readonly string[]): Promise<Checked> =>
    checkedIn(await glidein(['check', 'campus', '--json'], addresses));
  const step = ({ steps }: Checked) => steps.find((one) => one.step === 'addresses');
  /** Puts a program in front of the second host's own. */
  const onSecond = async (program: string, script: string) => {
    shims.push(shim(cluster, program, `[ -z "\${TEST_LOGIN_HOST-}" ] || { ${script}\n}\nexec $REAL "$@"`));
    await here.set(withShims(shims));
  };
  const logins = (sshd: TestSshd) => readFileSync(sshd.logFile, 'utf8').match(/^Accepted publickey/gm)?.length ?? 0;

  it.for(['ssh2', 'openssh'])('has each tried once, and the lock across them, by %s', async (transport) => {
    await here.set(`connection.transport=${transport}`);
    await onSecond('uname', 'echo login2; exit 0');
    const before = [logins(cluster.sshd), logins(second)];
    const checked = await check(['127.0.0.1', '127.0.0.2']);
    expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({ code: 0, failed: [], warnings: [] });
    expect(step(checked)).toMatchObject({ state: 'ok', message: expect.stringMatching(/^a lock on \S+ is seen on /) });
    expect(step(checked)?.message).toContain('login2');
    // The first connection got to one of them; then each was tried.
    const after = [logins(cluster.sshd), logins(second)];
    expect(after.reduce((sum, count, at) => sum + count - (before[at] ?? 0), 0)).toBe(3);
    expect(readdirSync(here.remoteDir).filter((file) => file.startsWith('check'))).toEqual([]);
  });

  it('fails where the lock of one host keeps nobody out on the other', async () => {
    await onSecond('uname', 'echo login2; exit 0');
    await onSecond('flock', 'exit 0');
    const checked = await check(['127.0.0.1', '127.0.0.2']);
    expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({ code: 2, failed: ['addresses'] });
    expect(step(checked)?.message).toMatch(/^a lock on \S+ keeps nobody out on login2: two passes at once/);
    expect(step(checked)?.hint).toMatch(/^glidein site set campus connection\.host=/);
  });

  it('may have one that answers nobody, which is told', async () => {
    const checked = await check(['127.0.0.1', '127.0.0.3']);
    expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({ code: 0, warnings: ['addresses'] });
    expect(step(checked)?.message).toMatch(/^no session came about at 127\.0\.0\.3, .* \(.*refused.*\); passes may/i);
  });

  it.for(['ssh2', 'openssh'])(
    'may have one that refuses the login, which holds up no pass, by %s',
    async (transport) => {
      await here.set(`connection.transport=${transport}`);
      const { port, hostKeyFile } = cluster.sshd;
      const closed = await startSshd(join(place, 'closed'), {
        environment: {},
        extraLines: ['ListenAddress 127.0.0.4', `Port ${port}`, `HostKey ${hostKeyFile}`, 'AuthorizedKeysFile none'],
      });
      try {
        const checked = await check(['127.0.0.1', '127.0.0.4']);
        expect(checked, JSON.stringify(checked.steps, null, 1)).toMatchObject({ code: 0, warnings: ['addresses'] });
        expect(step(checked)?.message).toMatch(/^no session came about at 127\.0\.0\.4, .*publickey/);
        expect(await glidein(['top-up', 'campus', '--dry-run'], ['127.0.0.1'])).toMatchObject({ code: 0 });
      } finally {
        await stopSshd(closed);
      }
    },
  );

  it('may be one host, and a name with one address has nothing to try', async () => {
    const both = await check(['127.0.0.1', '127.0.0.2']);
    expect(step(both)).toMatchObject({
      state: 'ok',
      message: expect.stringMatching(/^all 2 addresses of the name are /),
    });
    expect(step(await check(['127.0.0.1']))).toMatchObject({ state: 'skipped', message: 'the name has one address' });
  });
});
