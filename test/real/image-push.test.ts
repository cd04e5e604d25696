import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { segmentBytes } from '../../src/login/segment-plan.ts';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster, type TestSshd, type TestUser } from '../support/cluster.ts';
import { loops } from '../support/loops.ts';
import { mustRun } from '../support/run-program.ts';
import { cancelAllJobs } from '../support/slurm-jobs.ts';
import { writeSshShim } from '../support/ssh-shim.ts';
import { startSshd, stopSshd } from '../support/sshd.ts';
import { startRelay, type TcpRelay } from '../support/tcp-relay.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const bytes = 8 * segmentBytes + 4321;
const seed = Number(process.env['GLIDEIN_TEST_SEED'] ?? Date.now() % 1e9);
/** What four channels hold that the far side has not taken yet: the server grants each 2 MiB of window. */
const underWay = 4 * 2 * 1024 * 1024;

interface Pushed {
  code: number;
  stderr: string;
  state: string;
  sentBytes: number;
  keptBytes: number;
}

describeOnCluster('an image, pushed over real SSH', (cluster) => {
  const { ada } = cluster.users;
  let directory: string;
  let image: string;
  let content: Buffer;
  let made: Campus[] = [];
  let relays: TcpRelay[] = [];
  let servers: TestSshd[] = [];
  let mounts: string[] = [];
  beforeEach(() => {
    [made, relays, servers, mounts] = [[], [], [], []];
    directory = mkdtempSync(join(cluster.prefix, 'push-'));
    chmodSync(directory, 0o755);
    content = imageBytes();
    image = join(directory, 'pilot.sif');
    writeFileSync(image, content);
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    for (const one of made) one.remove();
    for (const one of relays) await one.close();
    for (const one of servers) await stopSshd(one);
    for (const one of mounts) await mustRun('umount', ['-l', one]);
    for (const user of Object.values(cluster.users)) clearRemote(user);
    rmSync(directory, { recursive: true, force: true });
  });

  const name = () => `${createHash('sha256').update(content).digest('hex')}.sif`;

  /** A site whose `ssh` goes to this server or relay. */
  async function site(more: { port?: number; server?: TestSshd; user?: TestUser; transport?: string } = {}) {
    const { port, server = cluster.sshd, user = ada, transport = 'ssh2' } = more;
    const at = mkdtempSync(join(directory, 'site-'));
    chmodSync(at, 0o755);
    const knownHosts = join(at, 'known_hosts');
    writeFileSync(knownHosts, `[127.0.0.1]:${port ?? server.port} ${server.hostPublicKey}\n`);
    await writeSshShim(join(at, 'bin'), [
      'Host campus',
      ...['  HostName 127.0.0.1', `  Port ${port ?? server.port}`, `  User ${user.name}`],
      ...[`  IdentityFile ${user.privateKeyFile}`, '  IdentitiesOnly yes'],
      ...[`  UserKnownHostsFile ${knownHosts}`, '  GlobalKnownHostsFile /dev/null'],
    ]);
    const here = await campus(cluster, 1, { user });
    made.push(here);
    await here.set(`image.source=${image}`, `connection.transport=${transport}`);
    const env = { ...here.env, PATH: `${join(at, 'bin')}:${process.env['PATH']}` };
    const place = (...names: string[]) => join(here.remoteDir, 'images', ...names);
    const push = async (): Promise<Pushed> => {
      rmSync(join(here.configDir, 'logins'), { recursive: true, force: true });
      const { code, stdout, stderr } = await here.glidein(['image', 'push', 'campus', '--json'], { env });
      const [first] = (JSON.parse(stdout || '{}') as { sites?: Omit<Pushed, 'code' | 'stderr'>[] }).sites ?? [];
      return { state: 'none', sentBytes: 0, keptBytes: 0, ...first, code, stderr };
    };
    return { here, env, place, push };
  }
  type Site = Awaited<ReturnType<typeof site>>;

  function isWholeAt(place: Site['place']): void {
    expect(readdirSync(place())).toEqual([name()]);
    expect(readFileSync(place(name())).equals(content)).toBe(true);
  }

  it.each(['ssh2', 'openssh'])('by %s is there whole, private, and is not sent twice', async (transport) => {
    const { push, place } = await site({ transport });
    const first = await push();
    expect(first, first.stderr).toMatchObject({ code: 0, state: 'sent', sentBytes: bytes, keptBytes: 0 });
    isWholeAt(place);
    expect(statSync(place(name())).mode & 0o777).toBe(0o600);
    expect(await push()).toMatchObject({ code: 0, state: 'there', sentBytes: 0 });
  });

  it.each(['dash', 'tcsh', 'fish'] as const)('arrives where the login shell is %s', async (nick) => {
    const { push, place } = await site({ user: cluster.users[nick] });
    expect(await push()).toMatchObject({ code: 0, state: 'sent' });
    isWholeAt(place);
  });

  it('is shipped by the first pass that needs it, whose job names it by its content', async () => {
    const { here, env, place } = await site();
    const planned = await here.glidein(['top-up', 'campus', '--dry-run', '--json'], { env });
    const path = `~/.glidein/campus/images/${name()}`;
    expect(JSON.parse(planned.stdout).sites[0].planned.ship).toEqual([{ source: image, path, bytes }]);
    expect(await here.site(['top-up', 'campus'], { env })).toMatchObject({ code: 0, submitted: 1 });
    isWholeAt(place);
    const [script = ''] = readdirSync(join(here.remoteDir, 'jobs')).filter((one) => one.endsWith('.sh'));
    expect(readFileSync(join(here.remoteDir, 'jobs', script), 'utf8')).toContain(name());
    await here.set('target=2');
    const again = await here.glidein(['top-up', 'campus', '--verbose'], { env });
    expect(again.stderr).not.toContain('step ship');
    expect(again.code).toBe(0);
  });

  const rounds = loops({ usual: 2, full: 15 });
  it(`is the same however it is cut, and little of it goes twice (${rounds} each, seed ${seed})`, async () => {
    const relay = await startRelay(cluster.sshd.port);
    relays.push(relay);
    const { push, place, env } = await site({ port: relay.port });
    const twice: string[] = [];
    const anywhere = fc.sample(fc.noBias(fc.double({ min: 0.02, max: 0.95, noNaN: true })), {
      numRuns: 3 * rounds,
      seed,
    });
    for (const [turn, share] of anywhere.entries()) {
      rmSync(place(), { recursive: true, force: true });
      const at = Math.floor(share * bytes);
      const how = (['connection', 'client', 'far side'] as const)[turn % 3] ?? 'client';
      const isCut = await cut(how, at, { relay, push, env });
      const sent = relay.bytes();
      const then = await push();
      const where = `${how} at ${at}, seed ${seed}: ${then.stderr}`;
      expect(then.code, where).toBe(0);
      isWholeAt(place);
      if (!isCut || then.state === 'there') {
        twice.push(`${how}: none (it went on by itself)`);
        continue;
      }
      expect(then.keptBytes + then.sentBytes, where).toBe(bytes);
      const again = sent - then.keptBytes;
      expect(again, where).toBeLessThanOrEqual(4 * segmentBytes + underWay + 4_000_000);
      twice.push(`${how}: ${(again / 1e6).toFixed(1)} MB at ${(at / 1e6).toFixed(0)}`);
    }
    console.log(`sent twice of ${(bytes / 1e6).toFixed(0)} MB, seed ${seed}: ${twice.join(' · ')}`);
    expect(twice.some((one) => !one.includes('none'))).toBe(true);
  }, 3_600_000);

  /** False where the push went on by itself. */
  async function cut(
    how: 'connection' | 'client' | 'far side',
    at: number,
    { relay, push, env }: { relay: TcpRelay; push: Site['push']; env: NodeJS.ProcessEnv },
  ): Promise<boolean> {
    if (how === 'connection') {
      relay.cutAfter(at);
      return (await push()).code !== 0;
    }
    const before = relay.connections();
    const child = spawn(process.execPath, [program, 'image', 'push', 'campus'], { env, stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
    await waitUntil('so much is sent', 60, async () => {
      return child.exitCode !== null || (relay.connections() > before && relay.bytes() >= at);
    });
    if (how === 'client') child.kill('SIGKILL');
    else await killOneThere(at);
    return (await ended) !== 0;
  }

  async function killOneThere(pick: number): Promise<void> {
    const { stdout } = await mustRun('ps', ['-u', ada.name, '-o', 'pid=,args=']);
    const ours = stdout.split('\n').filter((line) => /\.journal|dd of=/.test(line) || / -c umask 077/.test(line));
    const [pid] = (ours[pick % Math.max(1, ours.length)] ?? '').trim().split(/\s+/);
    if (pid !== undefined && pid !== '') process.kill(Number(pid), 'SIGKILL');
  }

  it('finds what was spoilt while it lay there half, and sends that again', async () => {
    const relay = await startRelay(cluster.sshd.port);
    relays.push(relay);
    const { push, place } = await site({ port: relay.port });
    relay.cutAfter(6 * segmentBytes);
    expect((await push()).code).toBe(3);
    const part = openSync(place(`${name()}.part`), 'r+');
    const [, done = ''] = /^done (\d+) \.$/m.exec(readFileSync(place(`${name()}.journal`), 'utf8')) ?? [];
    writeSync(part, Buffer.from('spoilt'), 0, 6, Number(done) * segmentBytes + 17);
    const then = await push();
    expect(then, then.stderr).toMatchObject({ code: 0, state: 'sent' });
    expect(then.keptBytes + then.sentBytes).toBe(bytes + segmentBytes);
    isWholeAt(place);
  });

  it('of two at once is sent by one, and both succeed', async () => {
    const [one, other] = [await site(), await site({ transport: 'openssh' })];
    const both = await Promise.all([one.push(), other.push()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.map(({ state }) => state).sort()).toEqual(['sent', 'there']);
    expect(both.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBe(bytes);
    isWholeAt(one.place);
  });

  it.each([1, 2, 3])('arrives where the server lets in so many sessions: %i', async (sessions) => {
    const server = await startSshd(join(directory, 'sshd'), {
      environment: { SLURM_CONF: cluster.slurmConf },
      extraLines: [`MaxSessions ${sessions}`],
    });
    servers.push(server);
    for (const transport of ['ssh2', 'openssh']) {
      const { push, place } = await site({ server, transport });
      const pushed = await push();
      expect(pushed, pushed.stderr).toMatchObject({ code: 0, state: 'sent', sentBytes: bytes });
      isWholeAt(place);
      rmSync(place(), { recursive: true });
    }
  });

  it.each([
    ['busybox’s dd', 'exec busybox dd "$@"'],
    ['a dd that knows what POSIX has', 'case "$*" in *flag=*|*status=*) exit 1 ;; esac; exec /bin/dd "$@"'],
  ])('arrives, and is gone on with, where there is only %s', async (_, script) => {
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    chmodSync(bin, 0o755);
    writeFileSync(join(bin, 'dd'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const server = await startSshd(join(directory, 'sshd'), {
      environment: { SLURM_CONF: cluster.slurmConf, PATH: `${bin}:/usr/local/bin:/usr/bin:/bin` },
    });
    servers.push(server);
    const relay = await startRelay(server.port);
    relays.push(relay);
    const { push, place } = await site({ server, port: relay.port });
    relay.cutAfter(5 * segmentBytes);
    expect((await push()).code).toBe(3);
    const then = await push();
    expect(then, then.stderr).toMatchObject({ code: 0, state: 'sent' });
    expect(then.keptBytes).toBeGreaterThan(0);
    expect(then.keptBytes + then.sentBytes).toBe(bytes);
    isWholeAt(place);
  });

  it('says so when the disk is full, before or halfway, and leaves the old image and the room', async () => {
    const disk = join(directory, 'disk');
    mkdirSync(disk);
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${bytes + 12_000_000},mode=755,uid=${ada.uid}`, 'tmpfs', disk]);
    mounts.push(disk);
    const relay = await startRelay(cluster.sshd.port);
    relays.push(relay);
    const { push, here } = await site({ port: relay.port });
    await here.set(`image.dir=${disk}`);
    const old = join(disk, `${'0'.repeat(64)}.sif`);
    writeFileSync(old, 'the old image');
    chownSync(old, ada.uid, ada.gid);
    const filling = waitUntil('it is under way', 60, async () => relay.bytes() > segmentBytes).then(() =>
      writeFileSync(join(disk, 'filled'), Buffer.alloc(40_000_000)),
    );
    const halfway = await push();
    await filling;
    expect(halfway.code, halfway.stderr).toBe(3);
    expect(halfway.stderr).toMatch(/the image cannot be written to .*disk.*No space left on device/);
    expect(readFileSync(old, 'utf8')).toBe('the old image');
    expect(readdirSync(disk).filter((one) => one.includes('.part'))).toEqual([]);
    const before = await push();
    expect(before.code).toBe(3);
    expect(before.stderr).toContain('MB left');
    rmSync(join(disk, 'filled'));
    expect(await push()).toMatchObject({ code: 0, state: 'sent' });
    expect(existsSync(old)).toBe(true);
  });

  it('takes old images away that no job names, and keeps the last two', async () => {
    const { here, env, push, place } = await site();
    const names: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      content = imageBytes(round + 1, 100_000);
      writeFileSync(image, content);
      names.push(name());
      if (round === 0) expect(await here.site(['top-up', 'campus'], { env })).toMatchObject({ submitted: 1 });
      else expect(await push()).toMatchObject({ code: 0, state: 'sent' });
      // Which is the newest is told by whole seconds.
      await sleep(1100);
    }
    const [named, , third, last] = names;
    expect(readdirSync(place()).sort()).toEqual([named, third, last].sort());
  });
});

/** What begins as a SIF does, and then cannot be made smaller. */
function imageBytes(salt = 0, size = bytes): Buffer {
  const all = Buffer.alloc(size);
  for (let at = 64; at + 4 <= size; at += 4) all.writeUInt32LE(Math.imul(at + salt, 2_654_435_761) >>> 0, at);
  all.write('#!/usr/bin/env run-singularity\n', 0);
  all.write('SIF_MAGIC', 32);
  return all;
}
