import { budgetWords } from '../fleet/pause-words.ts';
import { type EndedPilot, nodesOf, type SiteReport } from '../fleet/site-report.ts';
import { isoTime } from '../iso-time.ts';
import type { Pilot } from '../login/census.ts';
import { commandLine } from '../shell.ts';
import { howItEnded } from './ending-words.ts';
import { cutRows, type Row, rowsOf } from './pilot-rows.ts';
import { countWords, cut, type Printing, paint, pilotReason, type Style, total } from './report.ts';

/** What `status` shows of one site. Pure: what time it is comes in. Times that are told are UTC, as in the JSON. */

/**
 * The site's count against its target, its pilots, and how others ended lately. Null: nothing is known of it but its
 * failure, which is told elsewhere. Words from the site are made harmless here, and on a terminal cut to its width.
 */
export function statusText(report: SiteReport, printing: Printing, nowSeconds: number): string | null {
  if (report.failure !== null && total(report) === 0 && report.pilots.length === 0) return null;
  const blocks = [pilotLines(report, printing, nowSeconds), endedLines(report, printing, nowSeconds)];
  const head = [header(report, printing), ...restraintLines(report, printing)];
  return [...head, ...connectionLines(report, printing, nowSeconds), ...blocks.flat()].join('\n');
}

/** What the pilot that died last, or the scheduler, said last; and how much of the budget is used. */
function restraintLines({ restraint }: SiteReport, printing: Printing): string[] {
  if (restraint === null) return [];
  const { brake, budget } = restraint;
  const said = brake.kind === 'paused' ? brake.pause.said.trim() : '';
  const lines = said === '' ? [] : said.split('\n').map((line) => `  | ${plain(line)}`);
  const hours = budget.nodeHours === null ? [] : [`  ${paint('dim', budgetWords(budget), printing)}`];
  return [...lines, ...hours];
}

function connectionLines({ openSince }: SiteReport, printing: Printing, nowSeconds: number): string[] {
  if (openSince === null) return [];
  return [`  ${paint('dim', `over a connection that has been up for ${duration(nowSeconds - openSince)}`, printing)}`];
}

function header(report: SiteReport, printing: Printing): string {
  const bar = printing.color && printing.unicode ? countBar(report, printing) : '';
  const reason = report.reason === null ? '' : `; ${plain(report.reason)}`;
  return `${paint('bold', report.site, printing)}: ${bar}${countWords(report)}${reason}`;
}

const barCells = 12;

/** What runs, what is on its way, and what is missing of the target. Nothing where the target is 0. */
function countBar(report: SiteReport, printing: Printing): string {
  const target = report.target ?? 0;
  if (target === 0) return '';
  const cells = (count: number) => Math.min(barCells, Math.floor((count / target) * barCells));
  const running = cells(report.counts.running);
  const there = cells(total(report));
  const parts = [
    paint('green', '█'.repeat(running), printing),
    paint('yellow', '▒'.repeat(there - running), printing),
    paint('dim', '░'.repeat(barCells - there), printing),
  ];
  return `${parts.join('')} `;
}

/** How many lines a terminal gets of one site. */
const mostRows = 40;

/** The first columns of a terminal's line are for what tells pilots apart. */
const mostCellWidth = 40;

function pilotLines(report: SiteReport, printing: Printing, nowSeconds: number): string[] {
  if (report.pilots.length === 0) return [];
  const rows = rowsOf(report.pilots);
  const { shown, left } = cutRows(rows, printing.columns === null ? rows.length : mostRows);
  const titles = ['PILOT', 'STATE', 'NODE', 'SINCE', 'UNTIL (UTC)', 'REASON'];
  const cells = shown.map((row) => rowCells(row, report, nowSeconds));
  return [...table(titles, cells, printing), ...leftLines(left, report, printing)];
}

function leftLines(left: readonly Row[], { site }: SiteReport, printing: Printing): string[] {
  if (left.length === 0) return [];
  const counts = new Map<string, number>();
  for (const { pilots } of left) {
    counts.set(pilots[0].state, (counts.get(pilots[0].state) ?? 0) + nodesOf(pilots));
  }
  const more = [...counts].map(([state, count]) => `${count} more ${state}`).join(', ');
  return [`  ${paint('dim', `… and ${more}; all: ${commandLine(['glidein', 'status', site, '--json'])}`, printing)}`];
}

interface Cell {
  text: string;
  style?: Style;
}

const stateStyles: Partial<Record<Pilot['state'], Style>> = {
  running: 'green',
  held: 'yellow',
  suspended: 'yellow',
  unknown: 'yellow',
  ending: 'dim',
};

