import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Failure, Result } from '../../src/failure.ts';
import { type OpenTransport, openTransport } from '../../src/transports/index.ts';
import type { LoginEnd } from '../../src/transports/login-brake.ts';
import { socketDirectory } from '../../src/transports/socket-directory.ts';
import { type Endpoint, NeverStarted, type RemoteProcess, type Transport } from '../../src/transports/transport.ts';
import { describeOnCluster, type TestSshd } from '../support/cluster.ts';
import { freePorts } from '../support/free-ports.ts';
import { mustRun, run } from '../support/run-program.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { startSshd, stopSshd } from '../support/sshd.ts';
import { startRelay } from '../support/tcp-relay.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type RecordingContext, recordingContext } from '../transports/contexts.ts';
import { finish, transportContract } from '../transports/contract.ts';

const never = new AbortController().signal;

describeOnCluster('transports', (cluster) => {
  const usualPath = process.env['PATH'];
  const { ada } = cluster.users;
  const host = 'campus';
  const open: Transport[] = [];
  let base = '';
  let directory = '';

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'glidein-transports-'));
    await chmod(base, 0o755);
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(base, 'test-'));
    await chmod(directory, 0o755);
  });
  afterEach(async () => {
    for (const transport of open.splice(0)) await transport[Symbol.asyncDispose]();
    process.env['PATH'] = usualPath;
  });

  const endpoint = (more: Partial<Endpoint> = {}): Endpoint => ({
    site: 'campus',
    host,
    user: null,
    port: null,
    identityFile: null,
    connectSeconds: 10,
    ...more,
  });

  /** The client's configuration from here to the end of the test; what is given stands before the usual lines and wins. */
  const configure = async (lines: readonly string[] = [], sshd: TestSshd = cluster.sshd) => {
    const usual = [
      `HostName ${sshd.host}`,
      `Port ${sshd.port}`,
      `User ${ada.name}`,
      `UserKnownHostsFile ${join(directory, 'ssh', 'known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
      'IdentityAgent none',
    ];
    const key = lines.some((line) => line.startsWith('IdentityFile')) ? [] : [`IdentityFile ${ada.privateKeyFile}`];
    await writeSshShim(join(directory, 'bin'), [
      `Host ${host}`,
      ...[...lines, ...usual, ...key].map((line) => `  ${line}`),
    ]);
    process.env['PATH'] = `${join(directory, 'bin')}:${usualPath}`;
  };
  const knownHosts = async (text: string) => {
    const file = join(directory, 'ssh', 'known_hosts');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return file;
  };
  const hostName = (sshd: TestSshd = cluster.sshd) => `[${sshd.host}]:${sshd.port}`;
  const trust = (sshd: TestSshd = cluster.sshd) => knownHosts(`${hostName(sshd)} ${sshd.hostPublicKey}\n`);

  const connect = async (context: RecordingContext = recordingContext(), more: Partial<Endpoint> = {}) => {
    const result = await openTransport('ssh2', endpoint(more), context);
    if (result.ok) open.push(result.value.transport);
    return result;
  };
  const says = async (result: Result<OpenTransport>, command: string) => {
    if (!result.ok) throw new Error(`no connection: ${JSON.stringify(result.failure)}`);
    const ran = await finish(await result.value.transport.spawn(command, { signal: never }), '');
    return ran.stdout.toString().trim();
  };
  const failure = (result: Result<OpenTransport>): Failure => {
    if (result.ok) throw new Error('it connected');
    return result.failure;
  };
  /** A server of its own, whose end the test need not care about. */
  const servers: TestSshd[] = [];
  afterAll(async () => {
    for (const sshd of servers) await stopSshd(sshd);
    await rm(base, { recursive: true });
  });
  const ownSshd = async (...extraLines: string[]) => {
    const sshd = await startSshd(join(directory, `sshd-${servers.length}`), {
      environment: { A: 'b' },
      extraLines: [...extraLines, `AllowUsers ${ada.name}`],
    });
    servers.push(sshd);
    return sshd;
  };

  transportContract('local', async () => ({
    directory: base,
    open: async () => opened(await openTransport('local', endpoint(), recordingContext())),
  }));

  transportContract('ssh2', async () => ({
    directory: ada.home,
    open: async () => {
      process.env['PATH'] = `${cluster.clientPathDir}:${usualPath}`;
      return opened(await openTransport('ssh2', endpoint(), recordingContext()));
    },
  }));

  transportContract('openssh', async () => ({
    directory: ada.home,
    hidesSomeEnds: true,
    open: async () => {
      process.env['PATH'] = `${cluster.clientPathDir}:${usualPath}`;
      return opened(await openTransport('openssh', endpoint(), recordingContext()));
    },
  }));

  describe('connecting by openssh', () => {
    /** What keeps the first command from starting, and what was learned from it. */
    const refused = async (more: Partial<Endpoint> = {}) => {
      const ends: LoginEnd[] = [];
      const brake = { holds: async () => null, learn: async (end: LoginEnd) => void ends.push(end) };
      const result = await openTransport('openssh', endpoint(more), recordingContext(), brake);
      open.push(opened(result));
      const reason: unknown = await opened(result)
        .spawn('true', { signal: never })
        .catch((error: unknown) => error);
      if (!(reason instanceof NeverStarted)) throw new Error('it started');
      const again: unknown = await opened(result)
        .spawn('true', { signal: never })
        .catch((error: unknown) => error);
      expect(again).toMatchObject({ failure: reason.failure });
      return { failure: reason.failure, ends };
    };

    it('asks nobody for an unknown host key, whatever the configuration allows', async () => {
      const sshd = await ownSshd();
      await configure(['StrictHostKeyChecking no'], sshd);
      const { failure, ends } = await refused();
      expect(failure).toMatchObject({
        kind: 'host-key-unknown',
        fingerprint: await fingerprintOf(sshd),
        hint: expect.stringContaining('glidein login campus'),
      });
      expect(ends).toEqual([]);
      expect(existsSync(join(directory, 'ssh', 'known_hosts'))).toBe(false);
    });

    it('names the line of a changed host key', async () => {
      await configure();
      const file = await knownHosts(
        `# a comment\n${hostName()} ${await newKey(join(directory, 'other'), 'ed25519')}\n`,
      );
      expect((await refused()).failure).toMatchObject({ kind: 'host-key-changed', known: `${file}:2` });
    });

    it('tells one try that was refused as that, and makes no second one', async () => {
      const sshd = await ownSshd();
      await newKey(join(directory, 'stranger'), 'ed25519');
      await configure([`IdentityFile ${join(directory, 'stranger')}`], sshd);
      await trust(sshd);
      const { failure, ends } = await refused();
      expect(failure).toMatchObject({
        kind: 'login-needed',
        site: 'campus',
        why: expect.stringContaining('publickey'),
      });
      expect(ends).toEqual([{ kind: 'refused', reason: expect.any(String), person: null }]);
      // One more than ours: who started the server looked whether it answers.
      expect((await readFile(sshd.logFile, 'utf8')).match(/^Connection from/gm)).toHaveLength(2);
    });

    it('tells what keeps it from a handshake, and a handshake that is dropped', async () => {
      await configure();
      const [closed = 0] = await freePorts(1);
      const nobody = await refused({ port: closed });
      expect(nobody).toMatchObject({ failure: { kind: 'unreachable', stage: 'connect' }, ends: [] });
      await configure(['HostName login.invalid']);
      expect(await refused()).toMatchObject({ failure: { kind: 'unreachable', stage: 'resolve' }, ends: [] });
      const sshd = await ownSshd('MaxStartups 1');
      await configure([], sshd);
      await trust(sshd);
      const waiting = await takePlace(sshd);
      const dropped = await refused();
      waiting.destroy();
      expect(dropped).toMatchObject({
        failure: { kind: 'unreachable', stage: 'handshake' },
        ends: [{ kind: 'dropped' }],
      });
    });

    it('gives up on a server that never says a word', async () => {
      const silent = createServer(() => {});
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const address = silent.address();
      await configure();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const before = performance.now();
      const { failure, ends } = await refused({ port, connectSeconds: 1 });
      silent.close();
      expect(failure).toMatchObject({
        kind: 'unreachable',
        stage: 'handshake',
        reason: expect.stringContaining('1 s'),
      });
      expect(ends).toMatchObject([{ kind: 'dropped' }]);
      expect(performance.now() - before).toBeLessThan(3000);
    });

    it('tells within two seconds that the server was killed, and starts nothing after that', async () => {
      const sshd = await ownSshd();
      await configure([], sshd);
      await trust(sshd);
      const transport = opened(await openTransport('openssh', endpoint(), recordingContext()));
      open.push(transport);
      const program = await transport.spawn('echo $PPID; exec sleep 30', { signal: never });
      const pid = await firstNumber(program);
      const before = performance.now();
      signalServer(pid, 'SIGKILL');
      expect((await program.exited).kind).toBe('lost');
      expect(performance.now() - before).toBeLessThan(2000);
      const reason: unknown = await transport.spawn('true', { signal: never }).catch((error: unknown) => error);
      expect(reason).toMatchObject({ failure: { kind: 'connection-lost' } });
    });

    it('tells by keepalive that the way there has gone silent', async () => {
      const relay = await startRelay(cluster.sshd.port);
      await configure([`Port ${relay.port}`, 'ServerAliveInterval 1', 'ServerAliveCountMax 2']);
      await knownHosts(`[${cluster.sshd.host}]:${relay.port} ${cluster.sshd.hostPublicKey}\n`);
      const transport = opened(await openTransport('openssh', endpoint(), recordingContext()));
      open.push(transport);
      const program = await transport.spawn('echo $PPID; exec sleep 30', { signal: never });
      const server = await firstNumber(program);
      relay.freeze();
      const before = performance.now();
      expect((await program.exited).kind).toBe('lost');
      expect(performance.now() - before).toBeLessThan(6000);
      const reason: unknown = await transport.spawn('true', { signal: never }).catch((error: unknown) => error);
      expect(reason).toMatchObject({ failure: { kind: 'connection-lost' } });
      signalServer(server, 'SIGKILL');
      await relay.close();
    });

    it('leaves no ssh behind, wherever it is interrupted', async () => {
      await configure();
      await trust();
      const before = resources();
      for (const milliseconds of [0, 5, 20, 50, 80, 120, 200, 400]) {
        const abort = new AbortController();
        const result = await openTransport('openssh', endpoint(), recordingContext({ signal: abort.signal }));
        const starting = opened(result).spawn('echo up; cat', { signal: abort.signal });
        if (milliseconds === 0) abort.abort();
        else setTimeout(() => abort.abort(), milliseconds);
        const end = await starting.then(
          (program) => program.exited,
          (reason: unknown) => reason,
        );
        if (end instanceof NeverStarted) expect(end.failure).toEqual({ kind: 'interrupted' });
        else expect(end).toMatchObject({ kind: 'lost' });
        await opened(result)[Symbol.asyncDispose]();
      }
      const left = async () => (await mustRun('ps', ['-eo', 'args'])).stdout.includes(`${socketDirectory()}/p-`);
      await waitUntil('no ssh is left', 3, async () => !(await left()));
      await waitUntil('nothing is left', 3, () => newSince(before).length === 0).catch(() => {});
      expect(newSince(before)).toEqual([]);
    });

    it('waits for a free session, and says that there is none', async () => {
      const sshd = await ownSshd('MaxSessions 1');
      await configure([], sshd);
      await trust(sshd);
      const transport = opened(await openTransport('openssh', endpoint(), recordingContext()));
      open.push(transport);
      const first = await transport.spawn('echo up; sleep 1', { signal: never });
      const second = await finish(await transport.spawn('echo second', { signal: never }), '');
      expect(second.stdout.toString()).toBe('second\n');
      await first.exited;
      const held = await transport.spawn('sleep 4', { signal: never });
      const full: unknown = await transport.spawn('true', { signal: never }).catch((error: unknown) => error);
      expect(full).toMatchObject({ isFull: true, failure: { kind: 'unreachable', stage: 'shell' } });
      await held.exited;
      // One more than ours: who started the server looked whether it answers.
      expect((await readFile(sshd.logFile, 'utf8')).match(/^Connection from/gm)).toHaveLength(2);
    });
  });

  describe('connecting by ssh2', () => {
    it('logs in as the configuration says, in two steps', async () => {
      await configure();
      await trust();
      const context = recordingContext();
      const result = await connect(context);
      expect(await says(result, 'id -un')).toBe(ada.name);
      expect(result.ok && result.value.transport.target).toBe(`${ada.name}@${cluster.sshd.host}:${cluster.sshd.port}`);
      expect(context.events.map((event) => (event.kind === 'step' ? event.step : event))).toEqual([
        'connect',
        'handshake',
      ]);
    });

    it('lets user, port and key of the profile win over the configuration', async () => {
      await configure(['User nobody', 'Port 9', 'IdentityFile /nonexistent/key']);
      await trust();
      const { port } = cluster.sshd;
      const result = await connect(recordingContext(), { user: ada.name, port, identityFile: ada.privateKeyFile });
      expect(await says(result, 'id -un')).toBe(ada.name);
    });

    it('takes plain values and says so where there is no ssh program', async () => {
      const bin = join(directory, 'only-keygen');
      await mkdir(bin);
      await symlink('/usr/bin/ssh-keygen', join(bin, 'ssh-keygen'));
      process.env['PATH'] = bin;
      const { port } = cluster.sshd;
      const context = recordingContext();
      const result = await connect(context, {
        host: '127.0.0.1',
        user: ada.name,
        port,
        identityFile: ada.privateKeyFile,
      });
      expect(failure(result)).toMatchObject({ kind: 'host-key-unknown', host: '127.0.0.1', port });
      expect(context.events).toContainEqual(expect.objectContaining({ kind: 'note' }));
    });

    it('refuses a ProxyCommand, and names the transport that has it, before it connects', async () => {
      await configure(['ProxyCommand nc %h %p']);
      const context = recordingContext();
      expect(failure(await connect(context))).toMatchObject({
        kind: 'unreachable',
        stage: 'configuration',
        hint: expect.stringContaining('connection.transport=openssh'),
      });
      expect(context.events).toEqual([]);
    });

    it('tells a mistake in the configuration in the words of ssh', async () => {
      await configure(['Bogus yes']);
      const result = failure(await connect());
      expect(result).toMatchObject({ kind: 'unreachable', stage: 'configuration' });
      expect(JSON.stringify(result)).toMatch(/line 2: Bad configuration option: bogus/);
    });

    it('names a key exchange that the server wants and we lack', async () => {
      const sshd = await ownSshd('KexAlgorithms sntrup761x25519-sha512@openssh.com');
      await configure([], sshd);
      await trust(sshd);
      const result = failure(await connect());
      expect(result).toMatchObject({ kind: 'unreachable', stage: 'handshake' });
      expect(JSON.stringify(result)).toContain('no key exchange algorithm in common');
      expect(result).toMatchObject({ hint: expect.stringContaining('connection.transport=openssh') });
    });

    it('says that a server dropped us when it takes no more connections', async () => {
      const sshd = await ownSshd('MaxStartups 1');
      await configure([], sshd);
      await trust(sshd);
      const waiting = await takePlace(sshd);
      const result = failure(await connect());
      waiting.destroy();
      expect(result).toMatchObject({ kind: 'unreachable', stage: 'handshake', hint: expect.stringContaining('Wait') });
    });
  });

  describe('host keys', () => {
    it('refuses an unknown one without a terminal, with the command to type, before any login', async () => {
      const sshd = await ownSshd();
      await configure(['StrictHostKeyChecking no'], sshd);
      const result = failure(await connect());
      expect(result).toMatchObject({
        kind: 'host-key-unknown',
        host: sshd.host,
        port: sshd.port,
        fingerprint: await fingerprintOf(sshd),
        hint: expect.stringContaining('ssh campus'),
      });
      expect(await readFile(sshd.logFile, 'utf8')).not.toMatch(/Accepted|Failed|publickey/);
    });

    it.each(['no', 'yes'])('asks for an unknown one and remembers it, hashed: %s', async (hash) => {
      await configure([`HashKnownHosts ${hash}`]);
      const context = recordingContext({ answers: ['yes'] });
      expect(await says(await connect(context), 'echo in')).toBe('in');
      expect(context.questions).toEqual([
        { hidden: false, text: expect.stringContaining(await fingerprintOf(cluster.sshd)) },
      ]);
      const file = join(directory, 'ssh', 'known_hosts');
      expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
      expect(readFileSync(file, 'utf8').startsWith('|1|')).toBe(hash === 'yes');
      expect((await connect()).ok).toBe(true);
      expect((await run('/usr/bin/ssh-keygen', ['-F', hostName(), '-f', file])).code).toBe(0);
    });

    it('adds a line of its own to a file that ends inside a line', async () => {
      await configure();
      const file = await knownHosts(`other.example.org ${cluster.sshd.hostPublicKey}`);
      expect((await connect(recordingContext({ answers: ['yes'] }))).ok).toBe(true);
      expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
      expect((await connect()).ok).toBe(true);
    });

    it('does not go on, nor write, when the answer is not yes', async () => {
      await configure();
      expect(failure(await connect(recordingContext({ answers: ['y'] })))).toMatchObject({ kind: 'host-key-unknown' });
      expect(existsSync(join(directory, 'ssh'))).toBe(false);
    });

    it('does not go on when the key cannot be written down', async () => {
      await writeFile(join(directory, 'file'), '');
      await configure([`UserKnownHostsFile ${join(directory, 'file', 'known_hosts')}`]);
      expect(failure(await connect(recordingContext({ answers: ['yes'] })))).toMatchObject({ kind: 'file-unusable' });
    });

    it('does not even ask under StrictHostKeyChecking yes', async () => {
      await configure(['StrictHostKeyChecking yes']);
      const context = recordingContext({ answers: ['yes'] });
      expect(failure(await connect(context))).toMatchObject({ kind: 'host-key-unknown' });
      expect(context.questions).toEqual([]);
    });

    it('never asks about a changed one, and names the line', async () => {
      await configure();
      const other = await newKey(join(directory, 'other'), 'ed25519');
      const file = await knownHosts(`# a comment\n${hostName()} ${other}\n`);
      const context = recordingContext({ answers: ['yes'] });
      expect(failure(await connect(context))).toMatchObject({
        kind: 'host-key-changed',
        known: `${file}:2`,
        fingerprint: await fingerprintOf(cluster.sshd),
        hint: expect.stringContaining('ssh-keygen -R'),
      });
      expect(context.questions).toEqual([]);
    });

    it('takes another kind of key than the known one for a changed key', async () => {
      await configure();
      await knownHosts(`${hostName()} ${await newKey(join(directory, 'other'), 'rsa')}\n`);
      expect(failure(await connect(recordingContext({ answers: ['yes'] })))).toMatchObject({
        kind: 'host-key-changed',
      });
    });

    it('finds a hashed entry', async () => {
      await configure();
      const file = await trust();
      await mustRun('/usr/bin/ssh-keygen', ['-q', '-H', '-f', file]);
      expect(readFileSync(file, 'utf8')).not.toContain(cluster.sshd.host);
      expect((await connect()).ok).toBe(true);
    });

    it.each(['rsa', 'ecdsa'])('asks a server with several keys for the one that is known: %s', async (type) => {
      const keyFile = join(directory, 'host-key');
      const key = await newKey(keyFile, type);
      const sshd = await ownSshd(`HostKey ${keyFile}`);
      await configure([], sshd);
      await knownHosts(`${hostName(sshd)} ${key}\n`);
      expect((await connect()).ok).toBe(true);
    });

    it('takes one right line among several wrong ones', async () => {
      await configure();
      const wrong = await newKey(join(directory, 'other'), 'ed25519');
      await knownHosts(`${hostName()} ${wrong}\n${hostName()} ${cluster.sshd.hostPublicKey}\n`);
      expect((await connect()).ok).toBe(true);
    });

    it('refuses a revoked one although it is also known', async () => {
      await configure();
      const line = `${hostName()} ${cluster.sshd.hostPublicKey}`;
      const file = await knownHosts(`${line}\n@revoked ${line}\n`);
      expect(failure(await connect())).toMatchObject({ kind: 'host-key-changed', known: `${file}:2` });
    });

    it('does not take an authority for a host key, and says so', async () => {
      await configure();
      await knownHosts(`@cert-authority ${hostName()} ${cluster.sshd.hostPublicKey}\n`);
      expect(failure(await connect())).toMatchObject({
        kind: 'host-key-unknown',
        hint: expect.stringContaining('@cert-authority'),
      });
    });

    it('knows a host by its alias, and by its name without the port', async () => {
      await configure(['HostKeyAlias Cluster']);
      await knownHosts(`cluster ${cluster.sshd.hostPublicKey}\n`);
      expect((await connect()).ok).toBe(true);
      await configure();
      await knownHosts(`${cluster.sshd.host} ${cluster.sshd.hostPublicKey}\n`);
      expect((await connect()).ok).toBe(true);
    });
  });

  describe('logging in', () => {
    /** A copy of ada's key behind a passphrase. */
    const lockedKey = async (...options: string[]) => {
      const file = join(directory, 'locked');
      await copyFile(ada.privateKeyFile, file);
      await mustRun('/usr/bin/ssh-keygen', ['-q', '-p', '-N', 'open sesame', ...options, '-f', file]);
      return file;
    };

    it('asks for a passphrase, hidden, again when it was wrong', async () => {
      await configure([`IdentityFile ${await lockedKey()}`]);
      await trust();
      const context = recordingContext({ answers: ['wrong', 'open sesame'] });
      expect((await connect(context)).ok).toBe(true);
      expect(context.questions.map(({ hidden }) => hidden)).toEqual([true, true]);
      expect(context.questions[0]?.text).toContain(join(directory, 'locked'));
    });

    it('asks for a passphrase three times at most', async () => {
      await configure([`IdentityFile ${await lockedKey()}`]);
      await trust();
      const context = recordingContext({ ask: async () => 'wrong' });
      expect(failure(await connect(context))).toMatchObject({ kind: 'unreachable', stage: 'login' });
      expect(context.questions).toHaveLength(3);
    });

    it('names the locked key and ssh-add without a terminal', async () => {
      const file = await lockedKey();
      await configure([`IdentityFile ${file}`]);
      await trust();
      expect(failure(await connect())).toMatchObject({
        kind: 'needs-terminal',
        what: expect.stringContaining(file),
        hint: expect.stringContaining(`ssh-add ${file}`),
      });
    });

    it('skips a locked key without a terminal where another one works', async () => {
      await configure([`IdentityFile ${await lockedKey()}`, `IdentityFile ${ada.privateKeyFile}`]);
      await trust();
      expect((await connect()).ok).toBe(true);
    });

    it('asks for no passphrase of a key that the server does not take', async () => {
      const file = join(directory, 'strange');
      await newKey(file, 'ed25519', 'secret');
      await configure([`IdentityFile ${file}`, `IdentityFile ${ada.privateKeyFile}`]);
      await trust();
      const context = recordingContext({ answers: [] });
      expect((await connect(context)).ok).toBe(true);
      expect(context.questions).toEqual([]);
    });

    it('does not count the time a person types', async () => {
      await configure([`IdentityFile ${await lockedKey()}`]);
      const ask = async ({ hidden }: { hidden: boolean }) => {
        await sleep(1300);
        return hidden ? 'open sesame' : 'yes';
      };
      const context = recordingContext({ ask });
      expect((await connect(context, { connectSeconds: 2 })).ok).toBe(true);
      expect(context.questions).toHaveLength(2);
    });

    it('logs in with RSA keys, by SHA-2', async () => {
      const file = join(directory, 'rsa');
      const authorized = join(directory, 'authorized_keys');
      await writeFile(authorized, `${await newKey(file, 'rsa')}\n`);
      const sshd = await ownSshd(
        'StrictModes no', // For a file below a directory that others may write.
        `AuthorizedKeysFile ${authorized}`,
        'PubkeyAcceptedAlgorithms rsa-sha2-256,rsa-sha2-512',
      );
      await configure([`IdentityFile ${file}`], sshd);
      await trust(sshd);
      expect((await connect()).ok).toBe(true);
    });

    it('says what was tried, once, when the server takes no key, and shows none', async () => {
      const sshd = await ownSshd();
      const file = join(directory, 'strange');
      await newKey(file, 'ed25519');
      const open = join(directory, 'open');
      await copyFile(ada.privateKeyFile, open);
      await chmod(open, 0o644);
      await configure([`IdentityFile ${file}`, `IdentityFile ${open}`, 'IdentityFile /nonexistent/key'], sshd);
      await trust(sshd);
      const result = failure(await connect());
      expect(result).toMatchObject({ kind: 'unreachable', stage: 'login', hint: 'Try: ssh campus' });
      const text = JSON.stringify(result);
      for (const part of [`tried: ${file}`, `chmod 600 ${open}`, '/nonexistent/key', 'the server offers: publickey']) {
        expect(text).toContain(part);
      }
      expect(text).not.toContain('AAAA');
      expect((await readFile(sshd.logFile, 'utf8')).match(/Connection from/g)?.length).toBe(2); // One is startSshd's.
    });

    it('says that a password is wanted when the server takes no keys at all', async () => {
      const sshd = await ownSshd('PubkeyAuthentication no', 'PasswordAuthentication yes');
      await configure([], sshd);
      await trust(sshd);
      expect(failure(await connect())).toMatchObject({
        kind: 'needs-terminal',
        what: expect.stringContaining(`the password for ${ada.name}`),
      });
    });

    it('says what is missing when the server wants more than a key', async () => {
      const sshd = await ownSshd('PasswordAuthentication yes', 'AuthenticationMethods publickey,password');
      await configure([], sshd);
      await trust(sshd);
      expect(failure(await connect())).toMatchObject({
        kind: 'needs-terminal',
        what: expect.stringContaining(`after ${ada.privateKeyFile}`),
      });
    });

    describe('with an agent', () => {
      let agent: { socket: string; pid: number };
      beforeEach(async () => {
        agent = await startAgent(join(directory, 'agent.sock'));
      });
      afterEach(() => {
        process.kill(agent.pid);
      });
      const add = (file: string) => mustRun('/usr/bin/ssh-add', ['-q', file], { env: { SSH_AUTH_SOCK: agent.socket } });

      it('uses its keys, without any file', async () => {
        await add(ada.privateKeyFile);
        await configure([`IdentityAgent ${agent.socket}`, 'IdentityFile none']);
        await trust();
        expect((await connect()).ok).toBe(true);
      });

      it('uses a locked file that it holds, and no other of its keys, under IdentitiesOnly', async () => {
        const sshd = await ownSshd();
        const other = join(directory, 'strange');
        await newKey(other, 'ed25519');
        await add(other);
        await add(ada.privateKeyFile);
        await configure(
          [`IdentityAgent ${agent.socket}`, 'IdentitiesOnly yes', `IdentityFile ${await lockedKey()}`],
          sshd,
        );
        await trust(sshd);
        expect((await connect()).ok).toBe(true);
        expect(await readFile(sshd.logFile, 'utf8')).not.toContain('Failed publickey');
      });

      it('does not hang on one that does not answer', async () => {
        const silent = createServer((socket) => socket.resume());
        const socket = join(directory, 'silent.sock');
        await new Promise<void>((resolve) => silent.listen(socket, resolve));
        await configure([`IdentityAgent ${socket}`]);
        await trust();
        const before = performance.now();
        expect(failure(await connect(recordingContext(), { connectSeconds: 1 }))).toMatchObject({
          kind: 'unreachable',
        });
        expect(performance.now() - before).toBeLessThan(2000);
        await closeServer(silent);
      });

      it('goes on without one that is gone', async () => {
        await configure([`IdentityAgent ${join(directory, 'gone.sock')}`]);
        await trust();
        expect((await connect()).ok).toBe(true);
      });
    });
  });

  describe('running', () => {
    const spawnOn = (result: Result<OpenTransport>, command: string) =>
      opened(result).spawn(command, { signal: never });

    it('tells by keepalive that the way there has gone silent', async () => {
      const relay = await startRelay(cluster.sshd.port);
      await configure([`Port ${relay.port}`, 'ServerAliveInterval 1', 'ServerAliveCountMax 2']);
      await knownHosts(`[${cluster.sshd.host}]:${relay.port} ${cluster.sshd.hostPublicKey}\n`);
      const result = await connect();
      const program = await spawnOn(result, 'echo $PPID; exec sleep 30');
      const server = await firstNumber(program);
      expect(opened(result).isOpen?.()).toBe(true);
      relay.freeze();
      const before = performance.now();
      expect((await program.exited).kind).toBe('lost');
      expect(performance.now() - before).toBeLessThan(5000);
      expect(opened(result).isOpen?.()).toBe(false);
      signalServer(server, 'SIGKILL');
      await relay.close();
    });

    it('waits for a free session where the server has few', async () => {
      const sshd = await ownSshd('MaxSessions 1');
      await configure([], sshd);
      await trust(sshd);
      const result = await connect();
      const first = await spawnOn(result, 'sleep 0.5');
      const second = await spawnOn(result, 'exit 7');
      expect(await first.exited).toEqual({ kind: 'exited', code: 0 });
      expect(await second.exited).toEqual({ kind: 'exited', code: 7 });
    });

    it('says that the command never started when no session comes free', async () => {
      const sshd = await ownSshd('MaxSessions 1');
      await configure([], sshd);
      await trust(sshd);
      const result = await connect();
      await spawnOn(result, 'sleep 30');
      const refused = await spawnOn(result, 'true').catch((reason: unknown) => reason);
      expect(refused).toBeInstanceOf(NeverStarted);
      expect(refused).toMatchObject({ failure: { kind: 'unreachable', stage: 'shell' } });
    });

    it('tells within a second that a program is lost when its server is killed', async () => {
      await configure();
      await trust();
      const result = await connect();
      const program = await spawnOn(result, 'echo $PPID; exec sleep 30');
      const server = await firstNumber(program);
      const blocked = new Promise((resolve) => program.stdin.write(Buffer.alloc(8_000_000), resolve));
      const before = performance.now();
      signalServer(server, 'SIGKILL');
      expect((await finish(program, '')).exit.kind).toBe('lost');
      await blocked;
      expect(performance.now() - before).toBeLessThan(1000);
      const refused = await spawnOn(result, 'true').catch((reason: unknown) => reason);
      expect(refused).toMatchObject({ failure: { kind: 'connection-lost' } });
    });

    it('neither starts nor ends later than asked when the server is frozen', async () => {
      await configure();
      await trust();
      const result = await connect();
      const program = await spawnOn(result, 'echo $PPID; exec sleep 30');
      const server = await firstNumber(program);
      signalServer(server, 'SIGSTOP');
      const before = performance.now();
      const starting = await opened(result).spawn('true', { signal: AbortSignal.timeout(200) });
      expect((await starting.exited).kind).toBe('lost');
      expect(performance.now() - before).toBeLessThan(1000);
      await opened(result)[Symbol.asyncDispose]();
      expect(performance.now() - before).toBeLessThan(4000);
      expect((await program.exited).kind).toBe('lost');
      signalServer(server, 'SIGCONT');
    });
  });

  describe('giving up', () => {
    let listener: Server;
    const sockets = new Set<Socket>();
    beforeAll(async () => {
      listener = createServer((socket) => sockets.add(socket.on('error', () => {})));
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => closeServer(listener, sockets));
    const port = () => {
      const address = listener.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    };

    it('gives a server that never speaks no longer than connectSeconds', async () => {
      await configure();
      const before = performance.now();
      const result = failure(await connect(recordingContext(), { port: port(), connectSeconds: 1 }));
      expect(result).toMatchObject({ kind: 'unreachable', stage: 'handshake', reason: expect.stringContaining('1 s') });
      expect(performance.now() - before).toBeLessThan(1800);
    });

    it('says that nothing listens', async () => {
      await configure();
      const [closed = 0] = await freePorts(1);
      const result = failure(await connect(recordingContext(), { port: closed }));
      expect(result).toMatchObject({
        kind: 'unreachable',
        stage: 'connect',
        reason: expect.stringContaining('refused'),
      });
    });

    it('says that a name does not resolve', async () => {
      await configure(['HostName login.invalid']);
      expect(failure(await connect())).toMatchObject({ kind: 'unreachable', stage: 'resolve' });
    });

    it('leaves nothing behind that keeps the process, wherever it is interrupted', async () => {
      await configure();
      await trust();
      const before = resources();
      for (const milliseconds of [0, 2, 5, 10, 20, 40, 60, 80, 120]) {
        const abort = new AbortController();
        const context = recordingContext({ signal: abort.signal });
        const connecting = connect(context);
        if (milliseconds === 0) abort.abort();
        else setTimeout(() => abort.abort(), milliseconds);
        const result = await connecting;
        if (result.ok) await open.pop()?.[Symbol.asyncDispose]();
        else expect(result.failure).toEqual({ kind: 'interrupted' });
      }
      await waitUntil('nothing is left', 3, () => newSince(before).length === 0).catch(() => {});
      expect(newSince(before)).toEqual([]);
    });

    it('leaves nothing behind after an interrupt while a person is asked, and while the server is silent', async () => {
      await configure();
      const before = resources();
      const asked = new AbortController();
      const ask = async () => {
        asked.abort();
        return null;
      };
      expect(failure(await connect(recordingContext({ ask, signal: asked.signal })))).toEqual({ kind: 'interrupted' });
      const silent = new AbortController();
      const connecting = connect(recordingContext({ signal: silent.signal }), { port: port() });
      await sleep(200);
      silent.abort();
      expect(failure(await connecting)).toEqual({ kind: 'interrupted' });
      for (const socket of sockets) socket.destroy();
      await waitUntil('nothing is left', 3, () => newSince(before).length === 0).catch(() => {});
      expect(newSince(before)).toEqual([]);
    });
  });
});

