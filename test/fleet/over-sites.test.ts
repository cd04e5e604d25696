import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { overSites } from '../../src/fleet/over-sites.ts';
import { failureReport } from '../../src/fleet/site-report.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';
import { quietContext } from '../support/shell-transport.ts';

/** Everything in one directory, as with `--config-dir`. */
const directories = (path: string) => ({ configDir: path, dataDir: path });
const report = (site: string) => failureReport(site, 0, { kind: 'interrupted' });

const config = useConfigDirectory();

/** A configuration with these sites, by name and host. */
function configured(sites: Readonly<Record<string, string>>): string {
  for (const [name, host] of Object.entries(sites)) {
    config.write(`sites/${name}.json`, JSON.stringify(exampleWith({ name, 'connection.host': host })));
  }
  return config.path;
}

const named = (count: number, host: (at: number) => string) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, host(at)]));

/** Does nothing for a while at each site, and counts how many it did at a time. */
function counting(milliseconds: (site: string) => number) {
  const seen = { now: 0, most: 0, order: [] as string[] };
  const work = async ({ profile }: { profile: { name: string } }) => {
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    await sleep(milliseconds(profile.name));
    seen.now -= 1;
    seen.order.push(profile.name);
    return report(profile.name);
  };
  return { seen, work };
}

it('works on four hosts at a time, and answers in the order of the sites', async () => {
  const sites = named(12, (at) => `host${at}`);
  const { seen, work } = counting((site) => 40 - 3 * Number(site.slice(1)));
  const reports = await overSites(directories(configured(sites)), Object.keys(sites), quietContext(), work);
  expect(seen.most).toBe(4);
  expect(seen.order).not.toEqual(Object.keys(sites));
  expect(reports.map(({ site }) => site)).toEqual(Object.keys(sites));
});

it('has four sessions at a time with one host, however it is written', async () => {
  const sites = named(9, (at) => (at % 2 === 0 ? 'login.example.org' : 'LOGIN.example.org'));
  const { seen, work } = counting(() => 20);
  await overSites(directories(configured(sites)), Object.keys(sites), quietContext(), work);
  expect(seen.most).toBe(4);
});

it('does not let slow hosts keep others from their turn', async () => {
  const sites = named(9, (at) => `host${at}`);
  const { seen, work } = counting((site) => (Number(site.slice(1)) < 4 ? 4_000 : 20));
  await overSites(directories(configured(sites)), Object.keys(sites), quietContext(), work);
  expect(seen.order.slice(0, 5).sort()).toEqual(['s4', 's5', 's6', 's7', 's8']);
});

it('tells of every site when it begins and ends, also of one whose profile cannot be read', async () => {
  const configDir = configured({ s0: 'a', s1: 'b' });
  config.write('sites/s1.json', '{ "name": ');
  const context = quietContext();
  const { work } = counting(() => 1);
  const reports = await overSites(directories(configDir), ['s0', 's1', 's2'], context, work);
  expect(reports.map(({ failure }) => failure?.kind)).toEqual(['interrupted', 'file-broken', 'profile-missing']);
  const told = context.events.map((event) => `${event.kind} ${'site' in event ? event.site : ''}`);
  expect(told.slice(0, 3)).toEqual(['site-begins s0', 'site-begins s1', 'site-begins s2']);
  expect(told.slice(3).sort()).toEqual(['site-ends s0', 'site-ends s1', 'site-ends s2']);
});
