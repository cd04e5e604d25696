import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commandLine } from '../../src/shell.ts';
import { type AtTerminal, atTerminal } from '../support/at-terminal.ts';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { mustRun } from '../support/run-program.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

describeOnCluster('a person at a terminal', (cluster) => {
  let here: Campus;
  let directory: string;
  beforeEach(async () => {
    here = await campus(cluster, 1);
    directory = mkdtempSync(join(cluster.prefix, 'terminal-'));
  });
  afterEach(() => {
    here.remove();
    rmSync(directory, { recursive: true, force: true });
    clearRemote(cluster.users.ada);
  });

  /** An `ssh` whose configuration knows no host and has this key only. */
  async function strange(passphrase: string): Promise<NodeJS.ProcessEnv> {
    const key = join(directory, 'key');
    copyFileSync(cluster.users.ada.privateKeyFile, key);
    if (passphrase !== '') await mustRun('ssh-keygen', ['-q', '-p', '-P', '', '-N', passphrase, '-f', key]);
    const config = [
      'Host campus',
      '  HostName 127.0.0.1',
      `  Port ${cluster.sshd.port}`,
      `  User ${here.user.name}`,
      `  IdentityFile ${key}`,
    ];
    const common = [
      `  UserKnownHostsFile ${join(directory, 'known_hosts')}`,
      '  GlobalKnownHostsFile /dev/null',
      '  IdentitiesOnly yes',
    ];
    writeFileSync(join(directory, 'config'), `${[...config, ...common].join('\n')}\n`);
    writeFileSync(join(directory, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${directory}/config' "$@"\n`, {
      mode: 0o755,
    });
    return { ...here.env, PATH: `${directory}:${process.env['PATH']}` };
  }

  /** Runs `glidein status campus` on a terminal of its own, and types each answer when its question is there. */
  const statusAtTerminal = (env: NodeJS.ProcessEnv, answers: AtTerminal['answers']) =>
    atTerminal(commandLine([process.execPath, program, 'status', 'campus']), { env, answers });

  it('is shown an unknown host key, and asked before it is remembered', async () => {
    const env = await strange('');
    const fingerprint =
      (await mustRun('ssh-keygen', ['-lf', `${cluster.sshd.hostKeyFile}.pub`])).stdout.split(' ')[1] ?? 'none';
    const no = await statusAtTerminal(env, [['(yes/no)', 'no\n']]);
    expect(no.code).toBe(3);
    expect(no.screen).toContain(fingerprint);
    expect(existsSync(join(directory, 'known_hosts'))).toBe(false);
    const yes = await statusAtTerminal(env, [['(yes/no)', 'yes\n']]);
    expect(yes).toMatchObject({ code: 0 });
    expect(yes.screen).toContain('0 of 1 pilots');
    expect(readFileSync(join(directory, 'known_hosts'), 'utf8')).toContain(cluster.sshd.hostPublicKey.split(' ')[1]);
    expect((await statusAtTerminal(env, [])).code).toBe(0);
  });

  it('is asked for a passphrase, which the screen does not show', async () => {
    const env = await strange('open sesame');
    const { code, screen } = await statusAtTerminal(env, [
      ['(yes/no)', 'yes\n'],
      ['Passphrase for', 'wrong one\n'],
      ['Passphrase for', 'open sesame\n'],
    ]);
    expect(code).toBe(0);
    expect(screen).toContain('0 of 1 pilots');
    for (const typed of ['open sesame', 'wrong one']) expect(screen).not.toContain(typed);
  });

  it('who interrupts at a question gets 130, and a terminal that works', async () => {
    const env = await strange('open sesame');
    const { code, screen } = await statusAtTerminal(env, [['(yes/no)', '\u0003']]);
    expect(code).toBe(130);
    expect(screen).toContain('interrupted');
  });
});
