import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLog } from '../../src/login/log-reading.ts';
import {
  gapLine,
  isPilotId,
  type LogReport,
  type LogRequest,
  type LogSource,
  readLogReport,
  usualLogPace,
  type WantedLog,
} from '../../src/login/pilot-log.ts';
import type { Transport } from '../../src/transports/transport.ts';
import { belongsTo, isAlive } from '../support/processes.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';
import { waitUntil } from '../support/wait-until.ts';

/** A site's directories on a login host that is this machine. */
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-log-'));
  for (const name of ['logs', 'seen', 'ends', 'intents']) mkdirSync(at(name), { recursive: true });
});
afterEach(async () => {
  await waitUntil('no follower survives', 10, () => programsHere().length === 0);
  rmSync(home, { recursive: true, force: true });
});
const at = (...names: string[]) => join(home, '.glidein/campus', ...names);

/** Programs that work in the site's directories. */
function programsHere(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isAlive(pid) && belongsTo(pid, home));
}

const pace = { ...usualLogPace, pollSeconds: 0.05, looks: 400, asksEvery: 2, unanswered: 10, lateLooks: 60 };
const newest: WantedLog = { kind: 'newest' };
const byId = (id: string): WantedLog => ({ kind: 'id', id, prefix: `${id}_`, suffix: '' });

function request(wanted: WantedLog, follow: boolean, changes: Partial<LogRequest['pace']> = {}): LogRequest {
  const directories = { site: '~/.glidein/campus', jobs: '~/.glidein/campus', logs: '~/.glidein/campus/logs' };
  return { directories, wanted, follow, pace: { ...pace, ...changes } };
}

/** One reading: its reports so far, what it comes to, and how to interrupt it. */
function start(asked: LogRequest, transport: Transport = shellTransport({ shell: '/bin/sh', env: { HOME: home } })) {
  const reports: LogReport[] = [];
  const interrupt = new AbortController();
  const reading = { site: 'campus', request: asked, patienceSeconds: 10 };
  const over = readLog(transport, reading, (report) => void reports.push(report), quietContext(interrupt.signal));
  return { reports, over, interrupt, text: (source: LogSource = 'pilot') => textOf(reports, source) };
}

async function read(wanted: WantedLog, transport?: Transport) {
  const reading = start(request(wanted, false), transport);
  const over = await reading.over;
  const ids = reading.reports.flatMap((report) => (report.kind === 'pilots' ? report.ids : []));
  return { over, ids, reports: reading.reports, pilot: reading.text(), batch: reading.text('batch') };
}

function textOf(reports: readonly LogReport[], source: LogSource): string {
  const parts = reports.map((report) => {
    if (!('source' in report) || report.source !== source) return '';
    if (report.kind === 'gap') return gapLine(report.bytes);
    return report.kind === 'text' ? report.bytes.toString('latin1') : '';
  });
  return parts.join('');
}

function setAge(seconds: number, ...names: string[]): void {
  const then = new Date(Date.now() - seconds * 1000);
  for (const name of names) utimesSync(at(name), then, then);
}

/** A log as the job's keep_log replaces it: written beside its name, cut as that cuts it, and renamed. */
function keepLog(id: string, output: string): void {
  const [first, last] = [262_144, 1_048_576];
  const left = output.length - first - last;
  const cut = `${output.slice(0, first)}\n[glidein: ${left} bytes left out here]\n${output.slice(-last)}`;
  writeFileSync(at('logs', `.${id}.log.node.1`), left > 0 ? cut : output, 'latin1');
  renameSync(at('logs', `.${id}.log.node.1`), at('logs', `${id}.log`));
}

function seen(id: string, startedAt: number): void {
  writeFileSync(at('seen', `campus-0123456789.${id}`), `seen campus-0123456789 0 ${id} node1 ${startedAt} .\n`);
}

function end(id: string): void {
  writeFileSync(at('ends', id), `end campus-0123456789 0 0 drained node1 100 200 .\n`);
}

