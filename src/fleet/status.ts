import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { doubtWords, reportOf } from './pass.ts';
import { onLoginHost } from './site-login.ts';
import { failureReport, type SiteReport } from './site-report.ts';

/** Looks at a site and changes nothing there: no lock, no note in the journal. */
export function status(profile: Profile, context: Context): Promise<SiteReport> {
  return onLoginHost(profile, { looksOnly: true }, context, async (host) => {
    const look = await host.look();
    if (!look.ok) return failureReport(profile.name, profile.target, look.failure);
    const found = reportOf(profile, look.value.census);
    const reason = doubtWords(look.value.census);
    return { ...found, state: reason === null ? 'ok' : 'doubt', reason };
  });
}
