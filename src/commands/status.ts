import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { type Chosen, chooseSites } from '../fleet/choose-sites.ts';
import { overSites } from '../fleet/over-sites.ts';
import { KeptConnections } from '../fleet/site-connection.ts';
import type { SiteReport } from '../fleet/site-report.ts';

export interface StatusOptions extends Chosen {
  configDir: string;
  dataDir: string;
}

type Look = StatusOptions & { kept?: KeptConnections };

/** Looks at each site and changes nothing. */
export function statusOfSites(options: StatusOptions, context: Context): Promise<Result<SiteReport[]>> {
  return look(options, { asksAccounting: true }, context);
}

async function look(options: Look, how: { asksAccounting: boolean }, context: Context): Promise<Result<SiteReport[]>> {
  const sites = await chooseSites(options.configDir, options, true);
  if (!sites.ok) return sites;
  const reports = await overSites(options, sites.value, context, async (site) => {
    // The code of a look loads while the login host answers.
    const [, { status }] = await Promise.all([site.connect(), import('../fleet/status.ts')]);
    return status(site, how, context);
  });
  return ok(reports);
}

/** Each look asks every scheduler; a login node is not to notice us. */
const leastSeconds = 5;

/**
 * Looks again `everySeconds` after the last look ended, and hands each look to `watched`, until the user interrupts: that
 * is its normal end. A look that was cut short by it is not shown. Sites that fail are looked at again too.
 */
export async function watchSites(
  options: StatusOptions & { everySeconds: number },
  watched: (reports: readonly SiteReport[]) => void,
  context: Context,
): Promise<Result<void>> {
  if (options.everySeconds < leastSeconds) return tooOften(options.everySeconds);
  await using kept = new KeptConnections();
  while (!context.signal.aborted) {
    // Accounting is slower than the queue, and is not for asking again and again.
    const reports = await look({ ...options, kept }, { asksAccounting: false }, context);
    if (!reports.ok) return reports;
    if (context.signal.aborted) break;
    watched(reports.value);
    await untilNextLook(options.everySeconds, context.signal);
  }
  return ok(undefined);
}

function tooOften(seconds: number): Result<never> {
  const message = `--watch ${seconds} asks the schedulers too often; ${leastSeconds} seconds is the least`;
  return failed({ kind: 'usage', message, hint: `glidein status --watch ${leastSeconds}` });
}

async function untilNextLook(seconds: number, signal: AbortSignal): Promise<void> {
  // It rejects for one reason only: the signal.
  await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
}