describe('which log', () => {
  it('is the one that was named, with both files', async () => {
    writeFileSync(at('logs/101_0.log'), 'of the pilot\n');
    writeFileSync(at('logs/101_0.batch'), 'of the job\n');
    writeFileSync(at('logs/102_0.log'), 'of another\n');
    expect(await read(byId('101_0'))).toMatchObject({
      over: { ok: true, value: 'read' },
      ids: ['101_0'],
      pilot: 'of the pilot\n',
      batch: 'of the job\n',
    });
  });

  it('is that of the pilot that started last, whichever file was written last', async () => {
    for (const id of ['101_0', '101_1', '101_2']) writeFileSync(at('logs', `${id}.log`), `${id}\n`);
    seen('101_0', 1_000);
    seen('101_1', 3_000);
    seen('101_2', 2_000);
    setAge(500, 'logs/101_1.log');
    expect((await read(newest)).ids).toEqual(['101_1', '101_2', '101_0']);
  });

  it('is that of the newest of very many that run, each of which refreshed its log since', async () => {
    for (let index = 0; index < 600; index += 1) {
      writeFileSync(at('logs', `101_${index}.log`), '');
      seen(`101_${index}`, 1_000 + ((index * 7) % 600));
      setAge(index, `seen/campus-0123456789.101_${index}`, `logs/101_${index}.log`);
    }
    // 7 x 257 = 3 x 600 - 1: started last, written neither first nor last.
    expect((await read(newest)).ids.slice(0, 2)).toEqual(['101_257', '101_514']);
  });

  it('is that of a pilot that died before its mark, by the time of its file', async () => {
    const now = Math.floor(Date.now() / 1000);
    writeFileSync(at('logs/101_0.log'), 'long there, refreshed just now\n');
    seen('101_0', now - 5_000);
    writeFileSync(at('logs/102_0.batch'), 'bash: not found\n');
    setAge(100, 'logs/102_0.batch');
    writeFileSync(at('logs/90_0.log'), 'forgotten\n');
    setAge(900_000, 'logs/90_0.log');
    expect(await read(newest)).toMatchObject({
      ids: ['102_0', '101_0', '90_0'],
      pilot: '',
      batch: 'bash: not found\n',
    });
  });

  it('is that of the newest pilot of a submission, and of no other submission', async () => {
    for (const id of ['10_7', '101_0', '101_12', '1011_0', '101_x'])
      writeFileSync(at('logs', `${id}.batch`), `${id}\n`);
    seen('101_0', 2_000);
    seen('101_12', 3_000);
    expect(await read(byId('101'))).toMatchObject({ ids: ['101_12', '101_0'], batch: '101_12\n' });
  });

  it('is no other than that of an id that can be only one pilot’s', async () => {
    for (const id of ['1013.pbs1', '1014.pbs1', '1014.pbs10', '1014[0].pbs1']) {
      writeFileSync(at('logs', `${id}.batch`), `${id}\n`);
    }
    const alone: WantedLog = { kind: 'id', id: '1014.pbs1', prefix: null, suffix: '' };
    expect(await read(alone)).toMatchObject({ ids: ['1014.pbs1'], batch: '1014.pbs1\n' });
    rmSync(at('logs/1014.pbs1.batch'));
    expect((await read(alone)).over).toMatchObject({ ok: true, value: 'missing' });
  });

  it('is none for a pilot that left none, and some that did are named', async () => {
    writeFileSync(at('logs/101_0.log'), '');
    writeFileSync(at('logs/101_0.batch'), '');
    const { over, reports } = await read(byId('102_0'));
    expect(over).toEqual({ ok: true, value: 'missing' });
    expect(reports).toContainEqual({ kind: 'others', ids: ['101_0'] });
  });

  it('is none without the directory, and none in an empty one', async () => {
    expect((await read(newest)).over).toEqual({ ok: true, value: 'missing' });
    rmSync(at('logs'), { recursive: true });
    expect((await read(newest)).over).toEqual({ ok: true, value: 'missing' });
    expect(existsSync(at('logs'))).toBe(false);
  });

  it('is told together with what came of the newest submission', async () => {
    writeFileSync(at('logs/101_0.log'), '');
    for (const sequence of ['9', '10']) {
      mkdirSync(at('intents', sequence));
      writeFileSync(at('intents', sequence, 'outcome'), `\noutcome ${sequence} 5 0 xMTA0Cg== x .\n`);
    }
    const { reports } = await read(newest);
    expect(reports).toContainEqual({ kind: 'outcome', record: 'outcome 10 5 0 xMTA0Cg== x .' });
    // Only where no pilot was named.
    expect((await read(byId('101_0'))).reports.map(({ kind }) => kind)).not.toContain('outcome');
  });

  it('takes no name out of the directory that is none of a log', async () => {
    const names = ['.hidden.log', '-n.log', 'a b.log', '$(touch owned).log', 'x\n101_9.log', '101_0.log', 'é.log'];
    for (const name of names) writeFileSync(join(at('logs'), name), name);
    expect((await read(newest)).ids).toEqual(['101_0']);
    expect(readdirSync(at('logs'))).toHaveLength(names.length);
  });

  it.each(['../../token', '/etc/passwd', '.log', '-n', '', 'a b', 'a;b', '$(x)', 'a\nb', 'x'.repeat(300), "a'b", '*'])(
    'cannot be %j',
    (id) => expect(isPilotId(id)).toBe(false),
  );

  it.each(['101', '101_0', '123[4].server', '77.host-1'])('can be %s', (id) => expect(isPilotId(id)).toBe(true));
});

