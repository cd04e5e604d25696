import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { segmentBytes } from '../../src/login/segment-plan.ts';
import { deliverInSegments, type SegmentedDelivery } from '../../src/login/segmented-delivery.ts';
import { NeverStarted, type Transport } from '../../src/transports/transport.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';
import { waitUntil } from '../support/wait-until.ts';

let home: string;
let sources: string;
let large: Buffer;
beforeAll(() => {
  sources = mkdtempSync(join(tmpdir(), 'glidein-segments-from-'));
  large = Buffer.alloc(4 * segmentBytes + 12_345);
  for (let at = 0; at + 4 <= large.length; at += 4) large.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  writeFileSync(join(sources, 'large'), large);
});
afterAll(() => rmSync(sources, { recursive: true, force: true }));
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-segments-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const there = (...names: string[]) => join(home, "place's $own", ...names);
const directory = "~/place's $own";

function delivery(more: Partial<SegmentedDelivery> = {}): SegmentedDelivery {
  const digest = createHash('sha256').update(large).digest('hex');
  return {
    ...{ site: 'campus', what: 'the image', source: join(sources, 'large'), directory, isFixed: false },
    ...{ name: `${digest}.sif`, digest, bytes: large.length, ...more },
  };
}

function loginHost({ shell = '/bin/sh', shims = {} }: { shell?: string; shims?: Record<string, string> } = {}) {
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const [name, script] of Object.entries(shims)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return shellTransport({ shell, env: { HOME: home, PATH: `${bin}:${process.env['PATH']}` } });
}

/** Delivers until so many segments are there, and is then cut: nobody says good-bye. */
async function cutAfter(transport: Transport, segments: number, sent = delivery()) {
  const cut = new AbortController();
  const delivering = deliverInSegments(transport, sent, quietContext(cut.signal));
  await waitUntil('some segments are there', 20, async () => {
    if (!existsSync(there(`${sent.name}.journal`))) return false;
    const lines = readFileSync(there(`${sent.name}.journal`), 'utf8').split('\n');
    const done = lines.filter((line) => line.startsWith('done ')).length;
    return done >= segments || (segments === 0 && lines.length > 1);
  });
  cut.abort();
  expect(await delivering).toMatchObject({ ok: false, failure: { kind: 'interrupted' } });
}

const whole = { kind: 'sent', sentBytes: 4 * segmentBytes + 12_345, keptBytes: 0, repairedBytes: 0 };
/** Of its five segments the first two come at once. */
const slowDisk = {
  dd: 'case "$*" in *seek=16777216\\ *|*seek=25165824\\ *|*seek=33554432\\ *) sleep 2 ;; esac; exec /bin/dd "$@"',
};

function isWholeThere(sent = delivery()) {
  expect(readFileSync(there(sent.name)).equals(large)).toBe(true);
  expect(readdirSync(there())).toEqual([sent.name]);
}

const shells = ['/bin/sh', '/bin/bash', '/bin/dash', '/usr/bin/tcsh', '/usr/bin/fish', '/usr/bin/ksh'].filter((shell) =>
  existsSync(shell),
);

it.each(shells)('arrives whole under %s, private, and nothing else is left', async (shell) => {
  const sent = delivery();
  expect(await deliverInSegments(loginHost({ shell }), sent, quietContext())).toEqual({ ok: true, value: whole });
  isWholeThere();
  expect(statSync(there(sent.name)).mode & 0o777).toBe(0o600);
  expect(statSync(there()).mode & 0o777).toBe(0o700);
});

it.each([1, segmentBytes, segmentBytes + 1])('arrives with %i bytes', async (bytes) => {
  const source = join(sources, `small-${bytes}`);
  writeFileSync(source, large.subarray(0, bytes));
  const digest = createHash('sha256').update(large.subarray(0, bytes)).digest('hex');
  const small = delivery({ source, bytes, digest, name: `${digest}.sif` });
  expect(await deliverInSegments(loginHost(), small, quietContext())).toMatchObject({ value: { sentBytes: bytes } });
  expect(readFileSync(there(small.name)).equals(large.subarray(0, bytes))).toBe(true);
});

