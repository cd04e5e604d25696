import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { type Census, hasNotStarted, type Pilot } from '../login/census.ts';
import type { Note } from '../login/journal.ts';
import type { LoginHost, Orders, Told } from '../login/login-host.ts';
import type { Look } from '../login/observation.ts';
import type { SiteAccess } from './site-connection.ts';
import { onLoginHost } from './site-login.ts';
import { failureReport, foundReport, nodesOf, type SiteReport, stateOf } from './site-report.ts';
import { schedulerOf } from './site-scheduler.ts';

/** What a person or a pass tells pilots to do, and what that comes to. */

/** Which pilots a person means. An id is a job's, for all of its pilots, or a submission's for all of its pilots. */
export type Wanted = { kind: 'ids'; ids: readonly string[] } | { kind: 'pending' } | { kind: 'all' };

/** What the pilots that a person means are told. */
export type OrdersFor = (meant: readonly Pilot[], nowSeconds: number) => Orders & { reason: string | null };

/** Looks, and tells the pilots that a person means, under the site's lock. With `dryRun` nothing is told or locked. */
export async function order(
  site: SiteAccess,
  { wanted, dryRun, ordersFor }: { wanted: Wanted; dryRun: boolean; ordersFor: OrdersFor },
  context: Context,
): Promise<SiteReport> {
  const { profile } = site;
  const report = await onLoginHost(site, { purpose: dryRun ? 'look' : 'change' }, context, async (host) => {
    const locked = dryRun ? ok(undefined) : await host.lock();
    if (!locked.ok) return failureReport(profile.name, profile.target, locked.failure);
    const look = await host.look();
    if (!look.ok) return failureReport(profile.name, profile.target, look.failure);
    const found = reportOf(profile, look.value.census);
    const meant = matching(found.pilots, wanted, profile);
    if (!meant.ok) return { ...found, state: stateOf(meant.failure), failure: meant.failure };
    const { reason, ...orders } = ordersFor(meant.value, look.value.nowSeconds);
    if (dryRun) return { ...found, reason, planned: plannedBy(orders) };
    return { ...(await tell(host, orders, look.value, found)), reason };
  });
  return report.ok ? report.value : failureReport(profile.name, profile.target, report.failure);
}

async function tell(host: LoginHost, orders: Orders, look: Look, found: SiteReport): Promise<SiteReport> {
  const diary = { notes: look.census.notes, forget: [], ...notesOf(orders, look) };
  const done = await host.tell(orders, diary);
  if (!done.ok) return { ...found, state: stateOf(done.failure), failure: done.failure };
  const failure = done.value.unrecorded;
  return { ...withOrders(found, orders), failure, state: failure === null ? 'ok' : stateOf(failure) };
}

function matching(pilots: readonly Pilot[], wanted: Wanted, profile: Profile): Result<readonly Pilot[]> {
  // What is on its way out needs no second telling.
  if (wanted.kind === 'all') return ok(pilots.filter((pilot) => pilot.state !== 'ending'));
  if (wanted.kind === 'pending') return ok(pilots.filter(hasNotStarted));
  const scheduler = schedulerOf(profile);
  const of = (id: string) => pilots.filter((pilot) => pilot.id === id || scheduler.submissionIdOf(pilot.id) === id);
  const stranger = wanted.ids.find((id) => of(id).length === 0);
  if (stranger !== undefined) return failed({ kind: 'pilot-unknown', site: profile.name, id: stranger });
  return ok([...new Set(wanted.ids.flatMap(of))]);
}

/** What was found at a site, before anything was done about it. */
export function reportOf(profile: Profile, census: Census): SiteReport {
  return foundReport(profile.name, profile.target, census);
}

/** What a pass or a command would do. */
export function plannedBy(orders: Pick<Orders, 'drain' | 'end' | 'cancel'>): NonNullable<SiteReport['planned']> {
  return { submit: 0, ship: [], cancel: cancelled(orders), drain: drained(orders) };
}

/** The report once the orders were taken. What drains still counts. */
export function withOrders(found: SiteReport, orders: Orders): SiteReport {
  const gone = new Set(cancelled(orders));
  const drains = new Set(drained(orders));
  const counts = { ...found.counts };
  for (const pilot of found.pilots) {
    if (gone.has(pilot.id) && pilot.state !== 'ending') counts[pilot.state] -= pilot.nodes;
  }
  const of = (ids: ReadonlySet<string>) => nodesOf(found.pilots.filter(({ id }) => ids.has(id)));
  const ids = [...gone, ...drains];
  return { ...found, counts, cancelled: of(gone), drained: of(drains), ids, idsCancelled: gone.size };
}

function cancelled({ end, cancel }: Pick<Orders, 'end' | 'cancel'>): string[] {
  return [...new Set([...end, ...cancel])];
}

/** One that is cancelled because it has not started gets a mark, too, in case it starts just then. */
function drained({ drain, ...others }: Pick<Orders, 'drain' | 'end' | 'cancel'>): string[] {
  const gone = new Set(cancelled(others));
  return drain.filter((id) => !gone.has(id));
}

/** What the journal needs to know of orders. */
export function notesOf({ end, cancel }: Orders, look: Look): Told {
  const noted = <Kind extends 'closed' | 'told'>(kind: Kind, ids: readonly string[]) => {
    const meant = new Set(ids);
    return look.census.pilots.flatMap(({ id, member }): Note[] =>
      meant.has(id) && member !== null ? [{ kind, member, at: look.nowSeconds }] : [],
    );
  };
  return { closed: noted('closed', cancel), told: noted('told', end) };
}
