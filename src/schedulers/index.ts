import type { Scheduler } from './scheduler.ts';
import { slurm } from './slurm.ts';

/** The batch systems there are. A new one is one line here, a file beside it, a template and a folder of recordings. */
export const schedulers = { slurm } as const satisfies Record<string, Scheduler>;

export type SchedulerKind = keyof typeof schedulers;
