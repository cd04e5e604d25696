import type { PageData, PageView } from '../src/cli/page-data.ts';
import { type Drawn, drawChart } from './drawn-chart.ts';
import { element } from './element.ts';
import { cardsOf } from './view-cards.ts';

/** The page of `glidein report --html`: a table of all sites, and one of them, or all together, in charts. */

const data: PageData = JSON.parse(document.getElementById('data')?.textContent ?? '');
const main = document.getElementById('view') ?? document.body;
const nav = document.getElementById('sites') ?? document.body;
let drawn: Drawn[] = [];

function show(): void {
  const view = chosen();
  for (const one of drawn) one.destroy();
  if (view === undefined) return;
  const charts = element('div', { class: 'charts' });
  main.replaceChildren(
    element('h2', {}, view.name),
    element('p', { class: 'period' }, view.period),
    element('dl', { class: 'tiles' }, ...view.tiles.map(tile)),
    charts,
  );
  drawn = cardsOf(view).map((card) => drawChart(card, charts));
  nav.replaceChildren(...(data.views.length > 1 ? [siteTable(view)] : []));
  document.title = `Pilots at ${view.name}`;
}

/** The site that the address names, else the first. */
function chosen(): PageView | undefined {
  const asked = location.hash.startsWith('#site=') ? decodeURIComponent(location.hash.slice('#site='.length)) : null;
  return data.views.find(({ name }) => name === asked) ?? data.views[0];
}

function tile({ name, value, note, isBad }: PageView['tiles'][number]): HTMLElement {
  return element(
    'div',
    isBad ? { class: 'bad' } : {},
    element('dt', {}, name),
    element('dd', { class: 'value' }, value),
    element('dd', { class: 'note' }, note),
  );
}

function siteTable(view: PageView): HTMLElement {
  const names = data.views[0]?.tiles.map(({ name }) => name) ?? [];
  const head = element('tr', {}, ...['Site', ...names].map((name) => element('th', { scope: 'col' }, name)));
  return element(
    'table',
    {},
    element('thead', {}, head),
    element('tbody', {}, ...data.views.map((one) => siteRow(one, view))),
  );
}

function siteRow(one: PageView, view: PageView): HTMLElement {
  const link = element('a', { href: `#site=${encodeURIComponent(one.name)}` }, one.name);
  if (one === view) link.setAttribute('aria-current', 'true');
  return element(
    'tr',
    one === view ? { class: 'chosen' } : {},
    element('th', { scope: 'row' }, link),
    ...one.tiles.map(({ value }) => element('td', {}, value)),
  );
}

/** The table is made anew: who used a link in it stays there. */
function chooseAnother(): void {
  const wasInside = nav.contains(document.activeElement);
  show();
  if (wasInside) nav.querySelector<HTMLElement>('[aria-current]')?.focus();
}

document.getElementById('made')?.append(`made by glidein, ${data.madeAt.slice(0, 16).replace('T', ' ')} UTC`);
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#site=')) chooseAnother();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', chooseAnother);
show();
