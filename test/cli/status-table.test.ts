import { describe, expect, it } from 'vitest';
import { type Printing, siteLine, statusJson } from '../../src/cli/report.ts';
import { ofLook } from '../../src/cli/status-outcome.ts';
import { duration, statusText } from '../../src/cli/status-table.ts';
import { type EndedPilot, failureReport, type SiteReport } from '../../src/fleet/site-report.ts';
import type { Pilot } from '../../src/login/census.ts';

const now = Date.UTC(2026, 10, 20, 14, 20) / 1000;
const hour = 3600;
const pipe: Printing = { json: false, quiet: false, verbose: false, color: false, unicode: true, columns: null };
const terminal: Printing = { ...pipe, columns: 100 };

function pilot(id: string, more: Partial<Pilot> = {}): Pilot {
  const times = { submittedAt: now - 600, startedAt: null, endsAt: null };
  const place = {
    nodes: 1,
    node: null,
    tag: 'campus-aaaaaaaaaa',
    once: false,
    member: null,
    isDraining: false,
    toldAt: null,
  };
  return { id, state: 'pending', reason: 'Resources', ...place, ...times, ...more };
}

function running(id: string, node: string, more: Partial<Pilot> = {}): Pilot {
  const times = { startedAt: now - 7500, endsAt: now + 78_840 };
  return pilot(id, { state: 'running', reason: null, node, ...times, ...more });
}

function ended(id: string, reason: string, exitCode: number | null, more: Partial<EndedPilot> = {}): EndedPilot {
  return { id, node: 'node3', exitCode, reason, startedAt: now - 2 * hour, endedAt: now - 300, ...more };
}

function report(pilots: readonly Pilot[], more: Partial<SiteReport> = {}): SiteReport {
  const of = (state: Pilot['state']) => pilots.filter((one) => one.state === state).length;
  const counts = {
    running: of('running'),
    pending: of('pending'),
    held: of('held'),
    suspended: 0,
    unknown: 0,
    inDoubt: 0,
  };
  const none = failureReport('campus', 20, { kind: 'interrupted' });
  return { ...none, state: 'ok', counts, failure: null, pilots, ...more };
}

const lines = (shown: SiteReport, printing = pipe) => statusText(shown, printing, now)?.split('\n') ?? [];
const indices = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

describe('jobs of several nodes', () => {
  const pilots = [
    running('101_0', 'node7', { nodes: 4 }),
    ...indices(0, 2).map((at) => pilot(`102_${at}`, { nodes: 4 })),
  ];

  it('have one id, and count for all their pilots', () => {
    const [, , first, others] = lines(report(pilots));
    expect(first).toMatch(/^ {2}101_0 +4 running +node7 \+3 /);
    expect(others).toMatch(/^ {2}102_\[0-2\] +12 pending +- /);
  });

  it('are told of by their ids and as so many pilots when they are cancelled and drained', () => {
    const done = { cancelled: 8, drained: 4, ids: ['102_0', '102_1', '101_0'], idsCancelled: 2 };
    expect(siteLine(report(pilots, done), pipe)).toContain('; cancelled 8: 102_0 102_1; draining 4: 101_0');
    const planned = { submit: 0, ship: [], cancel: ['102_0', '102_1'], drain: ['101_0'] };
    expect(siteLine(report(pilots, { planned }), pipe)).toContain('would cancel 8: 102_0 102_1; would drain 4: 101_0');
  });
});

