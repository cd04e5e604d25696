import type { ChartConfiguration, ChartDataset, Scale } from 'chart.js';
import type { Bar, PageSample, PageView } from '../src/cli/page-data.ts';
import { element } from './element.ts';

/** What a view shows: each chart with its words, and the same as a table. */

export interface Card {
  title: string;
  words: string;
  isWide: boolean;
  /** Rows of bars that must find room above one another. */
  rows?: number;
  config: ChartConfiguration;
  table: { titles: readonly string[]; rows: readonly (readonly string[])[] };
  /** Nothing to draw. */
  isEmpty: boolean;
  /** What stands below the chart. */
  more: readonly Node[];
}

export function cardsOf(view: PageView): Card[] {
  return [
    pilots(view),
    lengths('How long pilots waited', view.waitsWords, view.waits, '--waiting'),
    lengths('How long pilots ran', view.lifetimesWords, view.lifetimes, '--running'),
    ends(view),
    nodeHours(view),
  ];
}

/** A colour of the style sheet, as it is now: light or dark. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function pilots({ samples, days }: PageView): Card {
  const hasOthers = samples.some(({ other }) => other !== null && other > 0);
  const datasets = [
    area('running', '--running', samples, ({ running }) => running),
    area('waiting', '--waiting', samples, ({ waiting }) => waiting),
    ...(hasOthers ? [area('suspended, unknown or in doubt', '--other', samples, ({ other }) => other)] : []),
    target(samples),
  ];
  return {
    title: 'Pilots against the target',
    words: 'As passes saw them; a gap is where no pass looked. Times are UTC.',
    isWide: true,
    isEmpty: samples.every(({ target }) => target === null),
    more: [],
    config: {
      type: 'line',
      data: { datasets },
      options: {
        interaction: { mode: 'index', intersect: false },
        scales: { x: timeAxis(samples), y: countAxis({ stacked: true }) },
        plugins: {
          legend: { display: true },
          tooltip: { callbacks: { title: ([item]) => (item === undefined ? '' : moment(item.parsed.x ?? 0)) } },
        },
      },
    },
    table: {
      titles: ['Day', 'Target', 'Running', 'Waiting', 'Submitted', 'Started', 'Ended'],
      rows: days.map(({ day, target, running, waiting, submitted, started, ended }) => [
        ...[day, ...[target, running, waiting].map((value) => (value === null ? '–' : value.toFixed(1)))],
        ...[submitted, started, ended].map(String),
      ]),
    },
  };
}

type Samples = PageView['samples'];
type Pick = (sample: PageSample) => number | null;

function area(label: string, name: string, samples: Samples, pick: Pick): ChartDataset<'line'> {
  const points = samples.map((sample) => ({ x: sample.at, y: pick(sample) }));
  return {
    ...{ label, data: points, stack: 'pilots', stepped: true, fill: label === 'running' ? 'origin' : '-1' },
    ...{ backgroundColor: `${colour(name)}cc`, borderColor: colour(name), borderWidth: 1 },
  };
}

function target(samples: Samples): ChartDataset<'line'> {
  const data = samples.map(({ at, target }) => ({ x: at, y: target }));
  return {
    ...{ label: 'target', data, stack: 'target', stepped: true, fill: false },
    ...{ borderColor: colour('--target'), borderWidth: 2, borderDash: [6, 4], backgroundColor: 'transparent' },
  };
}

function lengths(title: string, words: string, bars: readonly Bar[], name: string): Card {
  return {
    ...{ title, words, isWide: false, isEmpty: bars.every(({ count }) => count === 0), more: [] },
    config: {
      type: 'bar',
      data: {
        labels: bars.map(({ label }) => label),
        datasets: [{ label: 'pilots', data: bars.map(({ count }) => count), backgroundColor: colour(name) }],
      },
      options: { scales: { x: everyCategory(), y: countAxis({}) } },
    },
    table: { titles: ['Time', 'Pilots'], rows: bars.map(({ label, count }) => [label, String(count)]) },
  };
}

/** More ways to end than that are one bar. */
const mostEnds = 8;

