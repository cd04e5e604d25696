import { spawn } from 'node:child_process';
import type { Context, Event } from '../../src/context.ts';
import type { Exit, Transport } from '../../src/transports/transport.ts';

/**
 * A login host that is this machine: commands are parsed by `shell`, as sshd has the login shell parse them, in the
 * environment given. Real shells, real programs, no network.
 */
export function shellTransport(options: { shell: string; env: NodeJS.ProcessEnv }): Transport & { spawned: number[] } {
  const spawned: number[] = [];
  return {
    target: 'test',
    spawned,
    async spawn(command, { signal }) {
      const child = spawn(options.shell, ['-c', command], {
        env: { PATH: process.env['PATH'], SHELL: options.shell, ...options.env },
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      if (child.pid !== undefined) spawned.push(child.pid);
      signal.addEventListener('abort', () => {
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      });
      const exited = new Promise<Exit>((resolve) => {
        child.on('close', (code, name) =>
          resolve(name === null ? { kind: 'exited', code: code ?? 255 } : { kind: 'signalled', signal: name }),
        );
      });
      return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited };
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** A context that collects what is emitted; nobody is there to be asked. */
export function quietContext(signal: AbortSignal = new AbortController().signal): Context & { events: Event[] } {
  const events: Event[] = [];
  return { signal, now: () => Date.now(), emit: (event) => void events.push(event), ask: null, events };
}
