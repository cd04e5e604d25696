import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PastReport } from '../commands/report.ts';
import { systemReason, unusable } from '../config/local-file.ts';
import { ok, type Result } from '../failure.ts';
import { type Sample, type SitePast, spreadOf } from '../fleet/site-past.ts';
import { isoTime } from '../iso-time.ts';
import { accountWords, endWords, periodWords, roundHours, spreadWords } from './history-outcome.ts';
import type { Bar, PageData, PageSample, PageView, Tile } from './page-data.ts';
import { duration } from './status-table.ts';

/** A report as one page: what `npm run build` made of `page/`, with the data in its place. */

/** Where the build leaves the page: beside the directory of the program. */
const emptyPage = new URL('../report-page.html', import.meta.url);

/** Stands in the empty page where the data goes. */
const place = '"the data"';

export function reportPage(report: PastReport): Result<string> {
  try {
    const [head = '', tail = ''] = readFileSync(emptyPage, 'utf8').split(place);
    return ok(`${head}${inScript(pageData(report))}${tail}`);
  } catch (error) {
    return unusable(fileURLToPath(emptyPage), systemReason(error));
  }
}

/** JSON that no browser can take for the end of the element it stands in, or for markup, whatever its texts hold. */
function inScript(data: PageData): string {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function pageData({ sites, all }: PastReport): PageData {
  const told = sites.length > 1 ? [all, ...sites] : sites;
  return { madeAt: isoTime(all.until / 1000) ?? '', views: told.map(viewOf) };
}

function viewOf(past: SitePast): PageView {
  const { site, samples, days, waits, lifetimes, ends, account } = past;
  return {
    ...{ name: site, period: periodWords(past), tiles: tilesOf(past), account },
    samples: samples.map(({ since, counts }) => ({ at: Math.round(since), ...sampleOf(counts) })),
    days: days.map(({ since, until: _until, counts, nodeHours, ...happened }) => ({
      ...{ day: isoTime(since / 1000)?.slice(0, 10) ?? '', ...sampleOf(counts), ...happened },
      nodeHours: hundredths(nodeHours),
    })),
    ...{ waits: barsOf(waits), waitsWords: spreadWords(spreadOf(waits), 'no pilot started') },
    ...{ lifetimes: barsOf(lifetimes), lifetimesWords: spreadWords(spreadOf(lifetimes), 'no pilot ended') },
    ends: ends.map((end) => {
      const { words, isBad } = endWords(end);
      return { label: words, count: end.count, isBad };
    }),
    nodeHoursWords: `${roundHours(past.nodeHours)} used in this time${accountWords(account)}`,
  };
}

function sampleOf(counts: Sample['counts']): Omit<PageSample, 'at'> {
  if (counts === null) return { target: null, running: null, waiting: null, other: null };
  const { target, running, waiting, other } = counts;
  return {
    ...{ target: hundredths(target), running: hundredths(running) },
    ...{ waiting: hundredths(waiting), other: hundredths(other) },
  };
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

const lengths: readonly [number, string][] = [
  [60, '< 1 min'],
  [300, '1–5 min'],
  [900, '5–15 min'],
  [3600, '15–60 min'],
  [4 * 3600, '1–4 h'],
  [12 * 3600, '4–12 h'],
  [24 * 3600, '12–24 h'],
  [Number.POSITIVE_INFINITY, '> 1 day'],
];

function barsOf(seconds: readonly number[]): Bar[] {
  let from = 0;
  return lengths.map(([below, label]) => {
    const count = seconds.filter((one) => one >= from && one < below).length;
    from = below;
    return { label, count };
  });
}

function tilesOf({ latest, samples, waits, lifetimes, ends, nodeHours, account }: SitePast): Tile[] {
  const badly = ends.reduce((sum, end) => sum + (endWords(end).isBad ? end.count : 0), 0);
  const total = ends.reduce((sum, { count }) => sum + count, 0);
  const there = latest === null ? 'nobody looked' : `target ${latest.target}, ${latest.waiting} waiting`;
  return [
    tile('Running now', latest === null ? '–' : String(latest.running), there),
    tile('Of the target', shareWords(samples), 'ran, on average over this time'),
    tile('Wait', medianWords(waits), 'half started sooner'),
    tile('Lifetime', medianWords(lifetimes), 'half ran longer'),
    tile('Ended badly', String(badly), `of ${total} that ended`, badly > 0),
    tile('Node hours', roundHours(nodeHours), leftWords(account), isNearlySpent(account)),
  ];
}

function shareWords(samples: readonly Sample[]): string {
  const seen = samples.flatMap(({ counts }) => counts ?? []);
  const [ran, wanted] = [
    seen.reduce((sum, { running }) => sum + running, 0),
    seen.reduce((sum, { target }) => sum + target, 0),
  ];
  return wanted === 0 ? '–' : `${Math.round((ran / wanted) * 100)} %`;
}

function leftWords(account: SitePast['account']): string {
  if (account === null || account.limit === null) return 'used in this time';
  const left = Math.max(0, account.limit - account.spent - account.committed);
  return `used in this time; ${roundHours(left)} left of ${roundHours(account.limit)}`;
}

function isNearlySpent(account: SitePast['account']): boolean {
  return (
    account !== null && account.limit !== null && account.limit - account.spent - account.committed < account.limit / 20
  );
}

function tile(name: string, value: string, note: string, isBad = false): Tile {
  return { name, value, note, isBad };
}

function medianWords(sorted: readonly number[]): string {
  const spread = spreadOf(sorted);
  return spread === null ? '–' : duration(spread.median);
}
