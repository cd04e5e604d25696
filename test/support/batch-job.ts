import type { BatchJob } from '../../src/schedulers/scheduler.ts';

/** A whole-node job as the usual profile makes it. */
export const wholeNodeJob: BatchJob = {
  name: 'g-campus',
  walltimeSeconds: 43_200,
  queue: null,
  account: null,
  project: null,
  qos: null,
  constraint: null,
  reservation: null,
  nodes: 1,
  cores: null,
  memoryMB: null,
  gpus: 0,
  gpuType: null,
  gpuOption: null,
  resourceStyle: 'select',
  submitBy: 'stdin',
  extra: [],
  skip: [],
  avoid: [],
};