it('is not sent again when it is there', async () => {
  mkdirSync(there());
  writeFileSync(there(delivery().name), 'there it is');
  const again = await deliverInSegments(loginHost(), delivery(), quietContext());
  expect(again).toEqual({ ok: true, value: { ...whole, kind: 'there', sentBytes: 0 } });
  expect(readFileSync(there(delivery().name), 'utf8')).toBe('there it is');
});

it('is not eaten by a start-up file that reads stdin and prints what it read', async () => {
  writeFileSync(join(home, '.bashrc'), 'read -r line; echo "got $line"\n');
  const env = { HOME: home, SSH_CLIENT: '127.0.0.1 1 2', SHLVL: '0' };
  const transport = shellTransport({ shell: '/bin/bash', env });
  expect(await deliverInSegments(transport, delivery(), quietContext())).toMatchObject({ ok: true });
  isWholeThere();
});

it('goes on where it was cut, and a job never sees the half of it', async () => {
  await cutAfter(loginHost({ shims: slowDisk }), 2);
  expect(existsSync(there(delivery().name))).toBe(false);
  const then = await deliverInSegments(loginHost(), delivery(), quietContext());
  expect(then).toMatchObject({ ok: true, value: { kind: 'sent', repairedBytes: 0 } });
  if (!then.ok) return;
  const { keptBytes, sentBytes } = then.value;
  expect(keptBytes).toBeGreaterThanOrEqual(2 * segmentBytes - 12_345);
  expect(keptBytes + sentBytes).toBe(large.length);
  isWholeThere();
});

it('finds a segment that was spoilt meanwhile, and sends that one again', async () => {
  await cutAfter(loginHost({ shims: slowDisk }), 2);
  const part = openSync(there(`${delivery().name}.part`), 'r+');
  writeSync(part, Buffer.from('spoilt'), 0, 6, 4711);
  const then = await deliverInSegments(loginHost(), delivery(), quietContext());
  expect(then).toMatchObject({ ok: true, value: { kind: 'sent', repairedBytes: segmentBytes } });
  isWholeThere();
});

it('begins anew where only half of what is needed to go on is there', async () => {
  mkdirSync(there());
  writeFileSync(there(`${delivery().name}.part`), 'of old');
  writeFileSync(there(`${delivery().name}.journal`), `segments 4096 ${large.length} .\ndone 0 .\n`);
  expect(await deliverInSegments(loginHost(), delivery(), quietContext())).toEqual({ ok: true, value: whole });
  isWholeThere();
});

it('that is not what it should be is not stored, and the file here is named', async () => {
  const source = join(sources, 'other');
  writeFileSync(source, Buffer.concat([large.subarray(1), Buffer.from('x')]));
  const reason = 'it was changed while it was being sent; try again';
  expect(await deliverInSegments(loginHost(), delivery({ source }), quietContext())).toEqual({
    ok: false,
    failure: { kind: 'file-unusable', file: source, reason },
  });
  const short = delivery({ source, bytes: large.length + 1 });
  expect(await deliverInSegments(loginHost(), short, quietContext())).toMatchObject({ failure: { reason } });
  expect(existsSync(there(delivery().name))).toBe(false);
});

const posixDd = 'case "$*" in *flag=*) echo "dd: unknown operand" >&2; exit 1 ;; esac; exec /bin/dd "$@"';

it('goes in one stream where dd cannot write at an offset, and that is gone on with, too', async () => {
  const shims = { dd: posixDd };
  expect(await deliverInSegments(loginHost({ shims }), delivery(), quietContext())).toEqual({ ok: true, value: whole });
  isWholeThere();
  rmSync(there(), { recursive: true });
  mkdirSync(there());
  writeFileSync(there(`${delivery().name}.journal`), `appended ${segmentBytes} ${large.length} .\n`);
  writeFileSync(there(`${delivery().name}.part`), large.subarray(0, 2 * segmentBytes + 99));
  const then = await deliverInSegments(loginHost({ shims }), delivery(), quietContext());
  expect(then).toMatchObject({ value: { keptBytes: 2 * segmentBytes, sentBytes: 2 * segmentBytes + 12_345 } });
  isWholeThere();
});

