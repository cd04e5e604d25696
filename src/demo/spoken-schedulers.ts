import { spokenLsf } from './lsf-commands.ts';
import { spokenPbs } from './pbs-commands.ts';
import type { SpokenScheduler } from './scheduler-command.ts';
import { spokenSlurm } from './slurm-commands.ts';
import { spokenTorque } from './torque-commands.ts';

/** The batch systems that the stand-in can be. The first is what it is when nobody says. */
export const spokenSchedulers = {
  slurm: spokenSlurm,
  pbs: spokenPbs,
  torque: spokenTorque,
  lsf: spokenLsf,
} as const satisfies Record<string, SpokenScheduler>;

export type SpokenKind = keyof typeof spokenSchedulers;