function ends({ ends: all }: PageView): Card {
  const rest = all.slice(mostEnds).reduce((sum, { count }) => sum + count, 0);
  const bars = [...all.slice(0, mostEnds), ...(rest === 0 ? [] : [{ label: 'others', count: rest, isBad: false }])];
  const bad = all.filter(({ isBad }) => isBad).reduce((sum, { count }) => sum + count, 0);
  return {
    title: 'How pilots ended',
    words: bad === 0 ? 'All of them as they should.' : `${bad} not as they should: marked with “!”.`,
    ...{ isWide: false, isEmpty: bars.length === 0, more: [], rows: bars.length },
    config: {
      type: 'bar',
      data: {
        labels: bars.map(({ label, isBad }) => lines(isBad ? `! ${label}` : label)),
        datasets: [
          {
            ...{ label: 'pilots', data: bars.map(({ count }) => count) },
            backgroundColor: bars.map(({ isBad }) => colour(isBad ? '--bad' : '--fine')),
          },
        ],
      },
      options: { indexAxis: 'y', scales: { y: everyCategory(), x: countAxis({}) } },
    },
    table: {
      titles: ['How', 'Pilots', 'As it should'],
      rows: all.map(({ label, count, isBad }) => [label, String(count), isBad ? 'no' : 'yes']),
    },
  };
}

/** A long label on as many lines as it needs, but three. */
function lines(text: string): string[] {
  const found: string[] = [];
  for (const word of text.split(' ')) {
    const last = found.at(-1);
    if (last !== undefined && last.length + word.length < 26) found[found.length - 1] = `${last} ${word}`;
    else found.push(word);
  }
  return found.length <= 3 ? found : [...found.slice(0, 2), `${found[2]} …`];
}

function nodeHours({ days, nodeHoursWords, account }: PageView): Card {
  return {
    title: 'Node hours a day',
    words: nodeHoursWords,
    isWide: false,
    isEmpty: days.every((day) => day.nodeHours === 0),
    more: account === null || account.limit === null ? [] : [budget(account.spent, account.committed, account.limit)],
    config: {
      type: 'bar',
      data: {
        labels: days.map(({ day }) => dayWords(Date.parse(day))),
        datasets: [
          { label: 'node hours', data: days.map((day) => day.nodeHours), backgroundColor: colour('--running') },
        ],
      },
      options: { scales: { x: categories(), y: countAxis({}) } },
    },
    table: { titles: ['Day', 'Node hours'], rows: days.map((day) => [day.day, day.nodeHours.toFixed(1)]) },
  };
}

function budget(spent: number, committed: number, limit: number): Node {
  const hours = (value: number) => Math.round(value).toLocaleString('en');
  const words = `${hours(spent)} spent and ${hours(committed)} committed of ${hours(limit)} node hours`;
  const meter = element('meter', {
    ...{ min: '0', max: String(limit), value: String(Math.min(limit, spent + committed)) },
    ...{ high: String(limit * 0.9), optimum: '0', 'aria-label': words },
  });
  return element('div', { class: 'budget' }, meter, element('p', { class: 'note' }, `Budget: ${words}`));
}

function grid(): { color: string } {
  return { color: colour('--grid') };
}

function countAxis(more: { stacked?: boolean }) {
  return { ...more, beginAtZero: true, grid: grid(), border: { display: false }, ticks: { precision: 0 } };
}

function categories() {
  return { grid: { display: false }, ticks: { autoSkipPadding: 12, maxRotation: 0 } };
}

/** Each has its label, if need be aslant. */
function everyCategory() {
  return { grid: { display: false }, ticks: { autoSkip: false, maxRotation: 50 } };
}

const hour = 3600 * 1000;
const steps = [
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
  24 * hour,
  48 * hour,
  168 * hour,
  336 * hour,
  1008 * hour,
  4032 * hour,
];
const mostTicks = 9;

/** Ticks at full hours or days, UTC. */
function timeAxis(samples: Samples) {
  const [min = 0, max = 0] = [samples[0]?.at, samples.at(-1)?.at];
  const step = steps.find((one) => (max - min) / one <= mostTicks) ?? (max - min) / mostTicks;
  const first = Math.ceil(min / step) * step;
  const values = Array.from({ length: Math.floor((max - first) / step) + 1 }, (_, at) => ({
    value: first + at * step,
  }));
  return {
    ...{ type: 'linear' as const, min, max, grid: grid() },
    afterBuildTicks: (scale: Scale) => {
      scale.ticks = values;
    },
    ticks: { maxRotation: 0, callback: (value: string | number) => tickWords(Number(value)) },
  };
}

function tickWords(at: number): string {
  const text = moment(at);
  return text.endsWith('00:00') ? dayWords(at) : text.slice(11);
}

/** `Nov 20`, UTC. */
function dayWords(at: number): string {
  return new Date(at).toLocaleDateString('en', { month: 'short', day: 'numeric', timeZone: 'UTC' });
}

/** `2026-11-20 14:05`, UTC. */
function moment(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
