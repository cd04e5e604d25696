import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Failure } from '../failure.ts';
import { type HeldProcess, holdProcess } from './process-streams.ts';
import { type Endpoint, NeverStarted, type RemoteProcess, type Transport } from './transport.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * The transport for who is on the login host already. Programs run as under sshd: in the home directory, in a session
 * of their own, so that neither our end nor a ctrl-C at the terminal reaches them. Unlike there, `/bin/sh` parses the
 * command: the account may have no usable login shell (a service account in cron), and no command may depend on which
 * shell parses it. `SHELL` is the account's login shell even in cron, which sets it to `/bin/sh`.
 */
export function openLocal(endpoint: Endpoint): Transport {
  const running = new Set<HeldProcess>();
  return {
    target: `${userInfo().username}@${hostname()} (local)`,
    isHere: true,
    async spawn(command, { signal }) {
      if (signal.aborted) throw new NeverStarted({ kind: 'interrupted' });
      return watch(await start(command, endpoint), signal, running);
    },
    async [Symbol.asyncDispose]() {
      for (const held of running) held.cut('the transport was closed');
    },
  };
}

/** Answers when the program runs; rejects with `NeverStarted` otherwise. */
function start(command: string, endpoint: Endpoint): Promise<Child> {
  const { username, homedir, shell } = userInfo();
  const home = process.env['HOME'] ?? homedir;
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(new NeverStarted(neverStarted(endpoint, error)));
    try {
      const child = spawn('/bin/sh', ['-c', command], {
        cwd: existsSync(home) ? home : '/',
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { USER: username, LOGNAME: username, ...process.env, HOME: home, SHELL: shell || '/bin/sh' },
      });
      child.once('spawn', () => resolve(child));
      child.once('error', refuse);
    } catch (error) {
      // A command with a NUL in it is refused by an exception.
      refuse(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function neverStarted(endpoint: Endpoint, error: Error): Failure {
  const reason = `/bin/sh could not be started: ${error.message}`;
  return { kind: 'unreachable', site: endpoint.site, target: hostname(), stage: 'shell', reason };
}

function watch(child: Child, signal: AbortSignal, running: Set<HeldProcess>): RemoteProcess {
  const inner = holdProcess(child);
  const forget = () => {
    running.delete(held);
    signal.removeEventListener('abort', abort);
  };
  const held: HeldProcess = {
    ...inner,
    cut(reason) {
      forget();
      inner.cut(reason);
      child.stdout.destroy();
      child.stderr.destroy();
      // It goes on without us, and we may end without it.
      child.unref();
    },
  };
  const abort = () => held.cut('the wait for it was given up');
  running.add(held);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  child.once('exit', (code, name) =>
    inner.settle(name === null ? { kind: 'exited', code: code ?? 255 } : { kind: 'signalled', signal: name }),
  );
  // Later than `exit`: something that the program left behind may still hold its output.
  child.once('close', forget);
  return held.process;
}
