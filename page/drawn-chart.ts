import {
  type ActiveElement,
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';
import { element } from './element.ts';
import { type Card, colour } from './view-cards.ts';

/** A card on the page: the chart, its words, the same as a table, and keys that go from one value to the next. */

Chart.register(BarController, BarElement, LineController, LineElement, PointElement);
Chart.register(CategoryScale, LinearScale, Filler, Legend, Tooltip);

/** What is on the page, to be taken away again. */
export interface Drawn {
  destroy(): void;
}

export function drawChart(card: Card, place: HTMLElement): Drawn {
  const { title, words, isWide, isEmpty, more, rows = 0 } = card;
  const canvas = element('canvas', {
    tabindex: '0',
    role: 'img',
    'aria-label': `${title}. ${words} Arrow keys tell the values.`,
  });
  const drawing = element(
    'div',
    { class: 'drawn' },
    isEmpty ? element('p', { class: 'none' }, 'nothing in this time') : canvas,
  );
  const caption = element('figcaption', {}, words);
  const table = element('details', {}, element('summary', {}, 'As a table'), tableOf(card));
  place.append(
    element('figure', isWide ? { class: 'wide' } : {}, element('h3', {}, title), caption, drawing, ...more, table),
  );
  if (rows > 5) drawing.style.height = `${rows * 2.9}rem`;
  if (isEmpty || !(canvas instanceof HTMLCanvasElement)) return { destroy: () => undefined };
  setDefaults();
  const chart = new Chart(canvas, card.config);
  listenToKeys(chart, canvas);
  return chart;
}

function setDefaults(): void {
  const { defaults } = Chart;
  defaults.animation = false;
  defaults.maintainAspectRatio = false;
  defaults.color = colour('--soft');
  defaults.font.family = getComputedStyle(document.body).fontFamily;
  defaults.font.size = 12;
  defaults.elements.point.radius = 0;
  defaults.elements.point.hoverRadius = 4;
  defaults.datasets.bar.maxBarThickness = 34;
  defaults.elements.bar.borderRadius = 3;
  defaults.plugins.legend.display = false;
  defaults.plugins.legend.align = 'start';
  defaults.plugins.legend.labels.boxWidth = 14;
  defaults.plugins.legend.labels.boxHeight = 10;
  // It would hide a line; who does not use a mouse could not bring it back.
  defaults.plugins.legend.onClick = () => undefined;
  defaults.plugins.tooltip.intersect = false;
}

function tableOf({ table: { titles, rows } }: Card): HTMLElement {
  const head = element('tr', {}, ...titles.map((title) => element('th', { scope: 'col' }, title)));
  const body = rows.map(([first = '', ...rest]) =>
    element('tr', {}, element('th', { scope: 'row' }, first), ...rest.map((text) => element('td', {}, text))),
  );
  const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
  return element('div', { tabindex: '0' }, table);
}

function listenToKeys(chart: Chart, canvas: HTMLCanvasElement): void {
  const count = chart.data.datasets[0]?.data.length ?? 0;
  let at = -1;
  const moves: Partial<Record<string, () => number>> = {
    ArrowRight: () => at + 1,
    ArrowDown: () => at + 1,
    ArrowLeft: () => at - 1,
    ArrowUp: () => at - 1,
    PageDown: () => at + Math.ceil(count / 10),
    PageUp: () => at - Math.ceil(count / 10),
    Home: () => 0,
    End: () => count - 1,
    Escape: () => -1,
  };
  canvas.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (move === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    at = event.key === 'Escape' ? -1 : Math.min(count - 1, Math.max(0, move()));
    point(chart, at);
  });
  canvas.addEventListener('blur', () => {
    at = -1;
    point(chart, at);
  });
}

/** Points at one value of all lines, as the mouse would, and says it; -1: at none. */
function point(chart: Chart, index: number): void {
  const active = index < 0 ? [] : elementsAt(chart, index);
  const [first] = active;
  const { x = 0, y = 0 } = first?.element.getProps(['x', 'y']) ?? {};
  chart.setActiveElements(active);
  chart.tooltip?.setActiveElements(active, { x, y });
  chart.update();
  const { title = [], body = [] } = chart.tooltip ?? {};
  const words = first === undefined ? [] : [...title, ...body.flatMap(({ lines }) => lines)];
  document.getElementById('said')?.replaceChildren(words.join(', '));
}

function elementsAt(chart: Chart, index: number): ActiveElement[] {
  return chart.data.datasets.flatMap((_, datasetIndex) => {
    const found = chart.getDatasetMeta(datasetIndex).data[index];
    return found === undefined || Number.isNaN(found.getProps(['y'])['y'])
      ? []
      : [{ element: found, datasetIndex, index }];
  });
}
