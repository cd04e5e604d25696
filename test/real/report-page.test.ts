import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleWith } from '../support/example-profile.ts';
import { glidein } from '../support/glidein.ts';
import { installMissing } from '../support/install.ts';
import { writeMadeUpHistory } from '../support/made-up-history.ts';

let directory: string;
let browser: Browser;

beforeAll(async () => {
  await installMissing((line) => console.log(line), ['chromium']);
  directory = mkdtempSync(join(tmpdir(), 'glidein-page-'));
  mkdirSync(join(directory, 'sites'), { recursive: true, mode: 0o700 });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', chromiumSandbox: false });
}, 600_000);

afterAll(async () => {
  await browser?.close();
  rmSync(directory, { recursive: true, force: true });
});

function addSite(name: string, history: Parameters<typeof writeMadeUpHistory>[2] | null): void {
  writeFileSync(join(directory, 'sites', `${name}.json`), JSON.stringify(exampleWith({ name })), { mode: 0o600 });
  if (history !== null) writeMadeUpHistory(directory, name, history);
}

/** The page, opened from its file; whatever goes wrong in it, or goes out from it, is gathered. */
async function open(file: string, more: { colorScheme?: 'light' | 'dark'; width?: number } = {}) {
  const { colorScheme = 'light', width = 1280 } = more;
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height: 900 },
    timezoneId: 'America/New_York',
  });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) wrong.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  return { page, wrong, close: () => context.close() };
}

/** The first colour that is painted of an area, to see that something is there at all. */
const paintedCharts = (page: Page) =>
  page.$$eval('canvas', (all) =>
    all.map((canvas) => {
      const drawn = canvas as unknown as {
        width: number;
        height: number;
        getContext(kind: '2d'): { getImageData(...at: number[]): { data: Uint8ClampedArray } };
      };
      const { data } = drawn.getContext('2d').getImageData(0, 0, drawn.width, drawn.height);
      return new Set(Array.from({ length: data.length / 4 }, (_, at) => data.slice(4 * at, 4 * at + 4).join())).size;
    }),
  );

describe('the page of a report', () => {
  let file: string;

  beforeAll(async () => {
    const until = Date.now();
    addSite('campus', { until, days: 30, target: 24, limit: 20_000, seed: 7 });
    addSite('physics', { until, days: 30, target: 10, limit: null, seed: 11 });
    addSite('quiet', null);
    file = join(directory, 'report.html');
    const made = await glidein(directory, ['report', '--html', file]);
    expect(made).toMatchObject({ code: 0, stdout: `${file}\n`, stderr: '' });
  });

  it('is one file for its owner alone, written whole', async () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).not.toMatch(/(?:src|href)="?https?:/);
    const nowhere = await glidein(directory, ['report', '--html', '/proc/report.html']);
    expect(nowhere.code).toBe(2);
    expect(existsSync('/proc/report.html')).toBe(false);
  });

  it.each(['light', 'dark'] as const)(
    'shows all charts in %s, without a complaint and without a network',
    async (colorScheme) => {
      const { page, wrong, close } = await open(file, { colorScheme });
      expect(await page.locator('figure h3').allTextContents()).toEqual([
        'Pilots against the target',
        'How long pilots waited',
        'How long pilots ran',
        'How pilots ended',
        'Node hours a day',
      ]);
      expect((await paintedCharts(page)).every((colours) => colours > 3)).toBe(true);
      const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const [red = 0] = background.match(/\d+/g)?.map(Number) ?? [];
      expect(red < 60).toBe(colorScheme === 'dark');
      const kept = process.env['GLIDEIN_TEST_PICTURES'];
      if (kept) await page.screenshot({ path: join(kept, `report-${colorScheme}.png`), fullPage: true });
      await page.getByRole('link', { name: 'campus' }).click();
      if (kept) await page.screenshot({ path: join(kept, `campus-${colorScheme}.png`), fullPage: true });
      expect(wrong).toEqual([]);
      await close();
    },
  );

  it('is used by keyboard: another site, the values of a chart, the table behind it', async () => {
    const { page, wrong, close } = await open(file);
    expect(await page.locator('main h2').textContent()).toBe('all sites');
    const reach = async (selector: string) => {
      for (let presses = 0; presses < 60; presses += 1) {
        if ((await page.locator(selector).and(page.locator(':focus')).count()) === 1) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`Tab does not reach ${selector}`);
    };
    await reach('nav a >> text=physics');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('main h2').textContent()).toBe('physics');
    expect(await page.locator(':focus').textContent()).toBe('physics');
    await reach('canvas >> nth=0');
    const said = () => page.locator('#said').textContent();
    await page.keyboard.press('End');
    expect(await said()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d, running: \d+.*, waiting: \d+.*, target: 10$/);
    const last = await said();
    await page.keyboard.press('ArrowLeft');
    expect(await said()).not.toBe(last);
    await reach('summary >> nth=0');
    expect(await said()).toBe('');
    await page.keyboard.press('Enter');
    expect(await page.locator('details[open] tbody tr').count()).toBeGreaterThan(29);
    expect(wrong).toEqual([]);
    await close();
  });

  it('fits a narrow screen, follows the system from light to dark, and has something to say where nothing happened', async () => {
    const { page, wrong, close } = await open(file, { width: 360 });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(() => page.locator('canvas').count()).toBe(5);
    await page.getByRole('link', { name: 'quiet' }).click();
    await expect.poll(() => page.locator('.none').count()).toBe(5);
    expect(wrong).toEqual([]);
    await close();
  });

  it('shows words from a cluster as words, whatever they are', async () => {
    const hostile =
      '</script><script>document.title="broken"</script><!-- <img src=x onerror=alert(1)> \u2028 &amp; $& $1';
    const at = new Date().toISOString();
    const lines = [
      { at, kind: 'pass', site: 'campus', state: 'unreachable', target: 1, reason: hostile },
      {
        at,
        kind: 'pilot',
        event: 'ended',
        id: hostile,
        nodes: 1,
        startedAt: Date.now() / 1000 - 60,
        endedAt: Date.now() / 1000 - 1,
        reason: hostile,
        exitCode: 1,
      },
    ];
    const other = mkdtempSync(join(tmpdir(), 'glidein-hostile-'));
    mkdirSync(join(other, 'sites'), { mode: 0o700 });
    mkdirSync(join(other, 'history'));
    writeFileSync(join(other, 'sites', 'campus.json'), JSON.stringify(exampleWith({ name: 'campus' })), {
      mode: 0o600,
    });
    writeFileSync(join(other, 'history', 'campus.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const made = join(other, 'report.html');
    expect(await glidein(other, ['report', '--html', made])).toMatchObject({ code: 0, stderr: '' });
    const { page, wrong, close } = await open(made);
    expect(await page.title()).toBe('Pilots at campus');
    expect(await page.locator('.period').textContent()).toContain(hostile);
    expect(await page.locator('details tbody th', { hasText: '</script>' }).textContent()).toBe(`${hostile} (exit 1)`);
    expect(await page.locator('img').count()).toBe(0);
    expect(wrong).toEqual([]);
    await close();
    rmSync(other, { recursive: true });
  });
});
