import type { Profile } from '../config/schema.ts';
import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import type { Failure } from '../failure.ts';
import { appendHistory } from './history.ts';
import { loginHostOf } from './login-host-of.ts';
import { type KeptConnections, SharedConnection, type SiteAccess } from './site-connection.ts';
import { failureReport, type SiteReport } from './site-report.ts';

type Work<Report> = (site: SiteAccess) => Promise<Report>;

/** How many login hosts are talked to at a time. */
const hostsAtOnce = 4;
/** How many sessions one login host gets at a time: sshd's MaxSessions is 10, and others of this user may need some. */
const sessionsAtOnce = 4;
/** A host that takes longer is waited for, not worked with: another one takes its turn. */
const slowMilliseconds = 2000;

/** Where profiles are, what is remembered, and what is open. */
export interface Directories {
  configDir: string;
  dataDir: string;
  /** Connections of an earlier time, and for a later one; absent: each time makes its own. */
  kept?: KeptConnections;
}

/**
 * Does the same work for several sites, side by side, in one connection for each login host; one that fails or is slow
 * holds up no other. The reports are in the order of the sites.
 */
export function overSites(
  directories: Directories,
  sites: readonly string[],
  context: Context,
  work: Work<SiteReport>,
): Promise<SiteReport[]> {
  const unread = (site: string, failure: Failure) => failureReport(site, null, failure);
  return overEach(directories, sites, context, { work, unread });
}

/** The same for work that is no pass; `unread` is the report of a site whose profile cannot be read. */
export async function overEach<Report extends { site: string }>(
  { configDir, dataDir, kept }: Directories,
  sites: readonly string[],
  context: Context,
  { work, unread }: { work: Work<Report>; unread(site: string, failure: Failure): Report },
): Promise<Report[]> {
  const reports = new Map<string, Report>();
  const done = (report: Report) => {
    reports.set(report.site, report);
    context.emit({ kind: 'site-ends', site: report.site });
  };
  for (const site of sites) context.emit({ kind: 'site-begins', site });
  const profiles = await readable(configDir, sites, (site, failure) => done(unread(site, failure)));
  const hosts = groupedByHost(profiles);
  const workOn = (host: readonly Profile[]) =>
    overHost(host, { dataDir, kept: kept ?? null }, context, async (site) => done(await work(site)));
  await (hosts.length === 1 ? workOn(hosts[0] ?? []) : overHosts(hosts, workOn));
  return sites.flatMap((site) => reports.get(site) ?? []);
}

async function readable(
  configDir: string,
  sites: readonly string[],
  unread: (site: string, failure: Failure) => void,
): Promise<Profile[]> {
  const loaded = await Promise.all(sites.map(async (site) => ({ site, profile: await loadProfile(configDir, site) })));
  return loaded.flatMap(({ site, profile }) => {
    if (profile.ok) return [profile.value];
    unread(site, profile.failure);
    return [];
  });
}

function groupedByHost(profiles: readonly Profile[]): Profile[][] {
  const hosts = new Map<string, Profile[]>();
  for (const profile of profiles) {
    const key = loginHostOf(profile);
    hosts.set(key, [...(hosts.get(key) ?? []), profile]);
  }
  return [...hosts.values()];
}

async function overHosts(
  hosts: readonly (readonly Profile[])[],
  workOn: (host: readonly Profile[]) => Promise<void>,
): Promise<void> {
  const { default: PQueue } = await import('p-queue');
  const queue = new PQueue({ concurrency: hostsAtOnce });
  const inTurn = async (host: readonly Profile[]) => {
    let isSlow = false;
    const watch = setTimeout(() => {
      isSlow = true;
      queue.concurrency += 1;
    }, slowMilliseconds);
    try {
      await workOn(host);
    } finally {
      clearTimeout(watch);
      if (isSlow) queue.concurrency -= 1;
    }
  };
  await queue.addAll(hosts.map((host) => () => inTurn(host)));
}

async function overHost(
  profiles: readonly Profile[],
  connections: { dataDir: string; kept: KeptConnections | null },
  context: Context,
  work: (site: SiteAccess) => Promise<void>,
): Promise<void> {
  await using connection = new SharedConnection({ isShared: profiles.length > 1, ...connections }, context);
  const tasks = profiles.map((profile) => () => work(connection.accessFor(profile)));
  const [only] = tasks;
  if (tasks.length === 1 && only !== undefined) return await only();
  const { default: PQueue } = await import('p-queue');
  await new PQueue({ concurrency: sessionsAtOnce }).addAll(tasks);
}

/** Writes what a pass found and did to the site's history. A diary that cannot be written is a warning. */
export async function remembered(dataDir: string, report: SiteReport, context: Context): Promise<SiteReport> {
  if (report.planned !== null) return report;
  context.emit({ kind: 'step', site: report.site, step: 'report' });
  const problem = await appendHistory(dataDir, report, context.now());
  if (problem !== null)
    context.emit({ kind: 'warning', site: report.site, text: `the history cannot be written: ${problem}` });
  return report;
}
