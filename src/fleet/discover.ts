import type { Context } from '../context.ts';
import type { Result } from '../failure.ts';
import type { Discovery } from '../schedulers/scheduler.ts';
import { askQueues } from './queue-knowledge.ts';
import type { SiteAccess } from './site-connection.ts';
import { onLoginHost } from './site-login.ts';

/** Asks a site's batch system what its queues offer. Changes nothing there. */
export async function discover(site: SiteAccess, dataDir: string, context: Context): Promise<Result<Discovery>> {
  const { profile } = site;
  const asked = await onLoginHost(site, { purpose: 'ask' }, context, (host) =>
    askQueues({ profile, host, dataDir, keeps: true }, context),
  );
  return asked.ok ? asked.value : asked;
}
