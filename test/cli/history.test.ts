import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';
import { glidein } from '../support/glidein.ts';
import { writeMadeUpHistory } from '../support/made-up-history.ts';

const directory = useConfigDirectory();
const until = Date.now();
const weeks = { until, days: 20, target: 12, limit: 9000, seed: 3 };
const addSite = (name: string) => directory.write(`sites/${name}.json`, JSON.stringify(exampleWith({ name })));
const call = (args: string[], env = {}) => glidein(directory.path, args, { env });

describe('history', () => {
  it('is a table of days below lines of what waited and ran', async () => {
    addSite('campus');
    writeMadeUpHistory(directory.path, 'campus', weeks);
    const { code, stdout, stderr } = await call(['history', 'campus', '--days', '3'], { LC_ALL: 'C.UTF-8' });
    if (process.env['GLIDEIN_SHOW']) console.log(stdout);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^campus: 3 days to \d{4}-\d\d-\d\d \d\d:\d\d UTC, 43\d passes$/);
    for (const [at, name] of ['target', 'running', 'waiting'].entries())
      expect(lines[at + 1]).toMatch(new RegExp(`^  ${name} +[▁▂▃▄▅▆▇█ ]{48}  \\d.* to \\d.*, now \\d`));
    expect(lines[5]).toMatch(/^ {2}DAY +TARGET +RUNNING +WAITING +SUBMITTED +STARTED +ENDED +NODE HOURS$/);
    expect(stdout).toMatch(/^ {2}waited {6}half up to .*pilots\)$/m);
    expect(stdout).toMatch(/^ {2}node hours .* committed of 9,000; .* left$/m);
    expect(stdout).toMatch(/^ +\d+ {2}drained: its wall clock was nearly over \(exit 0\)$/m);
    const ascii = await call(['history', 'campus'], { LC_ALL: 'C' });
    expect(ascii.stdout).toMatch(/^ {2}running +[_.:=+*# -]{48} {2}/m);
  });

  it('has no numbers to tell where no pass could look', async () => {
    addSite('campus');
    const line = {
      at: new Date(until - 1000).toISOString(),
      kind: 'pass',
      state: 'unreachable',
      target: 3,
      reason: 'timed-out',
    };
    mkdirSync(join(directory.path, 'history'));
    writeFileSync(join(directory.path, 'history', 'campus.jsonl'), `${JSON.stringify(line)}\n`);
    const { code, stdout } = await call(['history', 'campus']);
    expect(code).toBe(0);
    expect(stdout).toContain('1 pass, of which 1 could not look (1 timed-out)');
    expect(stdout).toMatch(/^ {2}running +nobody looked$/m);
    expect(stdout).not.toMatch(/Infinity|NaN|undefined/);
    expect((await call(['report'])).stdout).not.toMatch(/Infinity|NaN|undefined/);
  });

  it('is an object with --json', async () => {
    addSite('campus');
    writeMadeUpHistory(directory.path, 'campus', weeks);
    const json = JSON.parse((await call(['history', 'campus', '--json'])).stdout);
    expect(Object.keys(json)).toEqual([
      ...['site', 'since', 'until', 'passes', 'failed', 'samples', 'days', 'waitSeconds', 'lifetimeSeconds', 'ends'],
      ...['nodeHours', 'account'],
    ]);
    expect(json.days.at(-1)).toMatchObject({ day: new Date(until).toISOString().slice(0, 10), target: 12 });
    expect(json.samples).toHaveLength(336);
    expect(json.waitSeconds).toMatchObject({ count: expect.any(Number), median: expect.any(Number) });
  });

  it('says so where no pass was made, where there is no site, and where no file could be meant', async () => {
    addSite('campus');
    expect((await call(['history', 'campus'])).stdout).toContain(
      'no pass from this machine in that time; glidein top-up campus',
    );
    expect(await call(['history', 'kampus'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there are campus'),
    });
    mkdirSync(join(directory.path, 'history'), { recursive: true });
    writeFileSync(join(directory.path, 'secret.jsonl'), '{}\n');
    expect(await call(['history', '../secret'])).toMatchObject({ code: 2, stdout: '' });
  });

  it('outlives the profile', async () => {
    writeMadeUpHistory(directory.path, 'campus', weeks);
    expect(await call(['history', 'campus'])).toMatchObject({ code: 0, stdout: expect.stringContaining('12') });
  });
});

describe('report', () => {
  it('tells of each site, and of all together', async () => {
    for (const site of ['campus', 'physics']) {
      addSite(site);
      writeMadeUpHistory(directory.path, site, weeks);
    }
    const { code, stdout } = await call(['report']);
    if (process.env['GLIDEIN_SHOW']) console.log(stdout);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^campus: 30 days[\s\S]*^physics: 30 days[\s\S]*^all sites: 30 days/m);
    expect(stdout).toMatch(/^ {2}pilots +\d+\.\d running and \d+\.\d waiting on average, target \d+\.\d$/m);
    expect((await call(['report', 'campus'])).stdout).not.toContain('all sites');
    const json = JSON.parse((await call(['report', '--json'])).stdout);
    expect(Object.keys(json)).toEqual(['file', 'sites', 'all']);
    expect(json.all.nodeHours).toBeCloseTo(2 * json.sites[0].nodeHours, 0);
  });
});
