import { ok, type Result } from '../failure.ts';
import { type Sample, type SitePast, type Spread, spreadOf } from '../fleet/site-past.ts';
import { isoTime } from '../iso-time.ts';
import { howItEnded } from './ending-words.ts';
import { done, type Outcome } from './outcome.ts';
import { columns, forTerminal, type Printing, paint } from './report.ts';
import { duration } from './status-table.ts';

/** What `history` and `report` say of the past. Days are UTC, as all times that are told. */

export function historyOutcome(past: Result<SitePast>): Result<Outcome> {
  if (!past.ok) return past;
  const text = (printing: Printing) => forTerminal(historyText(past.value, printing));
  return ok({ ...done(pastJson(past.value), null), text });
}

/** A site's past as the JSON that `history --json` prints. */
export function pastJson(past: SitePast): object {
  const { site, since, until, passes, failed, samples, days, waits, lifetimes, ends, nodeHours, account } = past;
  return {
    ...{ site, since: isoTime(since / 1000), until: isoTime(until / 1000), passes, failed },
    samples: samples.map(({ since: at, counts }) => ({ at: isoTime(at / 1000), ...countsJson(counts) })),
    days: days.map(({ since: at, until: _until, counts, ...day }) => ({
      ...{ day: dayOf(at), ...countsJson(counts), ...day },
      nodeHours: rounded(day.nodeHours),
    })),
    ...{ waitSeconds: spreadOf(waits), lifetimeSeconds: spreadOf(lifetimes), ends },
    ...{ nodeHours: rounded(nodeHours), account },
  };
}