function rowCells({ id, pilots }: Row, report: SiteReport, nowSeconds: number): Cell[] {
  const [pilot] = pilots;
  const { state, node, startedAt, submittedAt, endsAt } = pilot;
  const reason = pilotReason(pilot);
  const style = stateStyles[state];
  const since = startedAt ?? submittedAt;
  const count = nodesOf(pilots);
  return [
    { text: id },
    { text: count === 1 ? state : `${count} ${state}`, ...(style === undefined ? {} : { style }) },
    { text: node === null ? '-' : nodeWords(node, pilot.nodes) },
    { text: since === null ? '-' : duration(nowSeconds - since) },
    { text: endsAt === null ? '-' : untilWords(endsAt, nowSeconds) },
    { text: reason === null ? '' : (report.reasonWords.get(reason) ?? reason) },
  ];
}

/** The first of a job's nodes, and how many more there are. */
function nodeWords(first: string, nodes: number): string {
  return nodes === 1 ? first : `${first} +${nodes - 1}`;
}

function untilWords(endsAt: number, nowSeconds: number): string {
  const left = endsAt - nowSeconds;
  return `${left < 0 ? `${duration(-left)} over` : `in ${duration(left)}`} (${clock(endsAt)})`;
}

/** `45s`, `12m`, `2h 05m`, `3d 04h`. Two clocks may disagree: less than nothing is nothing. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${two((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${two((whole % 86_400) / 3600)}h`;
}

/** `11-20 14:05`, UTC. */
function clock(seconds: number): string {
  return isoTime(seconds)?.slice(5, 16).replace('T', ' ') ?? 'no time';
}

/** How many ended pilots are shown. */
const mostEnded = 5;

function endedLines(report: SiteReport, printing: Printing, nowSeconds: number): string[] {
  const ended = report.ended.slice(0, mostEnded);
  if (ended.length === 0) return [];
  const rows = ended.map((pilot) => endedCells(pilot, report, nowSeconds));
  const lines = ['', ...table(['ENDED LATELY', 'NODE', 'RAN', 'WHEN', 'HOW'], rows, printing)];
  const bad = ended.find((pilot) => howItEnded(pilot, report.reasonWords).isBad);
  if (bad === undefined) return lines;
  const command = commandLine(['glidein', 'logs', report.site, plain(bad.id)]);
  return [...lines, `  ${paint('dim', 'what it said:', printing)} ${command}`];
}

function endedCells(pilot: EndedPilot, report: SiteReport, nowSeconds: number): Cell[] {
  const { id, node, startedAt, endedAt } = pilot;
  const { words, isBad } = howItEnded(pilot, report.reasonWords);
  return [
    { text: id },
    { text: node ?? '-' },
    { text: startedAt === null || endedAt === null ? '-' : duration(endedAt - startedAt) },
    { text: endedAt === null ? '-' : `${duration(nowSeconds - endedAt)} ago` },
    isBad ? { text: words, style: 'yellow' } : { text: words },
  ];
}

/** Left-aligned columns below their titles. On a terminal the last one is cut where its line ends. */
function table(titles: readonly string[], rows: readonly (readonly Cell[])[], printing: Printing): string[] {
  const most = printing.columns === null ? Number.POSITIVE_INFINITY : mostCellWidth;
  const safe = rows.map((row) =>
    row.map((cell, at) => ({
      ...cell,
      text: at === titles.length - 1 ? plain(cell.text) : cut(plain(cell.text), most),
    })),
  );
  const all = [titles.map((text): Cell => ({ text, style: 'dim' })), ...safe];
  const widths = titles.map((_, at) => Math.max(...all.map((row) => row[at]?.text.length ?? 0)));
  const used = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 2);
  const lastWidth = printing.columns === null ? Number.POSITIVE_INFINITY : Math.max(12, printing.columns - used);
  return all.map((row) => {
    const last = row.length - 1;
    const texts = row.map((cell, at) => (at === last ? cut(cell.text, lastWidth) : cell.text.padEnd(widths[at] ?? 0)));
    // Blanks at the end are left away before there is colour around them.
    const end = texts.findLastIndex((text) => text.trim() !== '');
    const painted = texts.slice(0, end + 1).map((text, at) => {
      const style = row[at]?.style;
      const kept = at === end ? text.trimEnd() : text;
      return style === undefined ? kept : paint(style, kept, printing);
    });
    return `  ${painted.join('  ')}`;
  });
}

/** Words of a remote machine as one harmless line: nothing in them moves the cursor, ends the line or turns it round. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
