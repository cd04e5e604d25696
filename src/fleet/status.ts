import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { doubtWords, reportOf } from './pass.ts';
import { connect, openSession } from './site-login.ts';
import { failureReport, type SiteReport } from './site-report.ts';

/** Looks at a site and changes nothing there: no lock, no note in the journal. */
export async function status(profile: Profile, context: Context): Promise<SiteReport> {
  const connected = await connect(profile, context);
  if (!connected.ok) return failureReport(profile.name, profile.target, connected.failure);
  await using transport = connected.value;
  const opened = await openSession(transport, profile, { looksOnly: true }, context);
  if (!opened.ok) return failureReport(profile.name, profile.target, opened.failure);
  await using host = opened.value;
  const look = await host.look();
  if (!look.ok) return failureReport(profile.name, profile.target, look.failure);
  const found = reportOf(profile, look.value.census);
  const reason = doubtWords(look.value.census);
  return { ...found, state: reason === null ? 'ok' : 'doubt', reason };
}
