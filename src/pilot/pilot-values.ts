import { failed, ok, type Result } from '../failure.ts';
import { type AttributeValue, attributesFile } from './attributes.ts';
import { type Bind, parseBinds } from './binds.ts';
import { containerEnvironment } from './environment.ts';
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
  env: { readonly [name: string]: string };
  attributes: { readonly [name: string]: AttributeValue };
  binds: readonly string[];
  /** `auto`, `bind` or `none`. */
  cvmfs: string;
}

/** The pilot's part of a script's values, and what to tell people about it. */
export interface PilotValues {
  startExpression: string;
  containerEnvironment: readonly { name: string; escaped: string }[];
  condorNames: string;
  attributes: string;
  binds: readonly Bind[];
  cvmfs: string;
  walltimeSeconds: number;
  drainSeconds: number;
  stopSeconds: number;
}

/** The values, the limit in words (`only jobs of ada`) and the warnings. Fails with `value-refused` at the first mistake. */
export function pilotValues(
  input: PilotInput,
): Result<{ values: PilotValues; words: string; warnings: readonly string[] }> {
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
  if (!['auto', 'bind', 'none'].includes(input.cvmfs)) {
    const reason = `${input.cvmfs} is not supported yet; auto, bind and none are`;
    return failed({ kind: 'value-refused', site: input.site, key: 'pilot.cvmfs', reason });
  }
  const { variables, condorNames } = environment.value;
  const { cvmfs, walltimeSeconds } = input;
  const values = {
    ...{ startExpression: expression, containerEnvironment: variables, condorNames, attributes: attributes.value },
    ...{ binds: binds.value, cvmfs, walltimeSeconds, drainSeconds, stopSeconds },
  };
  return ok({ values, words, warnings });
}
