import type { JobRequest } from './batch-system.ts';
import type { FaultSet } from './faults.ts';
import type { CommandGround } from './scheduler-command.ts';

/** What became of a submission. */
export type Taken =
  | { kind: 'taken'; submission: number }
  | { kind: 'refused'; because: FaultSet['refuse'] }
  /** Refused, in these words. */
  | { kind: 'refused saying'; words: string }
  /** The client gives up waiting. The jobs may be there. */
  | { kind: 'timed out' };

/** Gives a submission to the batch system, with what can go wrong on the way. */
export function takeSubmission(request: JobRequest, { system, faults }: CommandGround): Taken {
  const because = faults.take('refuse');
  if (because !== null) return { kind: 'refused', because };
  const words = faults.take('refuseSaying');
  if (words !== null) return { kind: 'refused saying', words };
  const count = request.indices?.length ?? 1;
  if (faults.take('mostAtOnce', (most) => count > most) !== null) return { kind: 'refused', because: 'capacity' };
  if (faults.take('dropThenTimeOut') !== null) return { kind: 'timed out' };
  const submission = system.submit(request, faults.take('appearAfterSeconds') ?? 0);
  return faults.take('acceptThenTimeOut') === null ? { kind: 'taken', submission } : { kind: 'timed out' };
}
