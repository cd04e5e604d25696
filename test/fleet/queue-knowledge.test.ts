import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import { failed, ok, type Result } from '../../src/failure.ts';
import { askQueues, misfits, roomInQueues } from '../../src/fleet/queue-knowledge.ts';
import { pbs } from '../../src/schedulers/pbs.ts';
import type { Output } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { exampleWith } from '../support/example-profile.ts';
import { recordings } from '../support/recordings.ts';
import { quietContext } from '../support/shell-transport.ts';

/** What is remembered of the queues, and what is refused because of them. The answers are recorded ones. */

const hour = 3600;
const began = 1_700_000_000;

/** A cluster with `whole` (the default) and `shared`: eight nodes of 4 cores, 2-00:00:00, arrays of 1001. */
const real: Output = recorded();
const changed = (from: string, to: string): Output => {
  expect(real.stdout).toContain(from);
  return { ...real, stdout: real.stdout.replaceAll(from, to) };
};

function recorded(): Output {
  const found = recordings('slurm-22.05.8').find(
    ({ command, note }) => command === slurm.discoverCommand() && note === 'as glidein asks',
  );
  if (found === undefined) throw new Error('not recorded as it is asked now');
  return { stdout: found.stdout, stderr: found.stderr, code: found.code };
}

function profileWith(changes: Record<string, unknown> = {}): Profile {
  const profile = checkProfile(exampleWith(changes), { site: 'campus', file: null });
  if (!profile.ok) throw new Error(JSON.stringify(profile.failure));
  return profile.value;
}

let dataDir: string;
beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'glidein-queues-')), 'data');
});
afterEach(() => rmSync(join(dataDir, '..'), { recursive: true, force: true }));
const file = () => join(dataDir, 'queues/campus.json');

/** A login host that gives these answers one after another, the last of them for ever. */
function loginHost(...answers: Result<Output>[]) {
  const host = {
    asked: 0,
    discover: () => {
      const answer = answers[Math.min(host.asked, answers.length - 1)];
      host.asked += 1;
      if (answer === undefined) throw new Error('nothing was to be asked');
      return Promise.resolve(answer);
    },
  };
  return host;
}

/** The room for `count` pilots at `at` seconds since the epoch. */
async function room(
  host: ReturnType<typeof loginHost>,
  more: { profile?: Profile; count?: number; there?: number; at?: number; keeps?: boolean } = {},
) {
  const { profile = profileWith(), count = 1, there = 0, at = began, keeps = true } = more;
  const context = { ...quietContext(), now: () => at * 1000 };
  const answer = await roomInQueues({ profile, host, dataDir, keeps }, { count, there }, context);
  return { answer, events: context.events };
}
const fits = { ok: true, value: { largestArray: 1001, jobs: null } };
const nothingKnown = { ok: true, value: { largestArray: null, jobs: null } };

describe('what was asked', () => {
  it('is remembered for a day, in a file for nobody else, and not asked again', async () => {
    const host = loginHost(ok(real));
    for (const at of [began, began + 60, began + 24 * hour]) {
      expect((await room(host, { at })).answer).toEqual(fits);
    }
    expect(host.asked).toBe(1);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, 'queues')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['a day and a second later', began + 24 * hour + 1],
    ['by a clock that went back', began - 1],
  ])('is asked anew %s, and then remembered from there', async (_when, at) => {
    const host = loginHost(ok(real));
    await room(host);
    expect((await room(host, { at })).answer).toEqual(fits);
    expect(host.asked).toBe(2);
    expect((await room(host, { at: at + hour })).answer).toEqual(fits);
    expect(host.asked).toBe(2);
  });

  it.each([
    ['host', 'login2.example.org'],
    ['user', 'grace'],
    ['port', 2222],
  ])('says nothing about another %s', async (key, value) => {
    const host = loginHost(ok(real), ok(changed('MaxArraySize            = 1001', 'MaxArraySize            = 7')));
    await room(host);
    const profile = profileWith({ [`connection.${key}`]: value });
    expect((await room(host, { profile })).answer).toEqual({ ok: true, value: { largestArray: 7, jobs: null } });
    expect(host.asked).toBe(2);
  });

  it('is good for the same host in other letters, and for another job', async () => {
    const host = loginHost(ok(real));
    await room(host);
    const profile = profileWith({ 'connection.host': 'LOGIN.example.org', 'scheduler.cores': 4 });
    expect((await room(host, { profile, count: 500 })).answer).toEqual(fits);
    expect(host.asked).toBe(1);
  });

  it('is kept for each site by itself', async () => {
    const host = loginHost(ok(real));
    await room(host);
    await room(host, { profile: profileWith({ name: 'other' }) });
    expect(host.asked).toBe(2);
  });

  it('is read, but not written, where nothing is to be kept', async () => {
    const host = loginHost(ok(real));
    expect((await room(host, { keeps: false })).answer).toEqual(fits);
    expect(existsSync(dataDir)).toBe(false);
    await room(host);
    await room(host, { keeps: false });
    expect(host.asked).toBe(2);
  });

  it('is asked, however new what is remembered is, by who asks for the queues', async () => {
    const host = loginHost(ok(real));
    const inquiry = { profile: profileWith(), host, dataDir, keeps: true };
    for (const asked of [1, 2]) {
      const answer = await askQueues(inquiry, quietContext());
      expect(answer).toMatchObject({ ok: true, value: { kind: 'known', queues: [{ name: 'whole' }, {}] } });
      expect(host.asked).toBe(asked);
    }
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ output: real });
  });
});

