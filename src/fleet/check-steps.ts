import type { Failure } from '../failure.ts';

/** The steps of `check`, in the order in which one needs the other. */
export const stepNames = [
  'profile',
  'token',
  'job',
  'transport',
  'name',
  'port',
  'host-key',
  'login',
  'shell',
  'start-up',
  'clock',
  'directories',
  'space',
  'lock',
  'scheduler',
  'listing',
  'queue',
  'account',
  'cores',
  'image',
  'runtime',
  'cvmfs',
  'outbound',
  'addresses',
] as const;

/** What `--node` adds: the same from a compute node, where a job has tried it. */
export const nodeStepNames = [
  'node',
  'node-user',
  'node-clock',
  'node-marks',
  'node-logs',
  'node-image',
  'node-modules',
  'node-runtime',
  'node-userns',
  'node-fuse',
  'node-container',
  'node-nested',
  'node-scratch',
  'node-files',
  'node-cvmfs',
  'node-squid',
  'node-pool',
  'node-registry',
  'node-gpus',
] as const;

export type NodeStepName = (typeof nodeStepNames)[number];

export type StepName = (typeof stepNames)[number] | NodeStepName;

/** What came of a step. `skipped`: it was not tried, because another failed, or because there is nothing to try. */
export interface CheckStep {
  step: StepName;
  state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** null: it was no wait of its own, or did not end. */
  seconds: number | null;
  said: Said;
}

/** In words, or the failure that a pass would end with. */
export type Said = Words | { failure: Failure };

export interface Words {
  message: string;
  /** What to type, or to do, next. */
  hint: string | null;
  /** Of what failed: the profile, or what it names, is wrong (2), or it may be better later (3). */
  exitCode: 0 | 2 | 3;
}

/** A step but for its name and time, which whoever tried it knows. */
export type Verdict = Pick<CheckStep, 'state' | 'said'>;

export function fine(message: string): Verdict {
  return { state: 'ok', said: { message, hint: null, exitCode: 0 } };
}

export function doubtful(message: string, hint: string | null = null): Verdict {
  return { state: 'warning', said: { message, hint, exitCode: 0 } };
}

/** Wrong in the profile, or in what it names. */
export function wrong(message: string, hint: string): Verdict {
  return { state: 'failed', said: { message, hint, exitCode: 2 } };
}

/** Not as it should be there, and perhaps better later. */
export function later(message: string, hint: string): Verdict {
  return { state: 'failed', said: { message, hint, exitCode: 3 } };
}

export function broken(failure: Failure): Verdict {
  return { state: 'failed', said: { failure } };
}

/** Not tried: what it needs failed before. */
export const untried: Verdict = { state: 'skipped', said: { message: 'not tried', hint: null, exitCode: 0 } };

/** There was nothing to try. */
export function needless(message: string): Verdict {
  return { state: 'skipped', said: { message, hint: null, exitCode: 0 } };
}

/** Every step once, those of a node only where one is asked for: what nobody came to is not tried. */
export function inOrder(found: readonly CheckStep[], { node }: { node: boolean }): CheckStep[] {
  return [...stepNames, ...(node ? nodeStepNames : [])].map(
    (step) => found.find((one) => one.step === step) ?? { step, seconds: null, ...untried },
  );
}
