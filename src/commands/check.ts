import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { check } from '../fleet/check.ts';
import { broken, type CheckStep, fine, inOrder } from '../fleet/check-steps.ts';

export type { CheckStep } from '../fleet/check-steps.ts';

export interface CheckReport {
  site: string;
  /** Each step once. */
  steps: readonly CheckStep[];
}

/**
 * Tries out everything that a site's pilots need, as far as the login host shows it and, where it is asked for, a compute
 * node. Makes the site's directories there.
 */
export async function checkSite(
  options: { configDir: string; dataDir: string; site: string; nodeWaitSeconds: number | null },
  context: Context,
): Promise<Result<CheckReport>> {
  const { site } = options;
  const asked = { node: options.nodeWaitSeconds !== null };
  const profile = await loadProfile(options.configDir, site);
  if (!profile.ok)
    return ok({ site, steps: inOrder([{ step: 'profile', seconds: null, ...broken(profile.failure) }], asked) });
  context.emit({ kind: 'site-begins', site });
  const steps = await check(profile.value, options, context);
  context.emit({ kind: 'site-ends', site });
  if (!steps.ok) return steps;
  const { name, pilot, scheduler } = profile.value;
  const words = fine(`${scheduler.kind}, ${pilot.resource} of ${pilot.site}; whose jobs: ${pilot.owners.join(', ')}`);
  return ok({ site: name, steps: inOrder([{ step: 'profile', seconds: null, ...words }, ...steps.value], asked) });
}