describe('what a log holds', () => {
  it('arrives as it stands there, byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 7 + (index >> 8)) % 256));
    writeFileSync(at('logs/101_0.log'), bytes);
    writeFileSync(at('logs/101_0.batch'), 'no line end');
    const { pilot, batch } = await read(byId('101_0'));
    expect(Buffer.from(pilot, 'latin1').equals(bytes)).toBe(true);
    expect(batch).toBe('no line end');
  });

  it('arrives with the cut that the job made, exactly', async () => {
    const output = numbered(1_500_000);
    keepLog('101_0', output);
    const { pilot, reports } = await read(byId('101_0'));
    const left = output.length - 262_144 - 1_048_576;
    expect(pilot).toBe(
      `${output.slice(0, 262_144)}\n[glidein: ${left} bytes left out here]\n${output.slice(-1_048_576)}`,
    );
    expect(reports).toContainEqual({ kind: 'gap', source: 'pilot', bytes: left });
  });

  it('is not taken for a cut because it says so', async () => {
    const lying = (rest: number) => `${'x'.repeat(262_144)}\n[glidein: 77 bytes left out here]\n${'y'.repeat(rest)}`;
    writeFileSync(at('logs/101_0.log'), lying(500_000));
    expect((await read(byId('101_0'))).pilot).toBe(lying(500_000));
    writeFileSync(at('logs/102_0.log'), lying(1_048_577));
    const { reports } = await read(byId('102_0'));
    expect(reports).toContainEqual({ kind: 'gap', source: 'pilot', bytes: lying(1).length - 262_144 });
  });

  it('is bounded where the file is not', async () => {
    const huge = numbered(5_000_000);
    writeFileSync(at('logs/101_0.batch'), huge);
    const { batch } = await read(byId('101_0'));
    expect(batch).toBe(`${huge.slice(0, 262_144)}${gapLine(5_000_000 - 1_310_720)}${huge.slice(-1_048_576)}`);
  });

  it('cannot pass itself off as a report', async () => {
    const mark = 'a1b2c3';
    const hostile = `\n@${mark} over ended\n@ over read\n\u001b]0;owned\u0007\n`;
    writeFileSync(at('logs/101_0.log'), hostile);
    writeFileSync(at('ends/101_0'), `end x 0 0 drained node 1 2 .\n@${mark} over limit\n$(touch owned)\n`);
    const { pilot, over, reports } = await read(byId('101_0'));
    expect([pilot, over]).toEqual([hostile, { ok: true, value: 'read' }]);
    expect(reports.filter(({ kind }) => kind === 'ended')).toHaveLength(1);
    expect(existsSync(join(home, 'owned')) || existsSync(at('logs/owned'))).toBe(false);
  });
});

function numbered(bytes: number): string {
  let text = '';
  for (let line = 0; text.length < bytes; line += 1) text += `line ${line}\n`;
  return text.slice(0, bytes);
}

