import { type StandIn, type StandInOptions, startStandIn } from '../../src/demo/stand-in.ts';
import { waitUntil } from './wait-until.ts';

/** The stand-in login node and batch system, or the reason why this machine cannot have it. */
export async function standIn(options: StandInOptions = {}): Promise<StandIn> {
  const started = await startStandIn(options);
  if (!started.ok) throw new Error(JSON.stringify(started.failure));
  return started.value;
}

/** The ids of the jobs that have not ended, as the scheduler writes them: from the batch system, not from any listing. */
export function aliveIn({ system, scheduler }: StandIn): string[] {
  return system.alive().map(scheduler.jobId).sort();
}

/** Starts the job of this id now, as the batch system would. */
export function startJob({ system, scheduler }: StandIn, id: string): void {
  const job = system.alive().find((one) => scheduler.jobId(one) === id);
  if (job === undefined || !system.startNow(job)) throw new Error(`the job ${id} cannot be started`);
}

/** Waits for what must come soon. */
export function until(condition: () => boolean, seconds = 10): Promise<void> {
  return waitUntil('what should happen with the stand-in', seconds, condition, 20);
}
