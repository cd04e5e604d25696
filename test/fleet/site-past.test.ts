import { describe, expect, it } from 'vitest';
import { type HistoryLine, type PassLine, type PilotLine, readLines } from '../../src/fleet/history-lines.ts';
import { sitePast, spreadOf, together } from '../../src/fleet/site-past.ts';

const hour = 3600 * 1000;
const start = Date.parse('2026-11-19T00:00:00Z');
const period = { since: start, until: start + 48 * hour };

const passAt = (hours: number, more: Partial<PassLine> = {}): PassLine => ({
  ...{ kind: 'pass', at: start + hours * hour, state: 'ok', target: 4, running: 0, pending: 0, held: 0, suspended: 0 },
  ...{ unknown: 0, inDoubt: 0, submitted: 0, cancelled: 0, drained: 0, reason: null, nodeHours: null },
  ...more,
});
const seconds = (hours: number) => start / 1000 + hours * 3600;
const told = (event: PilotLine['event'], id: string, more: Partial<PilotLine> = {}): PilotLine => ({
  ...{ kind: 'pilot', at: start, event, id, nodes: 1, node: null, submittedAt: null, startedAt: null, endedAt: null },
  ...{ exitCode: null, reason: null },
  ...more,
});
const past = (...lines: HistoryLine[]) => sitePast('campus', lines, period, 48);

describe("a site's past", () => {
  it('has the mean of what passes saw, holds it for an hour, and then knows nothing', () => {
    const { samples, latest } = past(passAt(2.1, { running: 2 }), passAt(2.6, { running: 4, held: 1 }));
    expect(samples.slice(1, 5).map(({ counts }) => counts?.running ?? null)).toEqual([null, 3, 4, null]);
    expect(samples[2]?.counts).toEqual({ target: 4, running: 3, waiting: 0.5, other: 0 });
    expect(latest).toEqual({ target: 4, running: 4, waiting: 1, other: 0 });
  });

  it('does not take a pass that could not look for one that saw nobody', () => {
    const blind = passAt(2.5, { state: 'unreachable', reason: 'timed-out' });
    const { samples, failed, passes, latest } = past(
      passAt(2.1, { running: 4 }),
      blind,
      blind,
      passAt(2.9, { running: 0 }),
    );
    expect(samples[2]?.counts?.running).toBe(2);
    expect({ failed, passes }).toEqual({ failed: [{ reason: 'timed-out', count: 2 }], passes: 4 });
    expect(latest?.running).toBe(0);
  });

  it('counts waits of those that started and lifetimes of those that ended in the while, and node hours only within it', () => {
    const { waits, lifetimes, ends, nodeHours, days } = past(
      passAt(1),
      told('started', '1', { submittedAt: seconds(-30), startedAt: seconds(-20) }),
      told('ended', '1', { endedAt: seconds(3), reason: 'walltime', exitCode: 0 }),
      told('submitted', '2', { submittedAt: seconds(1), nodes: 2 }),
      told('started', '2', { submittedAt: seconds(1), startedAt: seconds(23), nodes: 2 }),
      told('ended', '2', { endedAt: seconds(26), reason: 'exited', exitCode: 1, nodes: 2 }),
      told('started', '3', { submittedAt: seconds(47), startedAt: seconds(47) }),
      told('ended', '4', { endedAt: seconds(99), reason: 'exited' }),
    );
    expect(waits).toEqual([0, 22 * 3600]);
    expect(lifetimes).toEqual([3 * 3600, 23 * 3600]);
    expect(ends).toEqual([
      { reason: 'walltime', exitCode: 0, count: 1 },
      { reason: 'exited', exitCode: 1, count: 1 },
    ]);
    expect(nodeHours).toBeCloseTo(3 + 2 * 3 + 1);
    expect(days.map((day) => [day.nodeHours, day.started, day.ended, day.submitted])).toEqual([
      [5, 2, 1, 2],
      [5, 1, 2, 1],
    ]);
  });

  it('counts the pilots of a job of several nodes each once, and the time of the job while none has ended', () => {
    const job = told('started', '7', { submittedAt: seconds(0), startedAt: seconds(1), nodes: 2 });
    expect(past(passAt(1), job).nodeHours).toBeCloseTo(2 * 47);
    const ends = ['7_n0', '7_n1'].map((id) =>
      told('ended', id, { startedAt: seconds(1), endedAt: seconds(5), reason: 'drained' }),
    );
    const over = past(passAt(1), job, ...ends, told('ended', '7', { endedAt: seconds(6), nodes: 2 }));
    expect(over.nodeHours).toBeCloseTo(8);
    expect(over.ends).toEqual([{ reason: 'drained', exitCode: null, count: 2 }]);
    expect(over.waits).toEqual([3600, 3600]);
  });

  it('adds sites up, and has a budget only where each of them has one', () => {
    const account = (limit: number | null) =>
      past(passAt(1, { running: 2, nodeHours: { spent: 5, committed: 1, limit } }));
    const one = account(100);
    const both = together([one, account(50), past()].slice(0, 2), period);
    expect(both.account).toEqual({ spent: 10, committed: 2, limit: 150 });
    expect(both.latest?.running).toBe(4);
    expect(both.samples[1]?.counts?.target).toBe(8);
    expect(together([one, account(null)], period).account?.limit).toBeNull();
    expect(together([one, past()], period).account?.limit).toBeNull();
    expect(together([], period)).toMatchObject({ passes: 0, account: null, samples: [] });
  });

  it('says how lengths are spread', () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([5])).toEqual({ count: 1, median: 5, ninetieth: 5, longest: 5 });
    const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
    expect(spreadOf(hundred)).toEqual({ count: 100, median: 51, ninetieth: 91, longest: 100 });
  });

  it('takes no line for what it is not', () => {
    const lines = [
      '{"at":"2026-11-20T00:00:00Z","kind":"pilot","event":"born","id":"1"}',
      '{"at":"2026-11-20","state":7}',
      '}{',
    ];
    expect(readLines(lines.join('\n'))).toEqual([]);
  });
});
