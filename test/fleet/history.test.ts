import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendHistory, readHistory } from '../../src/fleet/history.ts';
import type { HistoryLine, PilotLine } from '../../src/fleet/history-lines.ts';
import type { EndedPilot, SiteReport } from '../../src/fleet/site-report.ts';
import type { Pilot } from '../../src/login/census.ts';
import { useConfigDirectory } from '../support/config-directory.ts';

const directory = useConfigDirectory();
const minute = 60_000;
const start = Date.parse('2026-11-20T08:00:00Z');
const startSeconds = start / 1000;
const file = () => join(directory.path, 'history', 'campus.jsonl');

const counts = { running: 0, pending: 0, held: 0, suspended: 0, unknown: 0, inDoubt: 0 };
function report(more: Partial<SiteReport> = {}): SiteReport {
  return {
    ...{ site: 'campus', state: 'ok', target: 3, counts, submitted: 0, cancelled: 0, drained: 0, planned: null },
    ...{ ids: [], idsCancelled: 0, reason: null, failure: null, pilots: [], ended: [], endsKnown: true },
    ...{ openSince: null, reasonWords: new Map(), restraint: null },
    ...more,
  };
}
function pilot(id: string, more: Partial<Pilot> = {}): Pilot {
  return {
    ...{ id, state: 'pending', reason: null, nodes: 1, node: null, tag: null, submittedAt: startSeconds },
    ...{ startedAt: null, endsAt: null, once: false, member: null, isDraining: false, toldAt: null },
    ...more,
  };
}
const running = (id: string, startedAt: number, more: Partial<Pilot> = {}): Pilot =>
  pilot(id, { state: 'running', startedAt, node: `node-of-${id}`, ...more });
const ended = (id: string, more: Partial<EndedPilot> = {}): EndedPilot => ({
  ...{ id, node: 'node1', exitCode: 0, reason: 'exited', startedAt: startSeconds + 60, endedAt: startSeconds + 120 },
  ...more,
});

const lines = (since = 0): HistoryLine[] => {
  const read = readHistory(directory.path, 'campus', since);
  if (!read.ok) throw new Error(JSON.stringify(read.failure));
  return read.value;
};
const told = (): PilotLine[] => lines().filter((line) => line.kind === 'pilot');
const events = () => told().map(({ event, id, reason }) => [event, id, ...(reason === null ? [] : [reason])].join(' '));

/** Passes one after the other, ten minutes apart. */
async function passes(...reports: Partial<SiteReport>[]): Promise<void> {
  for (const [at, one] of reports.entries()) {
    expect(await appendHistory(directory.path, report(one), start + at * 10 * minute)).toBeNull();
  }
}

