import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { parseSource } from '../../src/image/image-source.ts';
import { askRegistry } from '../../src/image/registry.ts';
import { type MovingRegistry, movingRegistry, type RegistryWays } from '../support/moving-registry.ts';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function registry(ways: RegistryWays = {}): Promise<MovingRegistry> {
  const opened = await movingRegistry(ways);
  closing.push(() => opened.close());
  return opened;
}

function ask(uri: string, more: { sizes?: boolean; seconds?: number; signal?: AbortSignal } = {}) {
  const source = parseSource(uri);
  if (source?.kind !== 'registry') throw new Error(`${uri} is of no registry`);
  return askRegistry(source, { sizes: false, seconds: 5, signal: new AbortController().signal, ...more });
}

async function server(listener: Parameters<typeof createServer>[1]): Promise<{ uri: string; server: Server }> {
  const opened = createServer(listener ?? (() => {}));
  await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    opened.closeAllConnections();
    opened.close();
  });
  const { port } = opened.address() as AddressInfo;
  return { uri: `docker://127.0.0.1:${port}/osg/pilot:x`, server: opened };
}

const layer = Buffer.alloc(1234, 'x');

describe('a registry', () => {
  it('says what a tag stands for, to whoever fetches a pass, without a pull', async () => {
    const opened = await registry();
    const digest = opened.put('25-release', layer);
    expect(await ask(opened.source('25-release'))).toEqual({ kind: 'known', digest, compressedBytes: null });
    const manifest = '/v2/osg/pilot/manifests/25-release';
    expect(opened.asked).toEqual([`HEAD ${manifest} 401`, 'GET /pass 200', `HEAD ${manifest} 200`]);
  });

  it('says something else when the tag has moved', async () => {
    const opened = await registry({ wantsPass: false });
    const before = opened.put('25-release', layer);
    const after = opened.put('25-release', Buffer.from('y'));
    expect(after).not.toBe(before);
    expect(await ask(opened.source('25-release'))).toMatchObject({ digest: after });
  });

  it.each([true, false])('says how much would be pulled, of this kind of machine (lists: %s)', async (inLists) => {
    const opened = await registry({ inLists });
    const digest = opened.put('x', layer);
    expect(await ask(opened.source('x'), { sizes: true })).toEqual({ kind: 'known', digest, compressedBytes: 1234 });
  });

  it('need not say the digest itself', async () => {
    const opened = await registry({ saysDigest: false });
    const digest = opened.put('x', layer);
    expect(await ask(opened.source('x'))).toEqual({ kind: 'known', digest, compressedBytes: null });
  });

  it('says why it says nothing', async () => {
    const opened = await registry();
    expect(await ask(opened.source('none'))).toEqual({ kind: 'silent', reason: 'it has no such tag' });
    const { uri, server: gone } = await server((_request, response) => response.writeHead(503).end());
    expect(await ask(uri)).toEqual({ kind: 'silent', reason: 'it answered 503' });
    gone.closeAllConnections();
    gone.close();
    expect(await ask(uri)).toMatchObject({ kind: 'silent', reason: expect.stringContaining('ECONNREFUSED') });
  });

  it('that wants a login is told from one that gives passes', async () => {
    const { uri } = await server((_request, response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    );
    expect(await ask(uri)).toMatchObject({ kind: 'silent', reason: expect.stringContaining('wants a login') });
  });

  it('is waited for no longer than was said, and not after an interrupt', async () => {
    const { uri } = await server(() => {});
    const began = performance.now();
    expect(await ask(uri, { seconds: 0.3 })).toEqual({ kind: 'silent', reason: 'no answer within 0.3 s' });
    expect(performance.now() - began).toBeLessThan(3_000);
    const interrupt = new AbortController();
    const asking = ask(uri, { seconds: 60, signal: interrupt.signal });
    interrupt.abort();
    expect(await asking).toMatchObject({ kind: 'silent' });
  });

  it('is believed nothing that is no registry’s', async () => {
    const page = await server((_request, response) => response.end('<html>log in here</html>'));
    expect(await ask(page.uri, { sizes: true })).toMatchObject({ kind: 'silent' });
    expect(await ask(page.uri)).toMatchObject({ kind: 'silent' });
    const long = await server((_request, response) => response.end(Buffer.alloc(5 * 1024 * 1024)));
    expect(await ask(long.uri, { sizes: true })).toMatchObject({ reason: expect.stringContaining('longer than') });
  });

  it('may send on, but neither its pass nor anybody without TLS', async () => {
    const passes: (string | undefined)[] = [];
    const body = Buffer.from('{"layers":[]}');
    const { uri: target } = await server((request, response) => {
      passes.push(request.headers.authorization);
      response.writeHead(200, { 'docker-content-digest': `sha256:${'a'.repeat(64)}` }).end(body);
    });
    const to = target.replace('docker:', 'http:');
    let location = to;
    const { uri } = await server((request, response) => {
      const host = `http://${request.headers.host}`;
      if (request.url?.startsWith('/pass')) return response.end('{"access_token":"secret"}');
      if (request.headers.authorization !== 'Bearer secret')
        return response.writeHead(401, { 'www-authenticate': `Bearer realm="${host}/pass"` }).end();
      return response.writeHead(307, { location }).end();
    });
    expect(await ask(uri)).toMatchObject({ kind: 'known' });
    expect(passes).toEqual([undefined]);
    location = 'http://r.example.org/';
    expect(await ask(uri)).toEqual({
      kind: 'silent',
      reason: 'it sends on to http://r.example.org, which is not safe',
    });
  });

  it('cannot have its pass carry more than itself', async () => {
    const { uri } = await server((request, response) => {
      if (request.url?.startsWith('/pass')) return response.end(JSON.stringify({ token: 'a\r\nx-other: b' }));
      return response
        .writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/pass"` })
        .end();
    });
    expect(await ask(uri)).toMatchObject({ kind: 'silent' });
  });
});

describe('a registry behind a proxy', () => {
  const named = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'] as const;
  const before = Object.fromEntries(named.map((name) => [name, process.env[name]]));
  afterEach(() => {
    for (const name of named) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  it('is asked through it, with its password, which nobody is told', async () => {
    const seen: { url: string | undefined; login: string | undefined }[] = [];
    const { server: proxy, uri } = await server(() => {});
    proxy.on('connect', (request, socket) => {
      seen.push({ url: request.url, login: request.headers['proxy-authorization'] });
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    const port = new URL(uri.replace('docker:', 'http:')).port;
    for (const name of named) delete process.env[name];
    process.env['HTTPS_PROXY'] = `http://ada:s%40cret@127.0.0.1:${port}`;
    const answer = await ask('docker://registry.invalid/osg/pilot:x');
    expect(answer).toEqual({ kind: 'silent', reason: `the proxy 127.0.0.1:${port} answered 403` });
    const login = `Basic ${Buffer.from('ada:s@cret').toString('base64')}`;
    expect(seen).toEqual([{ url: 'registry.invalid:443', login }]);
    process.env['NO_PROXY'] = '.invalid';
    expect(await ask('docker://registry.invalid/osg/pilot:x')).toMatchObject({ kind: 'silent' });
    expect(seen).toHaveLength(1);
  });

  it('of a kind that is not spoken is said to be', async () => {
    for (const name of named) delete process.env[name];
    process.env['HTTPS_PROXY'] = 'socks5://127.0.0.1:1';
    const reason = 'the proxy socks5://127.0.0.1:1 is of a kind that is not supported';
    expect(await ask('docker://registry.invalid/a:x')).toEqual({ kind: 'silent', reason });
  });
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe('a registry with TLS', () => {
  it.skipIf(!hasOpenssl)(
    'is asked through the proxy’s tunnel, and believed only with a certificate for its name',
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'glidein-tls-'));
      closing.push(() => rmSync(directory, { recursive: true }));
      const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name));
      const names = ['-subj', '/CN=registry.invalid', '-addext', 'subjectAltName=DNS:registry.invalid'];
      const made = spawnSync('openssl', [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${key}`,
        '-out',
        `${cert}`,
        ...names,
      ]);
      expect(made.status, String(made.stderr)).toBe(0);
      const digest = `sha256:${'b'.repeat(64)}`;
      const secure = createSecureServer(
        { key: readFileSync(`${key}`), cert: readFileSync(`${cert}`) },
        (_request, response) => response.writeHead(200, { 'docker-content-digest': digest }).end(),
      );
      await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
      closing.push(() => void secure.close());
      const { port } = secure.address() as AddressInfo;
      const { server: proxy, uri } = await server(() => {});
      proxy.on('connect', (_request, socket) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        const through = connect(port, '127.0.0.1');
        socket
          .on('error', () => {})
          .pipe(through.on('error', () => {}))
          .pipe(socket);
      });
      const proxyUrl = uri.replace('docker:', 'http:').replace(/\/osg.*$/, '');
      const asker = `
      import { askRegistry } from ${JSON.stringify(new URL('../../src/image/registry.ts', import.meta.url).href)};
      import { parseSource } from ${JSON.stringify(new URL('../../src/image/image-source.ts', import.meta.url).href)};
      for (const host of ['registry.invalid', 'other.invalid'])
        console.log(JSON.stringify(await askRegistry(parseSource('docker://' + host + '/a:x'), { seconds: 5, sizes: false, signal: new AbortController().signal })));`;
      const loader = fileURLToPath(new URL('../../bench/run-typescript.js', import.meta.url));
      const answers = await new Promise<string>((resolve, reject) => {
        const env = {
          ...process.env,
          HTTPS_PROXY: proxyUrl,
          NO_PROXY: '',
          no_proxy: '',
          NODE_EXTRA_CA_CERTS: `${cert}`,
        };
        const args = ['--import', loader, '--input-type=module', '-e', asker];
        execFile(process.execPath, args, { env, timeout: 20_000 }, (error, out) =>
          error === null ? resolve(out) : reject(error),
        );
      });
      const [right, wrong] = answers
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(right).toEqual({ kind: 'known', digest, compressedBytes: null });
      expect(wrong).toMatchObject({ kind: 'silent', reason: expect.stringContaining('other.invalid') });
    },
  );
});
