import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { saidWith } from '../../src/login/far-side.ts';
import { type Delivery, deliverFile } from '../../src/login/file-delivery.ts';
import { readReception } from '../../src/login/file-reception.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';
import { waitUntil } from '../support/wait-until.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-delivery-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const there = (...names: string[]) => join(home, "place's $own", ...names);
const directory = "~/place's $own";

function delivery(content: Buffer, more: Partial<Delivery> = {}): Delivery {
  const digest = createHash('sha256').update(content).digest('hex');
  return {
    ...{ site: 'campus', what: 'the thing', source: '/here/thing', directory, mode: '600' },
    ...{ name: `${digest}.tar`, digest, bytes: content.length },
    content: () => inPieces(content),
    ...more,
  };
}

async function* inPieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000);
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

const large = Buffer.alloc(3_000_000);
for (let at = 0; at < large.length; at += 1) large[at] = (at * 2_654_435_761) >>> 13;

const shells = ['/bin/sh', '/bin/bash', '/bin/dash', '/usr/bin/tcsh', '/usr/bin/fish', '/usr/bin/ksh'].filter((shell) =>
  existsSync(shell),
);

it.each(shells)('arrives whole under %s, private, and nothing else is left', async (shell) => {
  const sent = delivery(large);
  const context = quietContext();
  expect(await deliverFile(loginHost({ shell }), sent, context)).toEqual({ ok: true, value: 'sent' });
  expect(readFileSync(there(sent.name)).equals(large)).toBe(true);
  expect(statSync(there(sent.name)).mode & 0o777).toBe(0o600);
  expect(statSync(there()).mode & 0o777).toBe(0o700);
  expect(readdirSync(there())).toEqual([sent.name]);
  expect(context.events[0]).toEqual({ kind: 'step', site: 'campus', step: 'ship', detail: 'the thing, 0 of 3 MB' });
});

it('can be run there when it is to be', async () => {
  const sent = delivery(Buffer.from('#!/bin/sh\n'), { mode: '700', name: 'program' });
  await deliverFile(loginHost(), sent, quietContext());
  expect(statSync(there('program')).mode & 0o777).toBe(0o700);
});

it('is not sent again when it is there', async () => {
  const sent = delivery(large);
  await deliverFile(loginHost(), sent, quietContext());
  let asked = 0;
  const content = () => {
    asked += 1;
    return inPieces(large);
  };
  const again = await deliverFile(loginHost(), { ...sent, content }, quietContext());
  expect(again).toEqual({ ok: true, value: 'there' });
  expect(asked).toBe(0);
});

it('is not eaten by a start-up file that reads stdin and prints what it read', async () => {
  writeFileSync(join(home, '.bashrc'), 'read -r line; echo "got $line"\n');
  const env = { HOME: home, SSH_CLIENT: '127.0.0.1 1 2', SHLVL: '0' };
  const sent = delivery(large);
  expect(await deliverFile(shellTransport({ shell: '/bin/bash', env }), sent, quietContext())).toMatchObject({
    ok: true,
  });
  expect(readFileSync(there(sent.name)).equals(large)).toBe(true);
});

it('of two at once both succeed, and there is one file', async () => {
  const sent = delivery(large);
  const both = await Promise.all([1, 2].map(() => deliverFile(loginHost(), sent, quietContext())));
  expect(both).toEqual([
    { ok: true, value: 'sent' },
    { ok: true, value: 'sent' },
  ]);
  expect(readdirSync(there())).toEqual([sent.name]);
  expect(readFileSync(there(sent.name)).equals(large)).toBe(true);
});

it('that is changed on the way is noticed, and not kept', async () => {
  const sent = delivery(large);
  const shims = { cat: `exec sed 's/a/b/'` };
  expect(await deliverFile(loginHost({ shims }), sent, quietContext())).toEqual({
    ok: false,
    failure: { kind: 'delivery-broken', site: 'campus', what: 'the thing', path: `${directory}/${sent.name}` },
  });
  expect(readdirSync(there())).toEqual([]);
});

