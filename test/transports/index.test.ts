import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { choose, isThisMachine } from '../../src/transports/choice.ts';
import { openTransport } from '../../src/transports/index.ts';
import type { Endpoint } from '../../src/transports/transport.ts';
import { freePorts } from '../support/free-ports.ts';
import { recordingContext } from './contexts.ts';

const endpoint: Endpoint = {
  site: 'campus',
  host: 'localhost',
  user: null,
  port: null,
  identityFile: null,
  connectSeconds: 2,
};
const usualPath = process.env['PATH'];
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'glidein-choice-'));
});
afterEach(() => {
  process.env['PATH'] = usualPath;
});
afterAll(() => rm(directory, { recursive: true }));

/** Makes `ssh -G` answer with these settings. */
const configure = async (
  { hostname, user, port }: { hostname: string; user: string; port: number },
  more: readonly string[] = [],
) => {
  const lines = [`hostname ${hostname}`, `user ${user}`, `port ${port}`, ...more];
  const text = `#!/bin/sh\ncat <<'END'\n${lines.join('\n')}\nEND\n`;
  await writeFile(join(directory, 'ssh'), text, { mode: 0o755 });
  process.env['PATH'] = `${directory}:${usualPath}`;
};

describe('auto', () => {
  const me = userInfo().username;

  it.each(['localhost', '127.0.0.1', hostname()])('stays on this machine for %s', async (host) => {
    await configure({ hostname: host, user: me, port: 22 });
    const opened = await openTransport('auto', { ...endpoint, host }, recordingContext());
    expect(opened).toMatchObject({ ok: true, value: { chosen: 'local', why: expect.stringContaining('ours') } });
  });

  it.each([
    ['another user', { hostname: 'localhost', user: 'somebody', port: 22 }, 'the user there is somebody'],
    ['a tunnel on another port', { hostname: 'localhost', user: me, port: 2222 }, 'leads elsewhere'],
    ['another host behind the name', { hostname: 'login.invalid', user: me, port: 22 }, 'leads elsewhere'],
  ])('goes by SSH where the configuration names %s', async (_what, settings, why) => {
    await configure(settings);
    const chosen = await choose('auto', endpoint, recordingContext());
    expect(chosen).toMatchObject({ ok: true, value: { chosen: 'ssh2', why: expect.stringContaining(why) } });
  });

  it('goes by SSH when a port is given, and to another machine', async () => {
    await configure({ hostname: 'localhost', user: me, port: 22 });
    const ssh2 = { ok: true, value: { chosen: 'ssh2' } };
    expect(await choose('auto', { ...endpoint, port: 22 }, recordingContext())).toMatchObject(ssh2);
    expect(await choose('auto', { ...endpoint, host: 'login.example.org' }, recordingContext())).toMatchObject(ssh2);
  });

  it('says how a connection that it chose failed', async () => {
    const [closed = 0] = await freePorts(1);
    await configure({ hostname: '127.0.0.1', user: me, port: closed });
    const result = await openTransport('auto', { ...endpoint, port: closed }, recordingContext());
    expect(result).toMatchObject({ ok: false, failure: { kind: 'unreachable', stage: 'connect' } });
  });
});

it.each([
  ['localhost', true],
  ['LocalHost', true],
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  [hostname(), true],
  ['login.example.org', false],
  [`${hostname().split('.')[0]}.elsewhere.example.org`, false],
  ['127.0.0.1.example.org', false],
])('knows whether %s is this machine', (host, own) => {
  expect(isThisMachine(host)).toBe(own);
});

it.each(['-oProxyCommand=touch pwned', '', 'a b', 'a\nb'])('refuses the host name %j', async (host) => {
  const result = await openTransport('ssh2', { ...endpoint, host }, recordingContext());
  expect(result).toMatchObject({ ok: false, failure: { kind: 'unreachable', stage: 'configuration' } });
});

it('does nothing after an interrupt', async () => {
  const context = recordingContext({ signal: AbortSignal.abort() });
  expect(await openTransport('local', endpoint, context)).toEqual({ ok: false, failure: { kind: 'interrupted' } });
  expect(context.events).toEqual([]);
});

describe('auto, where ssh2 cannot go', () => {
  it.each(['proxycommand nc h 22', 'certificatefile ~/c-cert.pub', 'pkcs11provider /p.so', 'pubkeyauthentication no'])(
    'takes the system’s ssh, and names the line: %s',
    async (line) => {
      await configure({ hostname: 'login.example.org', user: 'ada', port: 22 }, [line]);
      const chosen = await choose('auto', { ...endpoint, host: 'login.example.org' }, recordingContext());
      const why = expect.stringContaining(line.split(' ')[1] ?? '');
      expect(chosen).toMatchObject({ ok: true, value: { chosen: 'openssh', why, master: null } });
    },
  );

  it.each(['proxycommand none', 'pkcs11provider none', 'securitykeyprovider internal', 'gssapiauthentication yes'])(
    'does not for what stands in every configuration: %s',
    async (line) => {
      await configure({ hostname: 'login.example.org', user: 'ada', port: 22 }, [line]);
      const chosen = await choose('auto', { ...endpoint, host: 'login.example.org' }, recordingContext());
      expect(chosen).toMatchObject({ ok: true, value: { chosen: 'ssh2' } });
    },
  );

  it('is not taken in by the socket of a master that is gone', async () => {
    const socket = join(directory, 'gone');
    await writeFile(socket, '');
    await configure({ hostname: 'login.example.org', user: 'ada', port: 22 }, [`controlpath ${socket}`]);
    const chosen = await choose('auto', { ...endpoint, host: 'login.example.org' }, recordingContext());
    expect(chosen).toMatchObject({ ok: true, value: { chosen: 'ssh2' } });
  });
});

it('says that openssh needs the program ssh', async () => {
  process.env['PATH'] = join(directory, 'nowhere');
  const result = await openTransport('openssh', endpoint, recordingContext());
  expect(result).toMatchObject({
    ok: false,
    failure: { stage: 'configuration', reason: expect.stringContaining('PATH') },
  });
});