describe('a follower', () => {
  it('sends what was added, and nothing twice', async () => {
    writeFileSync(at('logs/101_0.batch'), 'one\n');
    const following = start(request(newest, true));
    await waitUntil('the first line', 5, () => following.text('batch') === 'one\n');
    appendFileSync(at('logs/101_0.batch'), 'two\nthr');
    await waitUntil('the second', 5, () => following.text('batch') === 'one\ntwo\nthr');
    keepLog('101_0', 'a\n');
    await waitUntil('the log that was not there', 5, () => following.text() === 'a\n');
    appendFileSync(at('logs/101_0.batch'), 'ee\n');
    keepLog('101_0', 'a\nb\n');
    await waitUntil('all', 5, () => following.text() === 'a\nb\n' && following.text('batch') === 'one\ntwo\nthree\n');
    following.interrupt.abort();
    expect(await following.over).toEqual({ ok: false, failure: { kind: 'interrupted' } });
  });

  it('goes on where it was when the log is cut in the middle meanwhile, and says what it missed', async () => {
    const output = numbered(4_000_000);
    keepLog('101_0', output.slice(0, 300_000));
    const following = start(request(byId('101_0'), true));
    await waitUntil('the beginning', 5, () => following.text().length === 300_000);
    // Cut, but all that is new is there.
    keepLog('101_0', output.slice(0, 1_330_000));
    await waitUntil('the next part', 5, () => following.text().length >= 1_330_000);
    expect(following.text()).toBe(output.slice(0, 1_330_000));
    keepLog('101_0', output.slice(0, 1_400_000));
    await waitUntil('the next', 5, () => following.text().length >= 1_400_000);
    expect(following.text()).toBe(output.slice(0, 1_400_000));
    // So much that some of the new is lost.
    keepLog('101_0', output);
    end('101_0');
    keepLog('101_0', output);
    expect(await following.over).toEqual({ ok: true, value: 'ended' });
    const lost = 4_000_000 - 1_048_576 - 1_400_000;
    expect(following.text()).toBe(`${output.slice(0, 1_400_000)}${gapLine(lost)}${output.slice(-1_048_576)}`);
  });

  it('starts again with a file that became shorter', async () => {
    writeFileSync(at('logs/101_0.batch'), 'a long line\n');
    const following = start(request(newest, true));
    await waitUntil('the line', 5, () => following.text('batch') === 'a long line\n');
    truncateSync(at('logs/101_0.batch'));
    appendFileSync(at('logs/101_0.batch'), 'short\n');
    await waitUntil('the new one', 5, () => following.text('batch').endsWith('short\n'));
    expect(following.reports).toContainEqual({ kind: 'anew', source: 'batch' });
    following.interrupt.abort();
    await following.over;
  });

  it('ends with the last copy of the log, which comes after the mark', async () => {
    keepLog('101_0', 'so far\n');
    const following = start(request(byId('101_0'), true));
    await waitUntil('the log', 5, () => following.text() === 'so far\n');
    end('101_0');
    await sleep(400);
    expect(following.reports.map(({ kind }) => kind)).not.toContain('over');
    keepLog('101_0', 'so far\nand the end\n');
    expect(await following.over).toEqual({ ok: true, value: 'ended' });
    expect(following.text()).toBe('so far\nand the end\n');
    expect(following.reports).toContainEqual({
      kind: 'ended',
      record: 'end campus-0123456789 0 0 drained node1 100 200 .',
    });
  });

  it('does not wait for ever for a last copy that nobody wrote', async () => {
    writeFileSync(at('logs/101_0.batch'), 'cannot keep the log\n');
    end('101_0');
    expect(await start(request(newest, true, { lateLooks: 3 })).over).toEqual({ ok: true, value: 'ended' });
  });

  it('does not wait for ever for a log that cannot be read', async () => {
    writeFileSync(at('logs/101_0.log'), 'unreadable\n');
    end('101_0');
    writeFileSync(join(home, 'tail'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const env = { HOME: home, PATH: `${home}:${process.env['PATH']}` };
    const following = start(request(byId('101_0'), true, { lateLooks: 3 }), shellTransport({ shell: '/bin/sh', env }));
    expect(await following.over).toEqual({ ok: true, value: 'ended' });
    expect(following.text()).toBe('');
  });

  it('ends at once for a pilot that ended long ago', async () => {
    keepLog('101_0', 'old\n');
    end('101_0');
    setAge(4_000, 'logs/101_0.log');
    setAge(3_000, 'ends/101_0');
    const following = start(request(newest, true, { lateLooks: 10_000 }));
    expect(await following.over).toEqual({ ok: true, value: 'ended' });
    expect(following.reports.filter(({ kind }) => kind === 'alive')).toEqual([]);
    expect(existsSync(at('follow'))).toBe(false);
  });

  it('asks the running pilot for its log, says when nobody answers, and takes the question back', async () => {
    writeFileSync(at('logs/101_0.batch'), '');
    const asked = at('follow/101_0');
    const following = start(request(newest, true));
    for (let time = 0; time < 3; time += 1) {
      await waitUntil('it asks', 5, () => existsSync(asked));
      rmSync(asked);
    }
    expect(following.reports.map(({ kind }) => kind)).not.toContain('unanswered');
    await waitUntil('it is not answered', 10, () => following.reports.some(({ kind }) => kind === 'unanswered'));
    following.interrupt.abort();
    await following.over;
    await waitUntil('the question is gone', 5, () => !existsSync(asked));
  });

  it('follows without a question where it cannot write one', async () => {
    writeFileSync(at('logs/101_0.batch'), 'one\n');
    writeFileSync(at('follow'), 'a file in the way');
    const following = start(request(newest, true, { looks: 10 }));
    expect(await following.over).toEqual({ ok: true, value: 'limit' });
    expect(following.text('batch')).toBe('one\n');
  });

  it('ends by itself after so many looks', async () => {
    writeFileSync(at('logs/101_0.batch'), '');
    const following = start(request(newest, true, { looks: 4 }));
    expect(await following.over).toEqual({ ok: true, value: 'limit' });
    expect(following.reports.filter(({ kind }) => kind === 'alive')).toHaveLength(4);
  });

  it('is gone soon after our side is', async () => {
    writeFileSync(at('logs/101_0.batch'), '');
    const transport = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const following = start(request(newest, true), transport);
    await waitUntil('it runs', 5, () => following.reports.some(({ kind }) => kind === 'alive'));
    const [pid = 0] = transport.spawned;
    expect(isAlive(pid)).toBe(true);
    following.interrupt.abort();
    await following.over;
    await waitUntil('it is gone', 3, () => !isAlive(pid));
  });

  it('is gone too where a broken pipe raises no signal', async () => {
    writeFileSync(at('logs/101_0.batch'), '');
    const inner = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const deaf = {
      ...inner,
      spawn: (command: string, options: { signal: AbortSignal }) => inner.spawn(`trap '' PIPE; ${command}`, options),
    };
    const following = start(request(newest, true), deaf);
    await waitUntil('it runs', 5, () => following.reports.some(({ kind }) => kind === 'alive'));
    following.interrupt.abort();
    await following.over;
    const [pid = 0] = inner.spawned;
    await waitUntil('it is gone', 3, () => !isAlive(pid));
  });

  it('says that the connection was lost when the program there dies', async () => {
    writeFileSync(at('logs/101_0.batch'), 'one\n');
    const transport = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const following = start(request(newest, true), transport);
    await waitUntil('it runs', 5, () => following.reports.some(({ kind }) => kind === 'alive'));
    process.kill(transport.spawned[0] ?? 0, 'SIGKILL');
    expect(await following.over).toMatchObject({
      ok: false,
      failure: { kind: 'connection-lost', step: 'reading the log' },
    });
    expect(following.text('batch')).toBe('one\n');
  });
});

describe('on its way', () => {
  it('noise of start-up files is no log, and a file that reads stdin gets an empty line', async () => {
    writeFileSync(at('logs/101_0.log'), 'the log\n');
    const inner = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const noise = `echo "Welcome"; echo "@x over read"; printf 'no line end'; read -r answer; [ -z "$answer" ] || touch "$HOME/ate"; (sleep 0.2; echo late) & `;
    const noisy = {
      ...inner,
      spawn: (command: string, options: { signal: AbortSignal }) => inner.spawn(noise + command, options),
    };
    expect(await read(newest, noisy)).toMatchObject({ over: { ok: true, value: 'read' }, pilot: 'the log\n' });
    expect(existsSync(join(home, 'ate'))).toBe(false);
  });

  it('a shell that ends before it answers is a failure that says what it said', async () => {
    const inner = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const broken = {
      ...inner,
      spawn: (_: string, options: { signal: AbortSignal }) => inner.spawn('echo "account closed" >&2; exit 5', options),
    };
    expect((await read(newest, broken)).over).toMatchObject({
      ok: false,
      failure: { kind: 'login-host-unusable', said: 'account closed' },
    });
  });

  it('a login host that says nothing is given up', async () => {
    const inner = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const silent = {
      ...inner,
      spawn: (_: string, options: { signal: AbortSignal }) => inner.spawn('sleep 3', options),
    };
    const reading = { site: 'campus', request: request(newest, false), patienceSeconds: 0.3 };
    expect(await readLog(silent, reading, () => {}, quietContext())).toEqual({
      ok: false,
      failure: { kind: 'timed-out', site: 'campus', step: 'reading the log', seconds: 0.3 },
    });
  });

  it('a report that was spoiled is noticed, wherever it was', () => {
    const text = Buffer.from('the text').toString('base64');
    expect(readLogReport(`@m text pilot 8 ${text}`, 'm')).toMatchObject({ kind: 'text' });
    expect(readLogReport(`noise@m text pilot 8 ${text}`, 'm')).toMatchObject({ kind: 'text' });
    expect(readLogReport(`@m text pilot 8 ${text.slice(0, 5)}noise`, 'm')).toEqual({ kind: 'spoiled' });
    expect(readLogReport('@m no such thing', 'm')).toEqual({ kind: 'spoiled' });
    expect(readLogReport(`@n text pilot 8 ${text}`, 'm')).toBeNull();
  });
});

const shells = ['/bin/bash --posix', '/bin/dash', '/bin/busybox sh', '/bin/ksh', '/usr/bin/busybox sh'].filter(
  (shell) => existsSync(shell.split(' ')[0] ?? ''),
);

describe.each(shells)('under %s', (shell) => {
  const underIt = () => {
    const inner = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const spawn = (command: string, options: { signal: AbortSignal }) =>
      inner.spawn(command.replace('exec /bin/sh', `exec ${shell}`), options);
    return { ...inner, spawn };
  };

  it('a log is found, read, followed and left', async () => {
    const output = numbered(1_400_000);
    keepLog('101_0', output.slice(0, 500));
    writeFileSync(at('logs/100_0.log'), 'another\n');
    seen('101_0', 2_000);
    seen('100_0', 1_000);
    expect(await read(newest, underIt())).toMatchObject({ ids: ['101_0', '100_0'], pilot: output.slice(0, 500) });
    const following = start(request(byId('101'), true), underIt());
    await waitUntil('it runs', 5, () => following.text().length === 500);
    keepLog('101_0', output);
    await waitUntil(
      'the rest',
      5,
      () => following.text() === `${output.slice(0, 262_144)}${gapLine(89_280)}${output.slice(-1_048_576)}`,
    );
    end('101_0');
    await sleep(100);
    keepLog('101_0', `${output}the end\n`);
    expect(await following.over).toEqual({ ok: true, value: 'ended' });
    expect(following.text().endsWith('the end\n')).toBe(true);
    await waitUntil('the question is taken back', 5, () => readdirSync(at('follow')).length === 0);
  });
});

describe.each(['/usr/bin/tcsh', '/usr/bin/fish'].filter((shell) => existsSync(shell)))(
  'for an account with %s',
  (shell) => {
    it('a log is read', async () => {
      writeFileSync(at('logs/101_0.log'), 'the log\n');
      expect(await read(newest, shellTransport({ shell, env: { HOME: home } }))).toMatchObject({ pilot: 'the log\n' });
    });
  },
);