it('in one stream notices what was spoilt, and keeps none of it', async () => {
  mkdirSync(there());
  writeFileSync(there(`${delivery().name}.journal`), `appended ${segmentBytes} ${large.length} .\n`);
  writeFileSync(there(`${delivery().name}.part`), Buffer.alloc(segmentBytes, 7));
  const path = `${directory}/${delivery().name}`;
  expect(await deliverInSegments(loginHost({ shims: { dd: posixDd } }), delivery(), quietContext())).toEqual({
    ok: false,
    failure: { kind: 'delivery-broken', site: 'campus', what: 'the image', path },
  });
  expect(readdirSync(there()).filter((name) => !name.endsWith('.lock'))).toEqual([]);
});

it.each([
  ['sha256sum, where openssl is not there', { openssl: 'exit 127' }],
  ['sha256sum, where openssl does not do it', { openssl: 'echo nonsense' }],
])('is checked by %s', async (_, shims) => {
  expect(await deliverInSegments(loginHost({ shims }), delivery(), quietContext())).toMatchObject({ ok: true });
  isWholeThere();
});

const header = 'Filesystem 1024-blocks Used Available Capacity Mounted on';
const disk = (kilobytes: number) => `echo '${header}'; echo '/dev/sda1 900000 88000 ${kilobytes} 98% /mnt/disk 2'`;

it.each([
  ['the disk', { df: disk(2000) }, 2000],
  ['the quota', { df: disk(900_000), quota: "echo '/dev/sda1 9000 10000 10000 10 0 0'" }, 1000],
])('that finds too little room, by %s, is not sent at all', async (_, shims, kilobytes) => {
  expect(await deliverInSegments(loginHost({ shims }), delivery(), quietContext())).toEqual({
    ok: false,
    failure: {
      ...{ kind: 'no-space', site: 'campus', what: 'the image', directory },
      ...{ neededBytes: large.length, freeBytes: kilobytes * 1024 },
    },
  });
});

it('whose disk is full halfway is a failure in the words of the host, and leaves the disk as it was', async () => {
  mkdirSync(there());
  writeFileSync(there('old.sif'), 'the old image');
  const full = 'dd: error writing: Disk quota exceeded';
  const shims = {
    dd: `case "$*" in *.try*|*if=*|*seek=0\\ *) exec /bin/dd "$@" ;; esac; head -c 99999 >/dev/null; echo '${full}' >&2; exit 1`,
  };
  expect(await deliverInSegments(loginHost({ shims }), delivery(), quietContext())).toMatchObject({
    ok: false,
    failure: { kind: 'login-host-unusable', said: expect.stringContaining(full) },
  });
  expect(readdirSync(there()).filter((name) => !name.endsWith('.lock'))).toEqual(['old.sif']);
});

it.each([
  ['flock', {}],
  ['a directory, where the file system has no flock', { flock: 'exit 66' }],
])('of two at once one is sent, and both succeed: by %s', async (_, shims) => {
  const both = await Promise.all([1, 2].map(() => deliverInSegments(loginHost({ shims }), delivery(), quietContext())));
  expect(both.map((one) => (one.ok ? one.value.kind : one.failure)).sort()).toEqual(['sent', 'there']);
  expect(both.reduce((sum, one) => sum + (one.ok ? one.value.sentBytes : 0), 0)).toBe(large.length);
  isWholeThere();
});

it('takes over a lock directory that somebody left who died', async () => {
  const lock = there(`${delivery().name}.lock.d`);
  mkdirSync(lock, { recursive: true });
  utimesSync(lock, Date.now() / 1000 - 600, Date.now() / 1000 - 600);
  const shims = { flock: 'exit 66' };
  expect(await deliverInSegments(loginHost({ shims }), delivery(), quietContext())).toEqual({ ok: true, value: whole });
  isWholeThere();
});

