import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { Pilot } from '../login/census.ts';
import type { LoginHost } from '../login/login-host.ts';
import { closedNotes, reportOf, withCancelled } from './pass.ts';
import type { SiteAccess } from './site-connection.ts';
import { onLoginHost } from './site-login.ts';
import { failureReport, type SiteReport, stateOf } from './site-report.ts';
import { schedulerOf } from './site-scheduler.ts';

/** Which pilots a person wants ended. An id is a pilot's, or a submission's for all of its pilots. */
export type Wanted = { kind: 'ids'; ids: readonly string[] } | { kind: 'pending' } | { kind: 'all' };

/** Ends pilots at once; running jobs die with them. */
export async function cancel(site: SiteAccess, wanted: Wanted, dryRun: boolean, context: Context): Promise<SiteReport> {
  const { profile } = site;
  const report = await onLoginHost(site, { purpose: dryRun ? 'look' : 'change' }, context, async (host) => {
    const locked = dryRun ? ok(undefined) : await host.lock();
    if (!locked.ok) return failureReport(profile.name, profile.target, locked.failure);
    return cancelOn(host, profile, wanted, dryRun);
  });
  return report.ok ? report.value : failureReport(profile.name, profile.target, report.failure);
}

async function cancelOn(host: LoginHost, profile: Profile, wanted: Wanted, dryRun: boolean): Promise<SiteReport> {
  const look = await host.look();
  if (!look.ok) return failureReport(profile.name, profile.target, look.failure);
  const found = reportOf(profile, look.value.census);
  const ids = matching(found.pilots, wanted, profile);
  if (!ids.ok) return { ...found, state: stateOf(ids.failure), failure: ids.failure };
  if (dryRun) return { ...found, planned: { submit: 0, cancel: ids.value } };
  const diary = { notes: look.value.census.notes, forget: [], closed: closedNotes(ids.value, look.value) };
  const done = await host.cancel(ids.value, { onlyPending: wanted.kind === 'pending' }, diary);
  if (!done.ok) return { ...found, state: stateOf(done.failure), failure: done.failure };
  const failure = done.value.unrecorded;
  return { ...withCancelled(found, ids.value), failure, state: failure === null ? 'ok' : stateOf(failure) };
}

function matching(pilots: readonly Pilot[], wanted: Wanted, profile: Profile): Result<string[]> {
  // What is on its way out needs no second telling.
  if (wanted.kind === 'all') return ok(pilots.filter((pilot) => pilot.state !== 'ending').map((pilot) => pilot.id));
  if (wanted.kind === 'pending') {
    return ok(pilots.filter((pilot) => pilot.state === 'pending' || pilot.state === 'held').map((pilot) => pilot.id));
  }
  const scheduler = schedulerOf(profile);
  const of = (id: string) => pilots.filter((pilot) => pilot.id === id || scheduler.submissionIdOf(pilot.id) === id);
  const stranger = wanted.ids.find((id) => of(id).length === 0);
  if (stranger !== undefined) return failed({ kind: 'pilot-unknown', site: profile.name, id: stranger });
  return ok([...new Set(wanted.ids.flatMap(of).map((pilot) => pilot.id))]);
}