describe('a remembered file', () => {
  const loginHostKey = async () => {
    await room(loginHost(ok(real)));
    return (JSON.parse(readFileSync(file(), 'utf8')) as { loginHost: string }).loginHost;
  };

  it.each([
    ['empty', ''],
    ['no JSON', '{"loginHost":'],
    ['nothing', 'null'],
    ['a list', '[]'],
    ['a text', '"campus"'],
    ['no answer', { at: began }],
    ['an answer without its words', { at: began, output: null }],
    ['an answer with other words', { at: began, output: { stdout: 7, stderr: '', code: 0 } }],
    ['an answer without an exit status', { at: began, output: { stdout: '', stderr: '' } }],
    ['of no time', { at: 'today', output: { ...real } }],
  ])('that is %s is asked anew, and written right', async (_what, content) => {
    const key = await loginHostKey();
    const text = typeof content === 'string' ? content : JSON.stringify({ loginHost: key, ...content });
    writeFileSync(file(), text);
    const host = loginHost(ok(real));
    const { answer, events } = await room(host);
    expect(answer).toEqual(fits);
    expect(events).toEqual([]);
    expect(host.asked).toBe(1);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ loginHost: key, at: began, output: real });
  });

  it('that is a directory, or whose directory cannot be made, is only asked for each time', async () => {
    const host = loginHost(ok(real));
    mkdirSync(file(), { recursive: true });
    expect((await room(host)).answer).toEqual(fits);
    rmSync(dataDir, { recursive: true });
    writeFileSync(dataDir, 'a file');
    const { answer, events } = await room(host);
    expect(answer).toEqual(fits);
    expect(host.asked).toBe(2);
    expect(events).toMatchObject([
      { kind: 'note', site: 'campus', text: expect.stringContaining('cannot be remembered') },
    ]);
  });
});

describe('a job that the queues cannot take', () => {
  const tooLong = profileWith({ 'scheduler.walltime': '3-00:00:00' });
  const nowhere = profileWith({ 'scheduler.queue': 'shred' });

  it('is refused with their own numbers, and asked for anew each time before that', async () => {
    const host = loginHost(ok(real));
    for (const asked of [1, 2]) {
      expect((await room(host, { profile: tooLong })).answer).toEqual({
        ok: false,
        failure: {
          kind: 'queue-unfit',
          site: 'campus',
          queue: null,
          mistakes: [{ key: 'scheduler.walltime', message: 'is 3-00:00:00, but whole allows at most 2-00:00:00' }],
        },
      });
      expect(host.asked).toBe(asked);
    }
    expect((await room(host, { profile: nowhere })).answer).toMatchObject({
      ok: false,
      failure: { kind: 'queue-unfit', queue: 'shred', mistakes: [{ key: 'scheduler.queue' }] },
    });
    expect(host.asked).toBe(3);
  });

  it('is not refused on what is only remembered, be it new', async () => {
    const before = changed('MaxTime=2-00:00:00', 'MaxTime=01:00:00');
    const host = loginHost(ok(before), ok(real));
    expect((await room(host, { profile: profileWith({ 'scheduler.walltime': '01:00:00' }) })).answer).toEqual(fits);
    expect((await room(host)).answer).toEqual(fits);
    expect(host.asked).toBe(2);
    // And that is what is remembered from then on.
    expect((await room(host)).answer).toEqual(fits);
    expect(host.asked).toBe(2);
  });

  it.each([
    ['was timed out', { ...real, stdout: real.stdout.slice(0, 40), code: 124 }],
    ['is cut short', { ...real, stdout: real.stdout.slice(0, -20) }],
    ['is none', { stdout: '', stderr: 'scontrol: command not found', code: 127 }],
  ])('is not refused where the answer %s', async (_how, output) => {
    for (const profile of [tooLong, nowhere]) {
      expect((await room(loginHost(ok(output)), { profile })).answer).toEqual(nothingKnown);
      expect(existsSync(dataDir)).toBe(false);
    }
  });

  it('is not refused on a remembered mistake where the new answer is unclear', async () => {
    await room(loginHost(ok(real)));
    const host = loginHost(ok({ stdout: '', stderr: '', code: 124 }));
    expect((await room(host, { profile: tooLong })).answer).toEqual(nothingKnown);
    expect(host.asked).toBe(1);
  });
});

