import { ok, type Result } from '../failure.ts';
import { type AttributeValue, attributesFile } from './attributes.ts';
import { type Bind, parseBinds } from './binds.ts';
import { type CvmfsOptions, type CvmfsValues, cvmfsValues } from './cvmfs.ts';
import { containerEnvironment, pidNamespaceSwitch } from './environment.ts';
import { jobContainerWords } from './job-containers.ts';
import { retirement } from './retirement.ts';
import { type StartLimits, startExpression } from './start-expression.ts';

/** Everything a profile says of a pilot that the job script carries; see `StartLimits` for whose jobs it runs. */
export interface PilotInput extends StartLimits {
  /** The site and the resource that usage is credited to. */
  pilotSite: string;
  resource: string;
  walltimeSeconds: number;
  drainMinutes: number;
  idleMinutes: number;
  squid: string | null;
  /** The pilot has GPUs. */
  gpus: boolean;
  env: { readonly [name: string]: string };
  attributes: { readonly [name: string]: AttributeValue };
  binds: readonly string[];
  /** One of `cvmfsWays`. */
  cvmfs: string;
  cvmfsOptions: CvmfsOptions | null;
}

/** The pilot's part of a script's values, and what to tell people about it. */
export interface PilotValues extends CvmfsValues {
  startExpression: string;
  containerEnvironment: readonly { name: string; escaped: string }[];
  condorNames: string;
  attributes: string;
  binds: readonly Bind[];
  gpus: boolean;
  walltimeSeconds: number;
  drainSeconds: number;
  stopSeconds: number;
}

/** A pilot that can be. */
export interface DescribedPilot {
  values: PilotValues;
  /** Whose jobs it runs: `only jobs of ada`. */
  words: string;
  /** Whether the containers that jobs bring will work in it, in one line. */
  containers: string;
  warnings: readonly string[];
}

/** The values, and what to say of them. Fails with `value-refused` at the first mistake. */
export function pilotValues(input: PilotInput): Result<DescribedPilot> {
  const start = startExpression(input);
  if (!start.ok) return start;
  const end = retirement(input);
  if (!end.ok) return end;
  const { expression, bareNames, words, warnings } = start.value;
  const { acceptHours, retireHours, drainSeconds, stopSeconds } = end.value;
  const environment = containerEnvironment({ ...input, expression, acceptHours, retireHours });
  if (!environment.ok) return environment;
  const attributes = attributesFile(input.site, input.attributes, bareNames);
  if (!attributes.ok) return attributes;
  const binds = parseBinds(input.site, input.binds);
  if (!binds.ok) return binds;
  const cvmfs = cvmfsValues(input);
  if (!cvmfs.ok) return cvmfs;
  const { variables, condorNames } = environment.value;
  const { walltimeSeconds, gpus } = input;
  const values = {
    ...{ startExpression: expression, containerEnvironment: variables, condorNames, attributes: attributes.value },
    ...cvmfs.value,
    ...{ binds: binds.value, gpus, walltimeSeconds, drainSeconds, stopSeconds },
  };
  const disablePidNamespaces = variables.some(({ name, escaped }) => name === pidNamespaceSwitch && escaped === 'true');
  return ok({ values, words, containers: jobContainerWords({ ...values, disablePidNamespaces }), warnings });
}