describe('the table of pilots', () => {
  it('says how long, until when and why, and puts what waits for the same reason into one line', () => {
    const pilots = [
      ...indices(3, 19).map((index) => pilot(`102_${index}`)),
      running('101_0', 'node7', { tag: 'campus-bbbbbbbbbb' }),
      pilot('103_0', { state: 'held', reason: 'JobHeldUser', tag: 'campus-cccccccccc' }),
    ];
    const reasonWords = new Map([['Resources', 'waits for free nodes']]);
    expect(lines(report(pilots, { reasonWords }))).toEqual([
      'campus: 19 of 20 pilots (1 running, 17 pending, 1 held)',
      '  PILOT       STATE       NODE   SINCE   UNTIL (UTC)               REASON',
      '  101_0       running     node7  2h 05m  in 21h 54m (11-21 12:14)',
      '  103_0       held        -      10m     -                         JobHeldUser',
      '  102_[3-19]  17 pending  -      10m     -                         waits for free nodes',
    ]);
  });

  it('is left out where there are no pilots, and says nothing where nothing is known', () => {
    expect(lines(report([], { target: 0 }))).toEqual(['campus: 0 of 0 pilots']);
    expect(lines(report([], { reason: 'something is in doubt' }))).toEqual([
      'campus: 0 of 20 pilots; something is in doubt',
    ]);
    expect(statusText(failureReport('campus', 3, { kind: 'interrupted' }), pipe, now)).toBeNull();
  });

  it.each([
    ['two of one array stay apart', ['7_1', '7_2'], ['7_1', '7_2']],
    ['gaps', ['7_1', '7_2', '7_5', '7_9'], ['7_[1-2,5,9]']],
    ['many gaps', ['7_1', '7_3', '7_5', '7_7', '7_9', '7_11'], ['7_[1,3,5,…,11]']],
    ['nine and ten', ['7_9', '7_10', '7_11'], ['7_[9-11]']],
    ['brackets of the scheduler', ['7[1].pbs1', '7[2].pbs1', '7[3].pbs1'], ['7[1-3].pbs1']],
    ['ids that differ elsewhere', ['a_1', 'b_2', 'c_3'], ['a_1 … c_3']],
    ['jobs of one tag', ['101', '102', '110'], ['[101-102,110]']],
  ])('names several ids in one: %s', (_, ids, shown) => {
    const first = lines(report(ids.map((id) => pilot(id)))).slice(2);
    expect(first.map((line) => line.trim().split(/ {2,}/)[0])).toEqual(shown);
  });

  it('keeps apart what differs in submission, state or reason', () => {
    const three = (base: string, more: Partial<Pilot>) => indices(0, 2).map((index) => pilot(`${base}_${index}`, more));
    const pilots = [
      ...three('1', {}),
      ...three('2', { tag: null }),
      ...three('3', { tag: null }),
      ...three('4', { reason: 'Priority' }),
      ...three('5', { state: 'held' }),
      pilot('6', { tag: null }),
      pilot('7', { tag: null }),
      pilot('8', { tag: null }),
    ];
    const ids = lines(report(pilots)).map((line) => line.trim().split(' ')[0]);
    expect(ids.slice(2)).toEqual(['5_[0-2]', '1_[0-2]', '2_[0-2]', '3_[0-2]', '4_[0-2]', '6', '7', '8']);
  });

  it('shows all that run in a pipe, and on a terminal says how many more there are', () => {
    const pilots = [
      ...indices(0, 1899).map((index) => running(`1_${index}`, `node${index}`)),
      ...indices(0, 99).map((index) => pilot(`2_${index}`)),
    ];
    expect(lines(report(pilots))).toHaveLength(2 + 1900 + 1);
    const shown = lines(report(pilots), terminal);
    expect(shown).toHaveLength(2 + 40 + 1);
    expect(shown.at(-2)).toContain('2_[0-99]');
    expect(shown.at(-1)).toBe('  … and 1861 more running; all: glidein status campus --json');
  });

  it('leaves no more than half of a terminal to what waits, where more run', () => {
    const pilots = [
      ...indices(0, 99).map((index) => running(`1_${index}`, `node${index}`)),
      ...indices(200, 299).map((base) => pilot(`${base}`, { tag: null })),
    ];
    const shown = lines(report(pilots), terminal);
    expect(shown.filter((line) => / running /.test(line))).toHaveLength(20);
    expect(shown.filter((line) => / {2}pending /.test(line))).toHaveLength(20);
    expect(shown.at(-1)).toBe('  … and 80 more running, 80 more pending; all: glidein status campus --json');
  });

  it('cuts long reasons on a terminal only', () => {
    const reason = 'PartitionTimeLimit '.repeat(20).trim();
    const pilots = [running('101_0', `${'n'.repeat(70)}.example.org`), pilot('102_0', { reason })];
    expect(lines(report(pilots)).some((line) => line.endsWith(reason))).toBe(true);
    const shown = lines(report(pilots), { ...terminal, columns: 120 });
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(shown.at(-1)).toMatch(/PartitionTime.*…$/);
    expect(shown[2]).toContain(`${'n'.repeat(39)}…`);
  });

  it('lets no word of the site steer a terminal or begin a line', () => {
    const evil = '\u001b[2J\u001b]0;owned\u0007\nfake: 9 of 9\r\u009b1m\u202e';
    const pilots = [running('101_0', `no${evil}de`), pilot('102_0', { reason: evil })];
    const text = statusText(report(pilots, { reason: evil, ended: [ended(evil, evil, 1)] }), terminal, now) ?? '';
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text.split('\n').filter((line) => line.startsWith('fake'))).toEqual([]);
  });

  it('tells of a pilot that should be over, and of clocks that disagree', () => {
    const late = running('101_0', 'node7', { startedAt: now + 30, endsAt: now - 125 });
    expect(lines(report([late]))[2]).toBe('  101_0  running  node7  0s     2m over (11-20 14:17)');
    expect(lines(report([pilot('1', { submittedAt: null, reason: null })]))[2]).toBe(
      '  1      pending  -     -      -',
    );
  });
});