it('warns of a queue that is closed now, but refuses nothing', async () => {
  const host = loginHost(ok(changed('State=UP', 'State=DOWN')));
  const { answer, events } = await room(host);
  expect(answer).toEqual(fits);
  expect(events).toMatchObject([{ kind: 'warning', site: 'campus', text: expect.stringContaining('closed now') }]);
});

it('asks for no arrays where the cluster has none', async () => {
  const none = ok(changed('MaxArraySize            = 1001', 'MaxArraySize            = 0'));
  expect((await room(loginHost(none))).answer).toMatchObject({
    ok: false,
    failure: { kind: 'queue-unfit', mistakes: [{ key: 'scheduler.arrays' }] },
  });
  const profile = profileWith({ 'scheduler.arrays': false });
  expect((await room(loginHost(none), { profile, count: 3 })).answer).toMatchObject({ ok: true });
});

it('passes on that nobody could be asked, and remembers nothing of it', async () => {
  const failure = { kind: 'connection-lost', site: 'campus', step: 'asking for the queues', reason: 'gone' } as const;
  expect((await room(loginHost(failed(failure)))).answer).toEqual(failed(failure));
  expect(existsSync(file())).toBe(false);
});

it('asks again at the next submission when the answer was unclear', async () => {
  const host = loginHost(ok({ stdout: '', stderr: '', code: 124 }), ok(real));
  expect((await room(host)).answer).toEqual(nothingKnown);
  // Ten minutes later the cluster answers again: an array of 2000 must be split now.
  expect((await room(host, { at: began + 600, count: 2000 })).answer).toEqual(fits);
});

/** What a real PBS said of its queues, as glidein asks. */
function pbsSaid(note: string): Output {
  const found = recordings('openpbs-23.06.06').find((one) => one.note === note && /-Bf/.test(one.command));
  if (found === undefined) throw new Error(`not recorded: ${note}`);
  return { stdout: found.stdout, stderr: found.stderr, code: found.code };
}

describe('a limit on the jobs of a user', () => {
  const limited = pbsSaid('limits of queues and of one user');
  const profile = profileWith({
    'scheduler.kind': 'pbs',
    'scheduler.cores': 4,
    'scheduler.queue': 'short',
    'scheduler.walltime': '01:00:00',
  });
  const ofShort = { ok: true, value: { largestArray: 3, jobs: { most: 2, where: 'short' } } };

  it('refuses nothing, and is told with what sets it', async () => {
    expect((await room(loginHost(ok(limited)), { profile, count: 7, there: 2 })).answer).toEqual(ofShort);
  });

  it('that is only remembered is asked for anew before it holds anything back', async () => {
    const host = loginHost(
      ok(limited),
      ok(limited),
      ok({ ...limited, stdout: limited.stdout.replaceAll('u:ada=', 'u:ada=5') }),
    );
    expect((await room(host, { profile, count: 2 })).answer).toEqual(ofShort);
    expect((await room(host, { profile, count: 1, there: 1 })).answer).toEqual(ofShort);
    expect(host.asked).toBe(1);
    expect((await room(host, { profile, count: 2, there: 1 })).answer).toEqual(ofShort);
    expect(host.asked).toBe(2);
    // Meanwhile it is 52: all 9 that the queue takes of everybody.
    const raised = { ok: true, value: { largestArray: 3, jobs: { most: 9, where: 'short' } } };
    expect((await room(host, { profile, count: 2, there: 1 })).answer).toEqual(raised);
    expect((await room(host, { profile, count: 2, there: 1 })).answer).toEqual(raised);
    expect(host.asked).toBe(3);
  });

  it('below the target is told beforehand, and is no mistake of the job', () => {
    const high = { ...profile, target: 3 };
    expect(misfits(high, pbs.parseDiscovery(limited))).toEqual({
      wrong: [],
      holding: [{ key: 'target', message: 'is 3, but short takes at most 2 jobs of yours' }],
    });
    expect(misfits({ ...profile, target: 2 }, pbs.parseDiscovery(limited)).holding).toEqual([]);
  });
});

describe('a batch system without a word for a whole node', () => {
  const { stdout, stderr, code } = pbsSaid('as glidein asks');
  const profile = (cores: number | null) => profileWith({ 'scheduler.kind': 'pbs', 'scheduler.cores': cores });

  it('is not asked for one before somebody said how many cores that is', async () => {
    const { answer } = await room(loginHost(ok({ stdout, stderr, code })), { profile: profile(null) });
    expect(answer).toMatchObject({
      failure: {
        kind: 'queue-unfit',
        mistakes: [{ key: 'scheduler.cores', message: expect.stringContaining('set it to 4') }],
      },
    });
  });

  it('is not even where nothing is known of its queues', async () => {
    const down = ok({ stdout: '', stderr: 'qstat: cannot connect to server pbs1 (errno=15010)', code: 255 });
    expect((await room(loginHost(down), { profile: profile(null) })).answer).toMatchObject({
      failure: { kind: 'queue-unfit', mistakes: [{ key: 'scheduler.cores' }] },
    });
    expect((await room(loginHost(down), { profile: profile(4) })).answer).toMatchObject({ ok: true });
  });
});
