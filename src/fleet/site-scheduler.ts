import type { Profile } from '../config/schema.ts';
import { jobNameOf } from '../pilot/tag.ts';
import { schedulers } from '../schedulers/index.ts';
import type { BatchJob, Scheduler } from '../schedulers/scheduler.ts';

/** A profile's batch system, and what it is asked for. */

/** The site's batch system. */
export function schedulerOf(profile: Profile): Scheduler {
  return schedulers[profile.scheduler.kind];
}

/** What the profile asks of the batch system; not on the nodes of `avoid`, where it can see to that. */
export function batchJobOf(profile: Profile, avoid: readonly string[] = []): BatchJob {
  const { walltimeSeconds, queue, account, project, qos, constraint, reservation } = profile.scheduler;
  const { nodesPerJob: nodes, cores, memoryMB, gpus, gpuType, gpuOption } = profile.scheduler;
  const { resourceStyle, submitBy, extra, skip } = profile.scheduler;
  return {
    name: jobNameOf(profile.name),
    ...{ walltimeSeconds, queue, account, project, qos, constraint, reservation },
    ...{ nodes, cores, memoryMB, gpus, gpuType, gpuOption, resourceStyle, submitBy, extra, skip, avoid },
  };
}