function countsJson(counts: Sample['counts']): object {
  const { target, running, waiting, other } = counts ?? { target: null, running: null, waiting: null, other: null };
  const round = (value: number | null) => (value === null ? null : rounded(value));
  return { target: round(target), running: round(running), waiting: round(waiting), other: round(other) };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function dayOf(at: number): string {
  return isoTime(at / 1000)?.slice(0, 10) ?? '-';
}

/** How wide a sparkline is: what stands beside it still fits 80 columns. */
const sparkCells = 48;

function historyText(past: SitePast, printing: Printing): string {
  const head = `${paint('bold', past.site, printing)}: ${periodWords(past)}`;
  if (past.passes === 0)
    return `${head}\nno pass from this machine in that time; glidein top-up ${past.site} makes one`;
  return [head, ...sparkLines(past, printing), '', ...dayLines(past, printing), '', ...summaryLines(past)].join('\n');
}

/** `7 days to 2026-11-20 21:00 UTC, 1008 passes`. */
export function periodWords({ since, until, passes, failed }: SitePast): string {
  const days = Math.round((until - since) / 86_400_000);
  const blind = failed.reduce((sum, { count }) => sum + count, 0);
  const end =
    isoTime(until / 1000)
      ?.slice(0, 16)
      .replace('T', ' ') ?? '';
  const saw = blind === 0 ? '' : `, of which ${blind} could not look (${failed.map(failureWords).join(', ')})`;
  return `${counted(days, 'day')} to ${end} UTC, ${counted(passes, 'pass', 'passes')}${saw}`;
}

function failureWords({ reason, count }: SitePast['failed'][number]): string {
  return `${count} ${reason}`;
}

/** `1 pilot`, `2 pilots`. */
function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function sparkLines({ samples }: SitePast, printing: Printing): string[] {
  const most = Math.max(1, ...samples.flatMap(({ counts }) => (counts === null ? [] : Object.values(counts))));
  return (['target', 'running', 'waiting'] as const).map((name) => {
    const values = samples.map(({ counts }) => counts?.[name] ?? null);
    const seen = values.filter((value) => value !== null);
    const last = values.at(-1) ?? null;
    const now = last === null ? 'now unknown' : `now ${rounded(last)}`;
    const line = sparkline(values, most, printing);
    const range =
      seen.length === 0 ? 'nobody looked' : `${rounded(Math.min(...seen))} to ${rounded(Math.max(...seen))}, ${now}`;
    return `  ${name.padEnd(8)}${line}  ${range}`;
  });
}

/** The highest value of each of so many cells, all lines of one scale. A gap is where no pass looked. */
function sparkline(values: readonly (number | null)[], most: number, printing: Printing): string {
  const levels = printing.unicode ? '▁▂▃▄▅▆▇█' : '_.-:=+*#';
  return Array.from({ length: sparkCells }, (_, cell) => {
    const from = Math.floor((cell * values.length) / sparkCells);
    const to = Math.floor(((cell + 1) * values.length) / sparkCells);
    const seen = values.slice(from, to).filter((value) => value !== null);
    if (seen.length === 0) return ' ';
    return levels[Math.ceil((Math.max(...seen) / most) * (levels.length - 1))] ?? ' ';
  }).join('');
}

function dayLines({ days }: SitePast, printing: Printing): string[] {
  const titles = ['DAY', 'TARGET', 'RUNNING', 'WAITING', 'SUBMITTED', 'STARTED', 'ENDED', 'NODE HOURS'];
  const rows = days.map(({ since, counts, submitted, started, ended, nodeHours }) => [
    dayOf(since),
    ...[counts?.target, counts?.running, counts?.waiting].map((value) =>
      value === undefined ? '-' : value.toFixed(1),
    ),
    ...[submitted, started, ended].map(String),
    nodeHours.toFixed(1),
  ]);
  const [head = '', ...lines] = columns([titles, ...rows]);
  return [paint('dim', `  ${head}`, printing), ...lines.map((line) => `  ${line}`)];
}

/** Waiting, running, ends and node hours, a line each. */
export function summaryLines({ waits, lifetimes, ends, nodeHours, account }: SitePast): string[] {
  const total = ends.reduce((sum, { count }) => sum + count, 0);
  const row = (name: string, words: string) => `  ${name.padEnd(12)}${words}`;
  return [
    row('waited', spreadWords(spreadOf(waits), 'no pilot started')),
    row('ran', spreadWords(spreadOf(lifetimes), 'no pilot ended')),
    row('node hours', `${roundHours(nodeHours)}${accountWords(account)}`),
    ...(total === 0 ? [] : [row('ended', counted(total, 'pilot'))]),
    ...ends.map((end) => `    ${String(end.count).padStart(6)}  ${endWords(end).words}`),
  ];
}

/** `half up to 5m, …`. */
export function spreadWords(spread: Spread | null, none: string): string {
  if (spread === null) return none;
  const { count, median, ninetieth, longest } = spread;
  const words = `half up to ${duration(median)}, nine of ten up to ${duration(ninetieth)}, longest ${duration(longest)}`;
  return count === 1 ? `${duration(median)} (one pilot)` : `${words} (${count} pilots)`;
}

/** What the site's own account says, of all time. */
export function accountWords(account: SitePast['account']): string {
  if (account === null) return '';
  const { spent, committed, limit } = account;
  const of =
    limit === null ? '' : ` of ${roundHours(limit)}; ${roundHours(Math.max(0, limit - spent - committed))} left`;
  return `; in all ${roundHours(spent)} spent and ${roundHours(committed)} committed${of}`;
}

/** `7.5`, `21,836`: few need a part of many hours. */
export function roundHours(hours: number): string {
  return hours < 100 ? String(Math.round(hours * 10) / 10) : Math.round(hours).toLocaleString('en');
}

const noWords = new Map<string, string>();

/** How pilots ended, in words, and whether somebody should look into it. */
export function endWords({ reason, exitCode }: SitePast['ends'][number]): { words: string; isBad: boolean } {
  if (reason === null) return { words: 'left no word: killed, or its node failed', isBad: true };
  const pilot = { id: '', node: null, startedAt: null, endedAt: null, reason, exitCode };
  return howItEnded(pilot, noWords);
}
