import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Failure, Result } from '../../src/failure.ts';
import { type OpenTransport, openTransport } from '../../src/transports/index.ts';
import type { Endpoint, Transport } from '../../src/transports/transport.ts';
import { describeOnCluster, type TestSshd, type TestUser } from '../support/cluster.ts';
import { freePorts } from '../support/free-ports.ts';
import { mustRun } from '../support/run-program.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { startSshd, stopSshd } from '../support/sshd.ts';
import { startRelay, type TcpRelay } from '../support/tcp-relay.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type RecordingContext, recordingContext } from '../transports/contexts.ts';
import { finish, transportContract } from '../transports/contract.ts';

const never = new AbortController().signal;

describeOnCluster('a login host behind jump hosts', (cluster) => {
  const usualPath = process.env['PATH'];
  const { ada, dash, tcsh } = cluster.users;
  const open: Transport[] = [];
  let base = '';
  let directory = '';
  /** Each has a user of its own, and lets in nobody else. */
  let outer: TestSshd;
  let inner: TestSshd;
  let last: TestSshd;
  let relay: TcpRelay;

  beforeAll(async () => {
    base = await mkdtemp(join(cluster.prefix, 'jumps-'));
    await chmod(base, 0o755);
    const only = (user: TestUser) => ({ environment: { A: 'b' }, extraLines: [`AllowUsers ${user.name}`] });
    outer = await startSshd(join(base, 'outer'), only(dash));
    inner = await startSshd(join(base, 'inner'), only(tcsh));
    last = await startSshd(join(base, 'last'), only(ada));
    relay = await startRelay(outer.port);
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(base, 'test-'));
  });
  afterEach(async () => {
    for (const transport of open.splice(0)) await transport[Symbol.asyncDispose]();
    process.env['PATH'] = usualPath;
  });
  afterAll(async () => {
    await relay.close();
    for (const sshd of [outer, inner, last]) await stopSshd(sshd);
    await rm(base, { recursive: true });
  });

  interface Layout {
    /** Lines of the login host's own; by default it is reached through both. */
    campus?: readonly string[];
    outer?: readonly string[];
    inner?: readonly string[];
    known?: readonly TestSshd[];
  }

  /** A configuration with three hosts: `outer` is reached over the relay, the others only from the one before. */
  const configure = async (layout: Layout = {}) => {
    const hostLines = (name: string, port: number, user: TestUser, lines: readonly string[]) => [
      `Host ${name}`,
      ...['HostName 127.0.0.1', ...lines, `Port ${port}`, `User ${user.name}`].map((line) => `  ${line}`),
      `  IdentityFile ${user.privateKeyFile}`,
    ];
    const knownHosts = join(directory, 'known_hosts');
    await writeSshShim(join(directory, 'bin'), [
      ...hostLines('campus', last.port, ada, layout.campus ?? ['ProxyJump outer,inner']),
      ...hostLines('outer', relay.port, dash, layout.outer ?? []),
      ...hostLines('inner', inner.port, tcsh, layout.inner ?? []),
      'Host *',
      `  UserKnownHostsFile ${knownHosts}`,
      ...['  GlobalKnownHostsFile /dev/null', '  IdentityAgent none', '  IdentitiesOnly yes'],
    ]);
    const name = (sshd: TestSshd) => `[127.0.0.1]:${sshd === outer ? relay.port : sshd.port}`;
    const lines = (layout.known ?? [outer, inner, last]).map((sshd) => `${name(sshd)} ${sshd.hostPublicKey}\n`);
    await writeFile(knownHosts, lines.join(''));
    process.env['PATH'] = `${join(directory, 'bin')}:${usualPath}`;
  };
  const endpoint: Endpoint = {
    site: 'campus',
    host: 'campus',
    user: null,
    port: null,
    identityFile: null,
    connectSeconds: 10,
  };
  const connect = async (context: RecordingContext = recordingContext()) => {
    const result = await openTransport('ssh2', endpoint, context);
    if (result.ok) open.push(result.value.transport);
    return result;
  };
  const opened = (result: Result<OpenTransport>): Transport => {
    if (!result.ok) throw new Error(`no connection: ${JSON.stringify(result.failure)}`);
    return result.value.transport;
  };
  const failure = (result: Result<OpenTransport>): Failure => {
    if (result.ok) throw new Error('it connected');
    return result.failure;
  };
  /** What a server wrote since the last call for it. */
  const read = new Map<TestSshd, number>();
  const news = (sshd: TestSshd) => {
    const text = readFileSync(sshd.logFile, 'utf8');
    const from = read.get(sshd) ?? 0;
    read.set(sshd, text.length);
    return text.slice(from);
  };
  const forget = () => {
    for (const sshd of [outer, inner, last]) news(sshd);
  };
  const openConnections = async () => {
    const ports = [outer, inner, last].map(({ port }) => `sport = :${port}`).join(' or ');
    const { stdout } = await mustRun('ss', ['-Htn', 'state', 'established', `( ${ports} )`]);
    return stdout.split('\n').filter((line) => line !== '').length;
  };

  it.each([
    ['named in one line', { campus: ['ProxyJump outer,inner'] }],
    ['each named by the next', { campus: ['ProxyJump inner'], inner: ['ProxyJump outer'] }],
  ])('is reached through two, %s, each as its own user, over one connection', async (_how, layout) => {
    await configure(layout);
    forget();
    const connectionsBefore = relay.connections();
    const context = recordingContext();
    const ran = await finish(await opened(await connect(context)).spawn('id -un', { signal: never }), '');
    expect(ran.stdout.toString().trim()).toBe(ada.name);
    expect(relay.connections() - connectionsBefore).toBe(1);
    for (const [sshd, user] of [
      [outer, dash],
      [inner, tcsh],
      [last, ada],
    ] as const) {
      const log = news(sshd);
      expect(log.match(/^Connection from/gm)).toHaveLength(1);
      expect(log).toContain(`Accepted publickey for ${user.name}`);
    }
    expect(context.events.flatMap((event) => (event.kind === 'step' ? [event.detail] : []))).toContain(
      `${tcsh.name}@127.0.0.1:${inner.port}`,
    );
  });

  it('has every connection on the way closed at the end, and after a refusal, and wherever it is interrupted', async () => {
    await configure();
    await opened(await connect())[Symbol.asyncDispose]();
    open.length = 0;
    await waitUntil('all is closed', 3, async () => (await openConnections()) === 0);
    await configure({ campus: ['User nobody', 'ProxyJump outer,inner'] });
    expect(failure(await connect())).toMatchObject({ kind: 'unreachable', stage: 'login' });
    await waitUntil('all is closed', 3, async () => (await openConnections()) === 0);
    await configure();
    for (const milliseconds of [40, 80, 120, 160, 200, 250, 300, 400]) {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), milliseconds);
      const result = await connect(recordingContext({ signal: abort.signal }));
      if (result.ok) await open.pop()?.[Symbol.asyncDispose]();
      else expect(result.failure).toEqual({ kind: 'interrupted' });
      await waitUntil(`all is closed after ${milliseconds} ms`, 3, async () => (await openConnections()) === 0);
    }
  });

  it.each([
    ['first', () => [inner, last], () => relay.port],
    ['second', () => [outer, last], () => inner.port],
  ])(
    'is not reached when the key of the %s is not known, and nobody is logged in there',
    async (_which, known, port) => {
      await configure({ known: known() });
      forget();
      expect(failure(await connect())).toMatchObject({ kind: 'host-key-unknown', port: port() });
      expect(news(last)).toBe('');
    },
  );

  it('asks for the key of each that is not known', async () => {
    await configure({ known: [inner] });
    const context = recordingContext({ answers: ['yes', 'yes'] });
    expect((await connect(context)).ok).toBe(true);
    expect(context.questions).toHaveLength(2);
    expect((await connect()).ok).toBe(true);
  });

  it('is not reached when the key of one has changed', async () => {
    await configure({ known: [outer, last] });
    const line = `[127.0.0.1]:${inner.port} ${outer.hostPublicKey}\n`;
    await writeFile(join(directory, 'known_hosts'), line, { flag: 'a' });
    const context = recordingContext({ answers: ['yes'] });
    expect(failure(await connect(context))).toMatchObject({ kind: 'host-key-changed', port: inner.port });
    expect(context.questions).toEqual([]);
  });

  it('names the one that does not let us in, or not on', async () => {
    await configure({ inner: [`User ${dash.name}`] });
    expect(failure(await connect())).toMatchObject({
      kind: 'unreachable',
      stage: 'login',
      target: `${dash.name}@127.0.0.1:${inner.port}`,
    });
    const [closed = 0] = await freePorts(1);
    await configure({ campus: [`Port ${closed}`, 'ProxyJump outer,inner'] });
    expect(failure(await connect())).toMatchObject({
      stage: 'connect',
      reason: expect.stringMatching(
        new RegExp(`jump host ${tcsh.name}@.* cannot reach 127.0.0.1 port ${closed}: .*refused`, 'i'),
      ),
    });
    const strict = await startSshd(join(directory, 'strict'), {
      environment: { A: 'b' },
      extraLines: ['AllowTcpForwarding no', `AllowUsers ${tcsh.name}`],
    });
    await configure({ inner: [`Port ${strict.port}`] });
    await writeFile(join(directory, 'known_hosts'), `[127.0.0.1]:${strict.port} ${strict.hostPublicKey}\n`, {
      flag: 'a',
    });
    expect(failure(await connect())).toMatchObject({ reason: expect.stringContaining('AllowTcpForwarding') });
    await stopSshd(strict);
  });

  it('is not looked for in a circle, nor through a ProxyCommand of a jump host', async () => {
    await configure({ campus: ['ProxyJump inner'], inner: ['ProxyJump outer'], outer: ['ProxyJump inner'] });
    expect(failure(await connect())).toMatchObject({
      stage: 'configuration',
      reason: expect.stringContaining('circle'),
    });
    await configure({ campus: ['ProxyJump outer'], outer: ['ProxyCommand nc %h %p'] });
    expect(failure(await connect())).toMatchObject({
      stage: 'configuration',
      hint: expect.stringContaining('connection.transport=openssh'),
    });
  });

  it('is lost within a second when the first connection breaks', async () => {
    await configure();
    const transport = opened(await connect());
    const program = await transport.spawn('echo up; exec sleep 30', { signal: never });
    await new Promise((resolve) => program.stdout.once('data', resolve));
    const blocked = new Promise((resolve) => program.stdin.write(Buffer.alloc(8_000_000), resolve));
    const before = performance.now();
    relay.cut();
    expect((await finish(program, '')).exit.kind).toBe('lost');
    await blocked;
    expect(performance.now() - before).toBeLessThan(1000);
    const refused = await transport.spawn('true', { signal: never }).catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ failure: { kind: 'connection-lost' } });
  });

  it('is told lost by keepalive, when the way there goes silent', async () => {
    await configure({ outer: ['ServerAliveInterval 1', 'ServerAliveCountMax 2'] });
    const transport = opened(await connect());
    const program = await transport.spawn('echo up; exec sleep 30', { signal: never });
    await new Promise((resolve) => program.stdout.once('data', resolve));
    const before = performance.now();
    relay.freeze();
    const exit = (await finish(program, '')).exit;
    expect(exit).toMatchObject({ kind: 'lost', reason: expect.stringContaining('no longer answers') });
    expect(exit).toMatchObject({ reason: expect.stringContaining(`${dash.name}@`) });
    expect(performance.now() - before).toBeLessThan(5000);
    const refused = await transport.spawn('true', { signal: never }).catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ failure: { kind: 'connection-lost' } });
  });

  transportContract('ssh2 through two jump hosts', async () => ({
    directory: ada.home,
    open: async () => {
      directory = await mkdtemp(join(base, 'contract-'));
      await configure();
      return opened(await openTransport('ssh2', endpoint, recordingContext()));
    },
  }));
});
