import type { AuthContext, Connection, ServerChannel } from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { noBrake } from '../../src/transports/login-brake.ts';
import { openSsh2 } from '../../src/transports/ssh2.ts';
import type { Endpoint, Transport } from '../../src/transports/transport.ts';
import { NeverStarted } from '../../src/transports/transport.ts';
import { waitUntil } from '../support/wait-until.ts';
import { recordingContext } from './contexts.ts';
import { finish } from './contract.ts';
import { oddServers } from './ssh2-server.ts';

const endpoint: Endpoint = {
  site: 'campus',
  host: 'campus',
  user: null,
  port: null,
  identityFile: null,
  connectSeconds: 5,
};
const never = new AbortController().signal;
const unknownHost = 'userknownhostsfile none';

/** What OpenSSH's own server does not do, or not on demand. */
describe('ssh2 against a server that behaves oddly', () => {
  const { serve } = oddServers();
  const transports: Transport[] = [];

  afterEach(async () => {
    for (const transport of transports.splice(0)) await transport[Symbol.asyncDispose]();
  });

  const connect = async (context = recordingContext({ answers: ['yes'] })) => {
    const result = await openSsh2(endpoint, null, noBrake, context);
    if (result.ok) transports.push(result.value);
    return result;
  };
  const transport = async () => {
    const result = await connect();
    if (!result.ok) throw new Error(JSON.stringify(result.failure));
    return result.value;
  };
  const accept = (client: Connection) => client.on('authentication', (attempt: AuthContext) => attempt.accept());
  const onExec = (client: Connection, answer: (take: () => ServerChannel, refuse: () => void) => void) =>
    accept(client).on('session', (open) => {
      open().on('exec', (take, refuse) => answer(take, refuse));
    });

  it('hears an exit status that comes with the answer to the start', async () => {
    await serve((client) =>
      onExec(client, (take) => {
        const channel = take();
        channel.exit(7);
        channel.end();
      }),
    );
    const ran = await finish(await (await transport()).spawn('x', { signal: never }), '');
    expect(ran.exit).toEqual({ kind: 'exited', code: 7 });
  });

  it('calls a program lost whose channel closes without an exit status', async () => {
    await serve((client) =>
      onExec(client, (take) => {
        const channel = take();
        channel.write('some');
        channel.close();
      }),
    );
    const ran = await finish(await (await transport()).spawn('x', { signal: never }), '');
    expect(ran).toMatchObject({ exit: { kind: 'lost' }, stdout: Buffer.from('some') });
  });

  it('says that a command never started when the server refuses it, or a session', async () => {
    await serve((client) => onExec(client, (_take, refuse) => refuse()));
    const refused = await (await transport()).spawn('x', { signal: never }).catch((reason: unknown) => reason);
    await serve((client) => accept(client).on('session', (_open, refuse) => refuse()));
    const closed = await (await transport()).spawn('x', { signal: never }).catch((reason: unknown) => reason);
    for (const error of [refused, closed]) {
      expect(error).toBeInstanceOf(NeverStarted);
      expect(error).toMatchObject({ failure: { kind: 'unreachable', stage: 'shell' } });
    }
  });

  it('does not say so when the connection ends before the answer: the command may run', async () => {
    await serve((client) => onExec(client, () => client.end()));
    const ran = await finish(await (await transport()).spawn('x', { signal: never }), '');
    expect(ran.exit.kind).toBe('lost');
  });

  it('answers a write that waits for a window when the connection ends', async () => {
    await serve((client) =>
      onExec(client, (take) => {
        take().write('ready');
        setTimeout(() => client.end(), 200);
      }),
    );
    const program = await (await transport()).spawn('x', { signal: never });
    const answered = await new Promise((resolve) => program.stdin.write(Buffer.alloc(8_000_000), resolve));
    expect(answered).toMatchObject({ code: 'EPIPE' });
    expect((await finish(program, '')).exit.kind).toBe('lost');
  });

  it('closes the channel of a program whose wait is given up, and keeps the connection', async () => {
    const closed: string[] = [];
    await serve((client) =>
      onExec(client, (take) => {
        const channel = take();
        channel.on('close', () => closed.push('channel')).resume();
        client.on('close', () => closed.push('connection'));
      }),
    );
    const abort = new AbortController();
    const program = await (await transport()).spawn('x', { signal: abort.signal });
    abort.abort();
    expect((await program.exited).kind).toBe('lost');
    await waitUntil('the server saw it', 3, () => closed.length > 0);
    expect(closed).toEqual(['channel']);
  });

  it('stops waiting for an answer to the start when told to', async () => {
    await serve((client) => onExec(client, () => {}));
    const started = await (await transport()).spawn('x', { signal: AbortSignal.timeout(100) });
    expect((await started.exited).kind).toBe('lost');
  });

  it('checks the host key again when keys are exchanged anew, without a question', async () => {
    const context = recordingContext({ answers: ['yes'] });
    const clients: Connection[] = [];
    await serve((client) => {
      clients.push(client);
      onExec(client, (take) => {
        const channel = take();
        channel.exit(0);
        channel.end();
      });
    }, unknownHost);
    const result = await connect(context);
    if (!result.ok) throw new Error(JSON.stringify(result.failure));
    await new Promise<void>((resolve) => clients[0]?.once('rekey', () => resolve()).rekey());
    const ran = await finish(await result.value.spawn('x', { signal: never }), '');
    expect(ran.exit).toEqual({ kind: 'exited', code: 0 });
    expect(context.questions).toHaveLength(1);
  });

  it('names the ways in that the server offers when none is a key', async () => {
    await serve((client) =>
      client.on('authentication', (attempt: AuthContext) => attempt.reject(['keyboard-interactive'])),
    );
    const result = await connect();
    expect(result).toMatchObject({ ok: false, failure: { kind: 'unreachable', stage: 'login' } });
    expect(JSON.stringify(result)).toContain('the server wants keyboard-interactive');
  });

  it('tells the last words of a server that hangs up in the middle of the login', async () => {
    await serve((client) => client.on('authentication', () => client.end()));
    expect(await connect()).toMatchObject({ ok: false, failure: { kind: 'unreachable', stage: 'login' } });
  });
});
