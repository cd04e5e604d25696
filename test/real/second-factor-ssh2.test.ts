import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTransport } from '../../src/transports/index.ts';
import type { Endpoint } from '../../src/transports/transport.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type SecondFactor, startSecondFactor } from '../support/second-factor.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { type RecordingContext, recordingContext } from '../transports/contexts.ts';

describeOnCluster('a second factor by ssh2, asked for by real PAM', (cluster) => {
  const usualPath = process.env['PATH'];
  const { ada } = cluster.users;
  let directory = '';
  let factor: SecondFactor | null = null;
  beforeEach(async () => {
    directory = await mkdtemp(join(cluster.prefix, 'factor-'));
    await chmod(directory, 0o755);
  });
  afterEach(async () => {
    process.env['PATH'] = usualPath;
    await factor?.remove();
    factor = null;
    await rm(directory, { recursive: true });
  });

  const start = async (methods: string): Promise<SecondFactor> => {
    const started = await startSecondFactor(cluster, ada, join(directory, 'sshd'), methods);
    factor = started;
    const { host, port, hostPublicKey } = started.sshd;
    const knownHosts = join(directory, 'known_hosts');
    await writeFile(knownHosts, `[${host}]:${port} ${hostPublicKey}\n`);
    await writeSshShim(join(directory, 'bin'), [
      'Host campus',
      ...[`  HostName ${host}`, `  Port ${port}`, `  User ${ada.name}`, `  IdentityFile ${ada.privateKeyFile}`],
      ...['  IdentityAgent none', `  UserKnownHostsFile ${knownHosts}`, '  GlobalKnownHostsFile /dev/null'],
    ]);
    process.env['PATH'] = `${join(directory, 'bin')}:${usualPath}`;
    return started;
  };
  const logIn = async (context: RecordingContext) => {
    const endpoint: Endpoint = {
      site: 'campus',
      host: 'campus',
      user: null,
      port: null,
      identityFile: null,
      connectSeconds: 10,
    };
    const result = await openTransport('ssh2', endpoint, context);
    if (result.ok) await result.value.transport[Symbol.asyncDispose]();
    return result;
  };
  const failures = (log: string) => log.match(/PAM: Authentication failure for/g)?.length ?? 0;

  it('is a password and a code', async () => {
    const { password, code } = await start('keyboard-interactive');
    const context = recordingContext({ answers: [password, await code(0)] });
    expect(await logIn(context)).toMatchObject({ ok: true });
    expect(context.questions.map(({ text }) => text.replace(/^.*\) /s, ''))).toEqual([
      'Password:',
      'Verification code:',
    ]);
    expect(context.questions.every(({ hidden }) => hidden)).toBe(true);
  });

  it('is a key, a password and a code; and a wrong code is not tried again', async () => {
    const { password, code, sshd } = await start('publickey,keyboard-interactive');
    const wrong = await logIn(recordingContext({ answers: [password, '000000', password, '000000'] }));
    expect(wrong).toMatchObject({ ok: false, failure: { kind: 'unreachable', stage: 'login' } });
    expect(JSON.stringify(wrong)).not.toContain(password);
    const log = readFileSync(sshd.logFile, 'utf8');
    expect(failures(log), log).toBe(1);
    expect(await logIn(recordingContext({ answers: [password, await code(0)] }))).toMatchObject({ ok: true });
    expect(readFileSync(sshd.logFile, 'utf8')).toContain('Accepted key');
    expect(await logIn(recordingContext())).toMatchObject({ ok: false, failure: { kind: 'needs-terminal' } });
  });
});
