import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandLine } from '../../src/shell.ts';
import { type AtTerminal, atTerminal } from '../support/at-terminal.ts';
import { type Campus, campus, clearRemote, type Shim, shim, withShims } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { silentServer } from '../support/many-sites.ts';
import { processesOfUsers } from '../support/processes.ts';
import { mustRun } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { startSshd, stopSshd } from '../support/sshd.ts';
import { waitUntil } from '../support/wait-until.ts';

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
  async function strange(passphrase: string, port = cluster.sshd.port): Promise<NodeJS.ProcessEnv> {
    const key = join(directory, 'key');
    copyFileSync(cluster.users.ada.privateKeyFile, key);
    if (passphrase !== '') await mustRun('ssh-keygen', ['-q', '-p', '-P', '', '-N', passphrase, '-f', key]);
    const config = [
      'Host campus',
      '  HostName 127.0.0.1',
      `  Port ${port}`,
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

  describe('who interrupts', () => {
    const ctrlC = '\u0003';
    let shims: Shim[] = [];
    afterEach(async () => {
      await cancelAllJobs(cluster);
      for (const one of shims.splice(0)) one.remove();
    });

    /** Runs the program on a terminal, types the answers, and tells what became of the terminal. */
    const interrupted = async (
      args: readonly string[],
      { env, answers }: AtTerminal,
    ): Promise<{ code: number; screen: string; modes: string; seconds: number }> => {
      const before = performance.now();
      const words = commandLine([process.execPath, program, ...args]);
      const { code, screen } = await atTerminal(`trap : INT; ${words}; code=$?; echo; stty -a; exit $code`, {
        env,
        answers,
      });
      const modes = screen.slice(screen.lastIndexOf('speed '));
      return { code, screen, modes, seconds: (performance.now() - before) / 1000 };
    };
    const putInFront = async (name: string, script: string) => {
      shims = [shim(cluster, name, script)];
      await here.set(withShims(shims));
    };
    /** 130 soon after, and a terminal that echoes, edits lines and takes signals. */
    const expectOrderly = ({ code, screen, modes, seconds }: Awaited<ReturnType<typeof interrupted>>) => {
      expect(code, screen).toBe(130);
      expect(screen).toContain('interrupted');
      expect(modes).toMatch(/ echo /);
      expect(modes).toMatch(/ icanon /);
      expect(modes).toMatch(/(^|\s)isig /m);
      expect(seconds).toBeLessThan(10);
    };
    /** What other tests left behind over there is not ours. */
    const runningThere = () => processesOfUsers([cluster.users.ada.uid]);
    const nothingMoreRunsThan = (before: readonly number[]) =>
      waitUntil('nothing of ours runs there', 10, () => runningThere().every((pid) => before.includes(pid)));

    it('at the question for a host key, a passphrase or a password gets 130, and a terminal that works', async () => {
      const env = await strange('open sesame');
      expectOrderly(await interrupted(['status', 'campus'], { env, answers: [['(yes/no)', ctrlC]] }));
      const answers: [string, string][] = [
        ['(yes/no)', 'yes\n'],
        ['Passphrase for', `half of it${ctrlC}`],
      ];
      const atPassphrase = await interrupted(['status', 'campus'], { env, answers });
      expectOrderly(atPassphrase);
      expect(atPassphrase.screen).not.toContain('half of it');
      const sshd = await startSshd(join(directory, 'sshd'), {
        environment: { A: 'b' },
        extraLines: ['PubkeyAuthentication no', 'PasswordAuthentication yes'],
      });
      const withPassword = await strange('', sshd.port);
      const atPassword = await interrupted(['status', 'campus'], {
        env: withPassword,
        answers: [
          ['(yes/no)', 'yes\n'],
          ['Password:', `half of it${ctrlC}`],
        ],
      });
      expectOrderly(atPassword);
      expect(atPassword.screen).not.toContain('half of it');
      await stopSshd(sshd);
    });

    it('in the handshake gets 130', async () => {
      const silent = await silentServer();
      const env = await strange('', silent.port);
      const answers: [string, string][] = [['step handshake', ctrlC]];
      expectOrderly(await interrupted(['status', 'campus', '--verbose'], { env, answers }));
      silent.close();
    });

    it('while the queue is read gets 130 and leaves no lock and nothing that runs', async () => {
      const before = runningThere();
      await putInFront('squeue', 'mkdir $STATE/once 2>/dev/null && { touch $STATE/reads; sleep 3; }; exec $REAL "$@"');
      expectOrderly(
        await interrupted(['top-up', 'campus', '--verbose'], { env: here.env, answers: [['step list', ctrlC]] }),
      );
      await nothingMoreRunsThan(before);
      expect(await livingJobs(cluster)).toHaveLength(0);
      expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
    });

    it('while a pilot is submitted gets 130; that is finished there, and the next pass counts it', async () => {
      await putInFront('sbatch', 'sleep 2; exec $REAL "$@"');
      expectOrderly(
        await interrupted(['top-up', 'campus', '--verbose'], { env: here.env, answers: [['step submit', ctrlC]] }),
      );
      expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 0 });
      expect(await livingJobs(cluster)).toHaveLength(1);
    });
  });
});
