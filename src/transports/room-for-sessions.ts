import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from '../failure.ts';
import { NeverStarted, type RemoteProcess } from './transport.ts';

/** What came of one try to start a command. */
export type Started =
  | { kind: 'process'; process: RemoteProcess }
  /** The command did not start; the same may work later. */
  | { kind: 'full'; failure: Failure }
  | { kind: 'refused'; failure: Failure };

// A server at its MaxSessions refuses a channel before any command; a channel that is closing still counts there.
const openWaitsMilliseconds = [50, 100, 200, 400, 800];

/** Tries until the server has room for one more session, or a while has passed. Rejects with `NeverStarted`. */
export async function startWhenRoom(start: () => Promise<Started>, signal: AbortSignal): Promise<RemoteProcess> {
  for (const wait of [...openWaitsMilliseconds, null]) {
    if (signal.aborted) throw new NeverStarted({ kind: 'interrupted' });
    const started = await start();
    if (started.kind === 'process') return started.process;
    if (started.kind === 'refused' || wait === null)
      throw new NeverStarted(started.failure, { isFull: started.kind === 'full' });
    await sleep(wait, undefined, { signal }).catch(() => {});
  }
  throw new Error('unreachable: the last wait is null');
}
