import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  hasSafeSockets,
  lastingSocket,
  prepareSocketDirectory,
  socketDirectory,
} from '../../src/transports/socket-directory.ts';
import type { Endpoint } from '../../src/transports/transport.ts';

const endpoint: Endpoint = {
  site: 'campus',
  host: 'login',
  user: null,
  port: null,
  identityFile: null,
  connectSeconds: 1,
};

describe('the socket of a lasting connection', () => {
  it('has room for what ssh adds while it makes it, for whatever names and user id', () => {
    const longest = socketDirectory().replace(/\d+$/, String(2 ** 32 - 1));
    const name = lastingSocket({ ...endpoint, host: 'h'.repeat(255), user: 'u'.repeat(64) }).slice(
      socketDirectory().length,
    );
    expect(Buffer.byteLength(`${longest}${name}.0123456789abcdef`)).toBeLessThanOrEqual(100);
  });

  it('is the same in cron, where the environment says nothing', () => {
    const before = { ...process.env };
    const socket = lastingSocket(endpoint);
    for (const name of ['HOME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'SSH_AUTH_SOCK', 'USER']) delete process.env[name];
    expect(lastingSocket(endpoint)).toBe(socket);
    Object.assign(process.env, before);
  });

  it('is one for all sites of a host, port, user and key, and another for any other', () => {
    const socket = lastingSocket(endpoint);
    expect(lastingSocket({ ...endpoint, site: 'physics', host: 'LOGIN', connectSeconds: 9 })).toBe(socket);
    const others = [{ host: 'login2' }, { user: 'ada' }, { port: 22 }, { identityFile: '/k' }];
    const all = new Set(others.map((other) => lastingSocket({ ...endpoint, ...other })));
    expect(all.size).toBe(4);
    expect(all.has(socket)).toBe(false);
  });
});

describe('the directory of the sockets', () => {
  let base = '';
  let directory = '';
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'glidein-sockets-'));
    directory = join(base, 'd');
  });
  afterEach(() => rmSync(base, { recursive: true }));

  it('is made for its owner alone, and is good a second time', async () => {
    expect(await hasSafeSockets(directory)).toBe(false);
    expect(await prepareSocketDirectory(directory)).toEqual({ ok: true, value: directory });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(await prepareSocketDirectory(directory)).toEqual({ ok: true, value: directory });
    expect(await hasSafeSockets(directory)).toBe(true);
  });

  it.each<[string, () => void]>([
    ['others may look into', () => mkdirSync(directory) ?? chmodSync(directory, 0o755)],
    ['is a link', () => mkdirSync(join(base, 'real'), { mode: 0o700 }) ?? symlinkSync(join(base, 'real'), directory)],
    ['is a file', () => writeFileSync(directory, '', { mode: 0o600 })],
  ])('is not used, nor asked for a master, where it %s', async (_what, make) => {
    make();
    expect(await hasSafeSockets(directory)).toBe(false);
    const prepared = await prepareSocketDirectory(directory);
    expect(prepared).toMatchObject({ ok: false, failure: { kind: 'file-unusable', file: directory } });
    expect(existsSync(directory)).toBe(true);
  });
});
