import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { ok } from '../failure.ts';
import type { Note } from '../login/journal.ts';
import type { LoginHost } from '../login/login-host.ts';
import type { Look } from '../login/observation.ts';
import { plannedBy, reportOf } from './orders.ts';
import { planFor, type Restraint, restraintFor } from './restraint.ts';
import type { SiteAccess } from './site-connection.ts';
import { onLoginHost } from './site-login.ts';
import { failureReport, type SiteReport, stateOf } from './site-report.ts';
import { standing } from './standing.ts';

/**
 * Lets submissions go on after a pause: what was refused and what died until now is past. What the budget does not pay for
 * stays unpaid. The next pass submits.
 */
export async function resume(site: SiteAccess, dryRun: boolean, context: Context): Promise<SiteReport> {
  const { profile } = site;
  const report = await onLoginHost(site, { purpose: dryRun ? 'look' : 'change' }, context, async (host) => {
    const locked = dryRun ? ok(undefined) : await host.lock();
    if (!locked.ok) return failureReport(profile.name, profile.target, locked.failure);
    const look = await host.look();
    if (!look.ok) return failureReport(profile.name, profile.target, look.failure);
    return resumeAfter(look.value, host, site, dryRun);
  });
  return report.ok ? report.value : failureReport(profile.name, profile.target, report.failure);
}

async function resumeAfter(look: Look, host: LoginHost, { profile }: SiteAccess, dryRun: boolean): Promise<SiteReport> {
  const { census, nowSeconds: at } = look;
  const planned = dryRun ? plannedBy({ drain: [], end: [], cancel: [] }) : null;
  const found = { ...reportOf(profile, census), planned };
  if (!isHeld(restraintFor(profile, census, at))) return stood(found, look, profile, 'nothing held it back');
  const resumed: Note = { kind: 'resumed', sequence: census.nextSequence - 1, at };
  const past = { ...census.past, pause: null, resumedUpTo: resumed.sequence };
  const after = { ...look, census: { ...census, past } };
  if (dryRun) return stood(found, after, profile, 'would resume');
  const recorded = await host.record({ notes: [...census.notes, resumed], forget: [] });
  if (!recorded.ok) return { ...found, state: stateOf(recorded.failure), failure: recorded.failure };
  return stood(found, after, profile, 'resumed: the next pass submits again');
}

function stood(report: SiteReport, { census, nowSeconds }: Look, profile: Profile, words: string): SiteReport {
  const restraint = restraintFor(profile, census, nowSeconds);
  const { state, reason } = standing(report, planFor(profile, census, restraint), census, restraint);
  return { ...report, restraint, state, reason: reason === null ? words : `${words}; ${reason}` };
}

/** A pause, or a row that may become one. */
function isHeld({ brake }: Restraint): boolean {
  return brake.kind !== 'free' || brake.row !== null;
}
