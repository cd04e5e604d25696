import type { JobRequest } from './batch-system.ts';
import { type Answer, refused } from './scheduler-command.ts';

/** What differs between the two that are called PBS: OpenPBS (or PBS Pro), and Torque. */
export interface PbsFlavour {
  /** What `qstat --version` says. */
  version: Answer;
  /** `qsub`'s option for an array. */
  arrayOption: 'J' | 't';
  /** The job's variable with its index. */
  indexVariable: 'PBS_ARRAY_INDEX' | 'PBS_ARRAYID';
  /** `0-0` and `3` are arrays too. */
  takesSmallArrays: boolean;
  /** Each of an array is a job by itself, with the index behind its name. */
  elementsAreJobs: boolean;
  /** The state of what is over, where it is shown at all. */
  overState: 'F' | 'C';
  /** What is over is shown without being asked for. */
  showsOver: boolean;
  /** Exit statuses: the server's error, modulo 256. */
  codes: {
    illegalValue: number;
    unknownQueue: number;
    overLimits: number;
    noConnection: number;
    finished: number;
  };
  unknownJob(id: string): string;
  /** What `qdel` and the like say of it; `qstat` has words of its own. */
  finishedJob(id: string): string;
  /** The words for a job that can have no such resources; null: none. */
  refusalOfResources(resources: ReadonlyMap<string, string>): Answer | null;
  /** What a submission is refused with. */
  refusals: Readonly<Record<'permanent' | 'capacity' | 'transient', Answer>>;
  /** What a client says that waited in vain. */
  timedOut: Answer;
  /** What a listing shows of the resources that were asked for. */
  shownResources(request: JobRequest): Readonly<Record<string, string>>;
}

/** `qstat: Unknown Job Id 7.server`: what a client says of one thing. */
export function complaint(program: string, words: string, code: number): Answer {
  return refused(`${program}: ${words}`, code);
}