it('that finds too little room is not sent at all', async () => {
  const header = 'Filesystem 1024-blocks Used Available Capacity Mounted on';
  const shims = { df: `echo '${header}'; echo 'server:/with a space 90000 88000 2000 98% /mnt/disk 2'` };
  const unasked = () => {
    throw new Error('was read');
  };
  expect(await deliverFile(loginHost({ shims }), delivery(large, { content: unasked }), quietContext())).toEqual({
    ok: false,
    failure: {
      ...{ kind: 'no-space', site: 'campus', what: 'the thing', directory },
      ...{ neededBytes: 3_000_000, freeBytes: 2_048_000 },
    },
  });
  expect(readdirSync(there())).toEqual([]);
});

it('is sent where the disk does not say how much is left', async () => {
  expect(await deliverFile(loginHost({ shims: { df: 'exit 1' } }), delivery(large), quietContext())).toMatchObject({
    ok: true,
  });
});

it('that cannot be written is a failure in the words of the host', async () => {
  const shims = { cat: `head -c 1000000 >/dev/null; echo 'cat: write error: Disk quota exceeded' >&2; exit 1` };
  expect(await deliverFile(loginHost({ shims }), delivery(large), quietContext())).toMatchObject({
    ok: false,
    failure: { kind: 'login-host-unusable', said: 'cat: write error: Disk quota exceeded' },
  });
  expect(readdirSync(there())).toEqual([]);
});

it('that cannot be read here, or changes, leaves nothing there', async () => {
  async function* breaks() {
    yield large.subarray(0, 100_000);
    throw new Error('EIO: i/o error, read');
  }
  const changed = Buffer.concat([large, Buffer.from('more')]);
  for (const [content, reason] of [
    [breaks, 'EIO: i/o error, read'],
    [() => inPieces(changed), 'it was changed while it was being sent; try again'],
  ] as const) {
    expect(await deliverFile(loginHost(), delivery(large, { content }), quietContext())).toEqual({
      ok: false,
      failure: { kind: 'file-unusable', file: '/here/thing', reason },
    });
    await waitUntil('nothing is left', 10, async () => readdirSync(there()).length === 0);
  }
});

it('that a person interrupts leaves nothing there', async () => {
  const stop = new AbortController();
  async function* endless() {
    yield large.subarray(0, 100_000);
    await waitUntil('a part is there', 10, async () => existsSync(there()) && readdirSync(there()).length === 1);
    stop.abort();
    for (;;) yield large;
  }
  const cut = await deliverFile(loginHost(), delivery(large, { content: endless }), quietContext(stop.signal));
  expect(cut).toEqual({ ok: false, failure: { kind: 'interrupted' } });
  await waitUntil('nothing is left', 10, async () => readdirSync(there()).length === 0);
});

it('takes away parts of its own that are older than a day, and nothing else', async () => {
  mkdirSync(there('deeper.part-old'), { recursive: true });
  const [old, young, other] = ['aa.tar.part-glidein-1', 'bb.tar.part-glidein-2', 'cc.tar'];
  const longAgo = Date.now() / 1000 - 49 * 3600;
  for (const name of [old, young, other, 'deeper.part-old/aa.part-x']) {
    writeFileSync(there(name), '');
    if (name !== young) utimesSync(there(name), longAgo, longAgo);
  }
  const sent = delivery(large);
  await deliverFile(loginHost(), sent, quietContext());
  expect(readdirSync(there()).sort()).toEqual([young, other, 'deeper.part-old', sent.name].sort());
  expect(readdirSync(there('deeper.part-old'))).toEqual(['aa.part-x']);
});

it('knows its own words among those of a noisy host, and free space by its place', () => {
  const said = ['Welcome!', 'm ready?', 'x m stored', 'm space /dev/sda1 100 60 40 60% /', 'm ready', ''].join('\n');
  expect(readReception(saidWith(said, 'm'))).toEqual({
    isThere: false,
    isReady: true,
    freeBytes: 40 * 1024,
    isStored: false,
    differs: false,
  });
  expect(readReception(saidWith('m space \nm ready\n', 'm'))).toMatchObject({ isReady: true, freeBytes: null });
});