describe("a site's history", () => {
  it('has a line for each pass, in a file for its owner alone', async () => {
    await passes({ counts: { ...counts, running: 2, pending: 1 }, submitted: 1, ids: ['9_0'] }, { state: 'busy' });
    expect(lines().filter(({ kind }) => kind === 'pass')).toMatchObject([
      { at: start, state: 'ok', target: 3, running: 2, pending: 1, submitted: 1 },
      { at: start + 10 * minute, state: 'busy', running: 0 },
    ]);
    expect(lines(start + minute)).toHaveLength(1);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory.path, 'history')).mode & 0o777).toBe(0o700);
  });

  it('tells each thing of a pilot once, however often passes see it', async () => {
    const waits = { pilots: [pilot('9_0'), pilot('9_1')] };
    const runs = { pilots: [running('9_0', startSeconds + 60), pilot('9_1')] };
    const end = { pilots: [pilot('9_1')], ended: [ended('9_0', { reason: 'walltime', exitCode: null })] };
    await passes({ submitted: 2, ids: ['9_0', '9_1'] }, waits, waits, runs, runs, end, end);
    expect(events()).toEqual(['submitted 9_0', 'submitted 9_1', 'started 9_0', 'ended 9_0 walltime']);
    expect(told()[2]).toMatchObject({ node: 'node-of-9_0', submittedAt: startSeconds, startedAt: startSeconds + 60 });
  });

  it('knows lives that another machine began, whole ones, and ids that a scheduler uses again', async () => {
    await passes(
      { pilots: [running('7_0', startSeconds - 600)], ended: [ended('5_0')] },
      { ended: [ended('7_0', { endedAt: startSeconds + 300 }), ended('5_0')] },
      { pilots: [pilot('7_0', { submittedAt: startSeconds + 1000 })] },
    );
    expect(events()).toEqual(['submitted 7_0', 'started 7_0', 'ended 5_0 exited', 'ended 7_0 exited', 'submitted 7_0']);
  });

  it('says that a pilot is gone only where the pass saw everything, and says it again when its own word comes', async () => {
    const seen = { pilots: [running('9_0', startSeconds), running('9_1', startSeconds)] };
    await passes(
      seen,
      seen,
      { endsKnown: false },
      { pilots: [running('9_1', startSeconds)] },
      {
        pilots: [running('9_1', startSeconds)],
        ended: [ended('9_0', { reason: 'drained' })],
      },
    );
    expect(events()).toEqual([
      'submitted 9_0',
      'started 9_0',
      'submitted 9_1',
      'started 9_1',
      'ended 9_0',
      'ended 9_0 drained',
    ]);
  });

  it('does not take for gone what was submitted while a slow pass was looking', async () => {
    await passes({ submitted: 1, ids: ['9_0'] });
    await appendHistory(directory.path, report(), start + 5 * minute);
    expect(events()).toEqual(['submitted 9_0']);
    await appendHistory(directory.path, report(), start + 15 * minute);
    expect(events()).toEqual(['submitted 9_0', 'ended 9_0']);
  });

  it('knows of a pilot that was cancelled before it could say a word', async () => {
    const waits = { pilots: [pilot('9_0')] };
    await passes(waits, { ...waits, cancelled: 1, ids: ['9_0'], idsCancelled: 1 }, {}, {});
    expect(events()).toEqual(['submitted 9_0', 'cancelled 9_0', 'ended 9_0 CANCELLED']);
  });

  it('knows the same with its checkpoint, without it, and with rubbish in its place', async () => {
    const many = Array.from({ length: 400 }, (_, at) => running(`9_${at}`, startSeconds));
    await passes({ pilots: many }, { pilots: many }, { pilots: many });
    const checkpoint = `${file()}.lives`;
    expect(existsSync(checkpoint)).toBe(true);
    expect(told()).toHaveLength(800);
    const { ino: inode } = statSync(file());
    for (const text of [
      '{',
      JSON.stringify({ inode, offset: 0 }),
      JSON.stringify({ inode: 0, offset: 0, lives: [] }),
    ]) {
      writeFileSync(checkpoint, text);
      await passes({ pilots: many });
      expect(told()).toHaveLength(800);
    }
  });

  it('passes over a torn line, and begins on a new one after it', async () => {
    await passes({ submitted: 1, ids: ['9_0'] });
    appendFileSync(file(), '{"at":"2026-11-20T08:05:00.000Z","kind":"pilot","event":"started","id":"9_0","sta');
    await appendHistory(directory.path, report(), start + 10 * minute);
    expect(lines().map(({ kind }) => kind)).toEqual(['pass', 'pilot', 'pass']);
    expect(readFileSync(file(), 'utf8')).toMatch(/"sta\n\{"at"/);
    expect(readFileSync(file(), 'utf8')).toMatch(/\n$/);
  });

  it('reads the lines of the first version, which told of passes only', () => {
    mkdirSync(join(directory.path, 'history'), { recursive: true });
    const line = { at: new Date(start).toISOString(), site: 'campus', state: 'ok', target: 3, running: 3, ids: [] };
    writeFileSync(file(), `${JSON.stringify(line)}\nnull\n[]\n{}\n{"at":7}\n"text"\n{"at":"never","state":"ok"}\n`);
    expect(lines()).toMatchObject([{ kind: 'pass', at: start, state: 'ok', running: 3 }]);
  });

  it('throws away what is older than 400 days, a month of it at a time', async () => {
    const day = 24 * 60 * minute;
    for (const at of [0, 20, 40]) await appendHistory(directory.path, report(), start + at * day);
    await appendHistory(directory.path, report(), start + 429 * day);
    expect(lines()).toHaveLength(4);
    await appendHistory(directory.path, report(), start + 431 * day);
    expect(lines().map(({ at }) => (at - start) / day)).toEqual([40, 429, 431]);
  });

  it('says why where it cannot be written', async () => {
    mkdirSync(directory.path, { recursive: true });
    writeFileSync(join(directory.path, 'history'), '');
    expect(await appendHistory(directory.path, report(), start)).toMatch(/history\/campus\.jsonl: E(EXIST|NOTDIR)/);
  });
});