describe('what ended lately', () => {
  it('is the last five, how each ended, and which log to read', () => {
    const some = [
      ended('101_0', 'drained', 0),
      ended('101_1', 'no-image', 66, { startedAt: now - 302 }),
      ended('101_2', 'NODE_FAIL', null, { node: null }),
      ended('101_3', 'exited', 1),
      ended('101_4', 'SOMETHING_NEW', null, { startedAt: null, endedAt: null }),
      ended('101_5', 'guard', 78),
    ];
    expect(lines(report([], { ended: some })).slice(1)).toEqual([
      '',
      '  ENDED LATELY  NODE   RAN     WHEN    HOW',
      '  101_0         node3  1h 55m  5m ago  drained: asked to end, took no new jobs (exit 0)',
      '  101_1         node3  2s      5m ago  the image cannot be read on the node (exit 66)',
      '  101_2         -      1h 55m  5m ago  its node failed',
      '  101_3         node3  1h 55m  5m ago  the pilot failed (exit 1)',
      '  101_4         node3  -       -       SOMETHING_NEW',
      '  what it said: glidein logs campus 101_1',
    ]);
  });

  it('points to no log when all ended well', () => {
    const some = [
      ended('1', 'walltime', 0),
      ended('2', 'exited', 0),
      ended('3', 'signalled', 143),
      ended('4', 'CANCELLED', null),
    ];
    const text = lines(report([], { ended: some })).join('\n');
    expect(text).toContain('drained: its wall clock was nearly over');
    expect(text).not.toContain('glidein logs');
  });

  it("takes the scheduler's own better words", () => {
    const reasonWords = new Map([['TIMEOUT', 'ran into the limit of the queue']]);
    expect(lines(report([], { ended: [ended('1', 'TIMEOUT', null)], reasonWords }))[3]).toContain(
      'ran into the limit of the queue',
    );
  });
});

it('survives a mark, and a job, of a time that is none', () => {
  const never = 99_999_999_999_999;
  const some = report([running('101_0', 'node7', { endsAt: never })], {
    ended: [ended('100_0', 'exited', 0, { endedAt: never })],
  });
  expect(lines(some)[2]).toContain('(no time)');
  expect(lines(some).at(-1)).toContain('ended by itself (exit 0)');
  expect(statusJson(some)).toMatchObject({
    pilots: [{ id: '101_0', endsAt: null, startedAt: '2026-11-20T12:15:00.000Z' }],
    ended: [{ id: '100_0', endedAt: null }],
  });
});

it('tables of several sites stand apart, and sites without one do not', () => {
  const none = report([], { target: 0 });
  const look = (...reports: SiteReport[]) => ofLook(reports, now * 1000).text(pipe);
  expect(look(none, none)).toBe('campus: 0 of 0 pilots\ncampus: 0 of 0 pilots');
  const one = report([running('101_0', 'node7')], { target: 0 });
  expect(look(one, none)).toMatch(
    /^campus: 1 pilot, target 0 .*\n {2}PILOT .*\n {2}101_0 .*\n\ncampus: 0 of 0 pilots$/,
  );
});

describe('colours', () => {
  const some = report([running('101_0', 'node7'), pilot('102_0')], {
    target: 4,
    ended: [ended('100_0', 'no-space', 73)],
  });
  const esc = String.fromCharCode(27);

  it('are not there unless the stream takes them', () => {
    expect(statusText(some, terminal, now)).not.toContain(esc);
    expect(statusText(some, pipe, now)).not.toContain('█');
  });

  it('change no width, and warn of what ended badly', () => {
    const painted = statusText(some, { ...terminal, color: true, unicode: false }, now) ?? '';
    expect(painted).toContain(`${esc}[33mtoo little scratch space on the node (exit 73)${esc}[39m`);
    const plain = painted.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '');
    expect(plain).toBe(statusText(some, terminal, now));
  });

  it('come with a small bar where it can be drawn: what runs, what waits, what is missing', () => {
    const [header] = (statusText(some, { ...terminal, color: true }, now) ?? '').split('\n');
    expect(header?.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '')).toBe(
      'campus: ███▒▒▒░░░░░░ 2 of 4 pilots (1 running, 1 pending)',
    );
  });
});

it.each([
  [-5, '0s'],
  [59, '59s'],
  [60, '1m'],
  [3599, '59m'],
  [3600, '1h 00m'],
  [7500, '2h 05m'],
  [86_399, '23h 59m'],
  [97_200, '1d 03h'],
])('%i seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
