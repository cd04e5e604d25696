import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { SiteReport } from '../fleet/site-report.ts';
import { type TopUpOptions, topUpSites } from './top-up.ts';

export interface KeepOptions extends TopUpOptions {
  everySeconds: number;
}

/** More often would trouble the login nodes. */
const leastSeconds = 10;

/**
 * Passes until the user interrupts: that is its normal end. Each reads the profiles anew, and begins so long after the one
 * before began; one that has begun is brought to its end, so that no submission is left in doubt. What a pass came to is
 * handed to `made`; one that found a mistake, too.
 */
export async function keepSites(
  options: KeepOptions,
  made: (reports: Result<SiteReport[]>) => void,
  context: Context,
): Promise<Result<void>> {
  const { everySeconds } = options;
  if (everySeconds < leastSeconds) {
    const message = `--every ${everySeconds}s asks the schedulers too often; ${leastSeconds} seconds is the least`;
    return failed({ kind: 'usage', message, hint: `glidein keep --every ${leastSeconds}s` });
  }
  // A first signal ends what waits between passes; a second one ends the program where it stands.
  const uninterrupted = { ...context, signal: new AbortController().signal };
  while (!context.signal.aborted) {
    const next = context.now() + everySeconds * 1000;
    made(await topUpSites(options, uninterrupted));
    await untilThen(next - context.now(), context.signal);
  }
  return ok(undefined);
}

async function untilThen(milliseconds: number, signal: AbortSignal): Promise<void> {
  // It rejects for one reason only: the signal.
  await sleep(Math.max(0, milliseconds), undefined, { signal }).catch(() => undefined);
}
