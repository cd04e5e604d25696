import { describe, expect, it } from 'vitest';
import type { Printing } from '../../src/cli/report.ts';
import type { Screen } from '../../src/cli/screen.ts';
import { lookShower, redrawn } from '../../src/cli/watch-screen.ts';
import { failureReport, type SiteReport } from '../../src/fleet/site-report.ts';

const esc = '\u001b[';
const now = () => Date.UTC(2026, 10, 20, 14, 20);

describe('a picture drawn over the last one', () => {
  const size = { columns: 80, rows: 24 };

  it('wipes what is left of each line and below, and the whole screen only at first', () => {
    expect(redrawn('one\ntwo', size, true)).toBe(`${esc}2J${esc}Hone${esc}K\ntwo${esc}K\n${esc}J`);
    expect(redrawn('one\ntwo', size, false)).toBe(`${esc}Hone${esc}K\ntwo${esc}K\n${esc}J`);
  });

  it('leaves out the end of what is too tall, and says so', () => {
    const picture = Array.from({ length: 100 }, (_, at) => `line ${at}`).join('\n');
    const lines = redrawn(picture, { columns: 80, rows: 12 }, false).split('\n');
    expect(lines).toHaveLength(11);
    expect(lines.at(-3)).toBe(`line 8${esc}K`);
    expect(lines.at(-2)).toBe(`… 91 more lines${esc}K`);
  });

  it('counts a long line for as many as the terminal makes of it, without its colours', () => {
    const long = `${esc}31m${'x'.repeat(160)}${esc}39m`;
    const picture = [long, long, long, 'last'].join('\n');
    expect(redrawn(picture, { columns: 80, rows: 9 }, false)).toContain('last');
    const lines = redrawn(picture, { columns: 80, rows: 8 }, false).split('\n');
    expect(lines.slice(-2)).toEqual([`… 2 more lines${esc}K`, `${esc}J`]);
  });
});

describe('looks', () => {
  const reachable: SiteReport = { ...failureReport('alpha', 2, { kind: 'interrupted' }), state: 'ok', failure: null };
  const dead = failureReport('beta', 3, {
    kind: 'unreachable',
    site: 'beta',
    target: 'ada@beta.example.org:22',
    stage: 'connect',
    reason: 'nobody\u001b[2J there',
  });

  function shown(more: Partial<Printing>) {
    const printing = { json: false, quiet: false, verbose: false, color: false, unicode: true, columns: null, ...more };
    const out: string[] = [];
    const err: string[] = [];
    const screen: Screen = {
      results: printing,
      asides: printing,
      progress: null,
      write: (text) => out.push(String(text)),
      say: (text) => err.push(text),
    };
    const show = lookShower(screen, now);
    show([reachable, dead]);
    show([reachable]);
    return { out, err };
  }

  it('are appended in a pipe, each with its time; what failed goes to stderr', () => {
    const { out, err } = shown({});
    expect(out).toEqual([
      '2026-11-20 14:20:00 UTC\nalpha: 0 of 2 pilots\n\n',
      '2026-11-20 14:20:00 UTC\nalpha: 0 of 2 pilots\n\n',
    ]);
    expect(err).toHaveLength(1);
    expect(err[0]).toContain('beta: error: ada@beta.example.org:22 could not be reached (connect)');
  });

  it('are one JSON object a line', () => {
    const { out } = shown({ json: true });
    expect(out.map((line) => JSON.parse(line) as { sites: { site: string }[] })).toMatchObject([
      { sites: [{ site: 'alpha' }, { site: 'beta', state: 'unreachable' }] },
      { sites: [{ site: 'alpha' }] },
    ]);
    expect(out.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  });

  it('are one picture each on a terminal, with what failed, in one write', () => {
    const { out, err } = shown({ columns: 80 });
    expect(out).toHaveLength(2);
    expect(err).toEqual([]);
    expect(out[0]?.startsWith(`${esc}2J${esc}H2026-11-20 14:20:00 UTC`)).toBe(true);
    expect(out[0]).toContain('beta: error:');
    expect(out[0]).toContain('nobody?[2J there');
    expect(out[1]?.startsWith(`${esc}H2026-11-20`)).toBe(true);
    expect(out[1]).not.toContain('beta');
  });
});
