import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { type Mistake, ok, type Result } from '../failure.ts';
import { discover } from '../fleet/discover.ts';
import { misfits } from '../fleet/queue-knowledge.ts';
import { connect } from '../fleet/site-connection.ts';
import type { Discovery } from '../schedulers/scheduler.ts';

export interface DiscoverReport {
  site: string;
  discovery: Discovery;
  /** Where the profile asks for what the queues cannot give; empty where nothing is known of them. */
  mistakes: readonly Mistake[];
}

/** Looks at a site's queues, and whether its profile fits them. Changes nothing. */
export async function discoverSite(
  options: { configDir: string; dataDir: string; site: string },
  context: Context,
): Promise<Result<DiscoverReport>> {
  const profile = await loadProfile(options.configDir, options.site);
  if (!profile.ok) return profile;
  const site = { profile: profile.value, connect: () => connect(profile.value, options.dataDir, context) };
  const discovery = await discover(site, options.dataDir, context);
  if (!discovery.ok) return discovery;
  const mistakes = misfits(profile.value, discovery.value);
  return ok({ site: options.site, discovery: discovery.value, mistakes: [...mistakes.wrong, ...mistakes.holding] });
}