function opened(result: Result<OpenTransport>): Transport {
  if (!result.ok) throw new Error(`no connection: ${JSON.stringify(result.failure)}`);
  return result.value.transport;
}

/** What keeps this process alive: sockets, children, timers. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /Wrap$|^Timeout$|^GetAddrInfo/.test(name));
}

function newSince(before: readonly string[]): string[] {
  const known = [...before];
  return resources().filter((name) => {
    const at = known.indexOf(name);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}

/** A new key pair; answers the public half as `known_hosts` has it. */
async function newKey(file: string, type: string, passphrase = ''): Promise<string> {
  await mustRun('/usr/bin/ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', '', '-f', file]);
  return (await readFile(`${file}.pub`, 'utf8')).trim();
}

async function fingerprintOf(sshd: TestSshd): Promise<string> {
  const { stdout } = await mustRun('/usr/bin/ssh-keygen', ['-l', '-f', sshd.hostKeyFile]);
  return stdout.split(' ')[1] ?? '';
}

async function startAgent(socket: string): Promise<{ socket: string; pid: number }> {
  const child = spawn('/usr/bin/ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  await waitUntil('the agent listens', 5, () => existsSync(socket));
  return { socket, pid: child.pid ?? 0 };
}

function firstNumber(program: RemoteProcess): Promise<number> {
  return new Promise((resolve) => program.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))));
}

/** Signals the process that serves a session of the test's own sshd, and the one above it that watches it. */
function signalServer(pid: number, signal: NodeJS.Signals): void {
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  for (const one of [parent, pid]) process.kill(one, signal);
}

/** Takes one of the server's places for who has not logged in; whoever had it a moment ago may still be counted. */
async function takePlace(sshd: TestSshd): Promise<Socket> {
  for (;;) {
    const socket = new Socket().connect(sshd.port, sshd.host);
    const greeting = await new Promise<string>((resolve) => {
      socket.once('data', (data: Buffer) => resolve(data.toString()));
      socket.once('close', () => resolve(''));
    });
    if (greeting.startsWith('SSH-')) return socket;
    socket.destroy();
    await sleep(50);
  }
}

function closeServer(server: Server, sockets: Iterable<Socket> = []): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}
