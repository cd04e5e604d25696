import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../../src/failure.ts';
import { failureReport, type SiteReport } from '../../src/fleet/site-report.ts';
import { type Trouble, tellings, whatToTell } from '../../src/fleet/told-last.ts';
import { useConfigDirectory } from '../support/config-directory.ts';

const site = 'campus';
const lost: Failure = { kind: 'connection-lost', site, step: 'list', reason: 'cut' };
const slow: Failure = { kind: 'timed-out', site, step: 'list', seconds: 30 };
const login: Failure = { kind: 'login-needed', site, target: 'ada@login', why: 'code' };
const broken: Failure = { kind: 'image-missing', site, path: '/x' };
const failing = (failure: Failure) => failureReport(site, 3, failure);
const well: SiteReport = { ...failing(lost), state: 'ok', failure: null };
const paused: SiteReport = { ...well, state: 'paused' };

/** What is told of passes one after another, `minutes` apart. */
function toldOf(reports: readonly SiteReport[], minutes = 10): string[] {
  let before: Trouble | null = null;
  return reports.map((report, at) => {
    const { telling, after } = whatToTell(report, before, at * minutes * 60_000);
    before = after;
    return telling;
  });
}

describe('what a person is told by passes from cron', () => {
  it('is nothing where all is well', () => {
    expect(toldOf([well, well])).toEqual(['nothing', 'nothing']);
  });

  it('is what needs a person: at once, and not again', () => {
    for (const report of [failing(login), failing(broken), paused])
      expect(toldOf([report, report, report])).toEqual(['trouble', 'nothing', 'nothing']);
  });

  it('is what mends itself only when it has not, the third time in a row', () => {
    expect(toldOf([failing(lost), failing(lost), well])).toEqual(['nothing', 'nothing', 'nothing']);
    expect(toldOf([failing(lost), failing(slow), failing(lost), failing(lost)])).toEqual([
      ...['nothing', 'nothing', 'trouble', 'nothing'],
    ]);
  });

  it('is that all is well again, if there was trouble that was told', () => {
    expect(toldOf([paused, well, well])).toEqual(['trouble', 'well again', 'nothing']);
    expect(toldOf([paused, failing(lost), well])).toEqual(['trouble', 'nothing', 'well again']);
  });

  it('is another trouble, too, and once a day what lasts', () => {
    expect(toldOf([failing(login), failing(broken)])).toEqual(['trouble', 'trouble']);
    expect(toldOf(Array(5).fill(paused), 8 * 60)).toEqual(['trouble', 'nothing', 'nothing', 'trouble', 'nothing']);
  });
});

describe('the memory of what was told', () => {
  const directory = useConfigDirectory();
  const context = { signal: new AbortController().signal, now: () => 1000, emit: () => undefined, ask: null };
  const tell = (report: SiteReport) => tellings(directory.path, [report], context).get(site);

  it('lasts from one program to the next, and is no trouble where it is broken', () => {
    expect([tell(paused), tell(paused), tell(well), tell(well)]).toEqual([
      'trouble',
      'nothing',
      'well again',
      'nothing',
    ]);
    tell(paused);
    for (const rubbish of ['', '{}', 'null', '{"what":1,"times":"x"}']) {
      mkdirSync(join(directory.path, 'told'), { recursive: true });
      writeFileSync(join(directory.path, 'told', 'campus.json'), rubbish);
      expect(tell(paused)).toBe('trouble');
    }
  });
});
