import { type SchedulerKind, schedulers } from '../../src/schedulers/index.ts';
import type { ListQuery, Output } from '../../src/schedulers/scheduler.ts';
import { type Recorded, recordedSystems, recordings } from '../support/recordings.ts';
import type { Role, Run, Subject, Traits } from './conformance.ts';
import { gridengineReading } from './gridengine-reading.ts';
import { lsfReading } from './lsf-reading.ts';
import { pbsReading } from './pbs-reading.ts';
import { slurmReading } from './slurm-reading.ts';

/** How the recordings of one kind of scheduler are read. */
export interface Reading {
  /** Folders of recordings that belong to it: `slurm-22.05.8`. */
  folder: RegExp;
  /** What the dialect would have got, in the order in which it was recorded. */
  runs(all: readonly Recorded[]): Run[];
  traits: Traits;
  query: ListQuery;
}

/** Of every kind in the table: a new one does not compile without. */
export const readings: Readonly<Record<SchedulerKind, Reading>> = {
  slurm: slurmReading,
  pbs: pbsReading,
  // None was at hand to record: the stand-in has to do.
  torque: { ...pbsReading, folder: /^torque-/ },
  lsf: lsfReading,
  gridengine: gridengineReading,
};

/** Each system and version that was recorded, with the dialect that is to understand it. */
export function recordedSubjects(): Subject[] {
  return recordedSystems().map((name) => {
    const [kind] = kinds().filter((one) => readings[one].folder.test(name));
    if (kind === undefined) throw new Error(`${name}: no scheduler of the table reads these recordings`);
    const { traits, query, runs } = readings[kind];
    return { name, scheduler: schedulers[kind], traits, query, runs: runs(recordings(name)) };
  });
}

export function kinds(): SchedulerKind[] {
  return Object.keys(schedulers) as SchedulerKind[];
}

/** One recorded command in its role; `output`: what the dialect's own program would have made of it. */
export function recordedRun(role: Role, recorded: Recorded, output: Output = recorded): Run {
  const { file, note, command } = recorded;
  const { stdout, stderr, code } = output;
  return { role, where: file, note, command, secondLook: null, stdout, stderr, code };
}