/** A server that has room for one session, and says so only when it is asked for more. */
function withoutRoom(transport: Transport): Transport {
  const failure = { kind: 'unreachable', site: 'campus', target: 'x', stage: 'shell', reason: 'full' } as const;
  const spawn: Transport['spawn'] = async (command, options) => {
    if (options.beside === true) throw new NeverStarted(failure, { isFull: true });
    return transport.spawn(command, options);
  };
  return { ...transport, spawn };
}

it('goes over the one session that there is room for', async () => {
  const sent = await deliverInSegments(withoutRoom(loginHost()), delivery(), quietContext());
  expect(sent).toEqual({ ok: true, value: whole });
  isWholeThere();
});

it('goes on over other channels when one of them ends before its time', async () => {
  const dying = {
    dd: `case "$*" in *.part\\ *seek=[1-9]*) mkdir '${home}/once' 2>/dev/null && kill -9 $PPID ;; esac; exec /bin/dd "$@"`,
  };
  const sent = await deliverInSegments(loginHost({ shims: dying }), delivery(), quietContext());
  expect(sent).toMatchObject({ ok: true, value: { kind: 'sent', repairedBytes: 0 } });
  expect(existsSync(join(home, 'once'))).toBe(true);
  isWholeThere();
});

it('is copied where its bytes are on the same machine, or linked when nobody changes them', async () => {
  for (const isFixed of [false, true]) {
    const transport: Transport = { ...loginHost(), isHere: true };
    const source = join(home, 'here.sif');
    writeFileSync(source, large);
    const copied = await deliverInSegments(transport, delivery({ source, isFixed }), quietContext());
    expect(copied).toEqual({ ok: true, value: { ...whole, sentBytes: 0 } });
    isWholeThere();
    expect(statSync(source).ino === statSync(there(delivery().name)).ino).toBe(isFixed);
    rmSync(there(), { recursive: true });
  }
});

it('that was killed while it was a link is begun anew: the next delivery cuts nothing off its source', async () => {
  const source = join(home, 'here.sif');
  writeFileSync(source, large);
  const sent = delivery({ source, isFixed: true });
  // Whoever reads it for its digest kills the program that asked for it, up to its first shell.
  const killer = `at=$PPID
while grep -q 'stretches()' /proc/$at/cmdline; do above=$(cut -d' ' -f4 /proc/$at/stat); kill -9 $at; at=$above; done`;
  const dying = loginHost({ shims: { dd: posixDd, openssl: 'exit 127', sha256sum: killer } });
  expect(await deliverInSegments({ ...dying, isHere: true }, sent, quietContext())).toMatchObject({ ok: false });
  expect(statSync(source).ino).toBe(statSync(there(`${sent.name}.part`)).ino);
  for (const name of ['sha256sum', 'openssl']) rmSync(join(home, 'bin', name));
  const then = await deliverInSegments({ ...loginHost(), isHere: true }, sent, quietContext());
  expect(readFileSync(source).equals(large)).toBe(true);
  expect(then).toMatchObject({ ok: true });
  isWholeThere(sent);
});

it('takes away what others began and left for a week, and nothing else', async () => {
  mkdirSync(there());
  const other = 'a'.repeat(64);
  const old = [`${other}.sif.part`, `${other}.sif.journal`];
  const stays = [`${'b'.repeat(64)}.sif.part`, 'notes.part', `${other}.sif`];
  const longAgo = Date.now() / 1000 - 9 * 86_400;
  for (const name of [...old, ...stays]) {
    writeFileSync(there(name), '');
    if (!name.startsWith('b')) utimesSync(there(name), longAgo, longAgo);
  }
  await deliverInSegments(loginHost(), delivery(), quietContext());
  expect(readdirSync(there()).sort()).toEqual([...stays, delivery().name].sort());
});
