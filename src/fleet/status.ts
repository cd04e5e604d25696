import type { Context } from '../context.ts';
import type { LoginHost } from '../login/login-host.ts';
import { reportOf } from './orders.ts';
import { nodeWords } from './pause-words.ts';
import { planFor, type Restraint, restraintFor } from './restraint.ts';
import type { SiteAccess } from './site-connection.ts';
import { onLoginHost } from './site-login.ts';
import { failureReport, type SiteReport } from './site-report.ts';
import { schedulerOf } from './site-scheduler.ts';
import { standing } from './standing.ts';

/** How long ago a pilot may have ended to be told of. */
const endedLatelySeconds = 24 * 3600;

/** Looks at a site and changes nothing there: no lock, no note in the journal. */
export async function status(
  site: SiteAccess,
  { asksAccounting }: { asksAccounting: boolean },
  context: Context,
): Promise<SiteReport> {
  const { profile } = site;
  const endedSince = Math.floor(context.now() / 1000) - endedLatelySeconds;
  const options = { purpose: 'look', endedSince, asksAccounting } as const;
  const looked = await onLoginHost(site, options, context, async (host, { openSince }) => ({
    ...(await lookAt(host, site)),
    openSince: openSince ?? null,
  }));
  return looked.ok ? looked.value : failureReport(profile.name, profile.target, looked.failure);
}

async function lookAt(host: LoginHost, { profile }: SiteAccess): Promise<SiteReport> {
  const look = await host.look();
  if (!look.ok) return failureReport(profile.name, profile.target, look.failure);
  const { census, ended, nowSeconds } = look.value;
  const found = reportOf(profile, census);
  const restraint = await withLastWords(restraintFor(profile, census, nowSeconds), host);
  const { state, reason } = standing(found, planFor(profile, census, restraint), census, restraint);
  const words = [reason, nodeWords(restraint)].filter((one) => one !== null);
  const { explain } = schedulerOf(profile);
  const reasons = new Set(found.pilots.flatMap((pilot) => pilot.reason ?? []));
  const reasonWords = new Map([...reasons].flatMap((one) => wordsFor(one, explain(one))));
  return { ...found, ended, reasonWords, restraint, state, reason: words.length === 0 ? null : words.join('; ') };
}

/** A pass that pauses a site writes down what the dead pilot said last; until one has, its log is asked. */
async function withLastWords(restraint: Restraint, host: LoginHost): Promise<Restraint> {
  const { brake } = restraint;
  if (brake.kind !== 'paused' || !brake.isNew || brake.pause.id === null) return restraint;
  const pause = { ...brake.pause, said: await host.lastWords(brake.pause.id) };
  return { ...restraint, brake: { ...brake, pause } };
}

function wordsFor(reason: string, words: string | null): [string, string][] {
  return words === null ? [] : [[reason, words]];
}
