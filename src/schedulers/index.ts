import { gridengine } from './gridengine.ts';
import { lsf } from './lsf.ts';
import { pbs } from './pbs.ts';
import type { Scheduler } from './scheduler.ts';
import { slurm } from './slurm.ts';
import { torque } from './torque.ts';

/** The batch systems there are. A new one is one line here, a file beside it, a template and a folder of recordings. */
export const schedulers = { slurm, pbs, torque, lsf, gridengine } as const satisfies Record<string, Scheduler>;

export type SchedulerKind = keyof typeof schedulers;
