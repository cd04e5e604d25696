import * as v from 'valibot';
import { type SchedulerKind, schedulers } from '../schedulers/index.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import { choice, line, lineThat, list, matching, nullable, onOff, section, whole } from './schema-pieces.ts';
import { parseWalltime, shortestWalltimeSeconds } from './walltime.ts';

/** The section `scheduler` of a profile. What is particular to a batch system comes from the table. */

const walltimeForm = 'must be a wall clock [D-]HH:MM:SS, such as 24:00:00 or 2-00:00:00';

const walltime = v.pipe(
  lineThat(walltimeForm),
  v.check((value) => parseWalltime(value) !== null, walltimeForm),
  v.check(
    (value) => (parseWalltime(value) ?? shortestWalltimeSeconds) >= shortestWalltimeSeconds,
    'must be at least 00:30:00: a shorter pilot only starts and drains',
  ),
);

const kinds = Object.keys(schedulers) as [SchedulerKind, ...SchedulerKind[]];

const keysOf = (kind: SchedulerKind): Scheduler['keys'] => schedulers[kind].keys;

/** Every way to ask for GPUs, whatever the batch system. */
const gpuOptions = [...new Set([...kinds.flatMap((kind) => keysOf(kind).choices.gpuOption), 'none'])];

const schedulerKeys = section({
  kind: choice(kinds),
  walltime,
  queue: nullable(line),
  account: nullable(line),
  project: nullable(line),
  qos: nullable(line),
  constraint: nullable(line),
  reservation: nullable(line),
  /** null: the whole node. */
  cores: nullable(whole(1, 4_096)),
  /** null: all of the node's. */
  memoryMB: nullable(whole(1, 67_108_864)),
  /** Each gets a pilot. */
  nodesPerJob: v.optional(whole(1, 10_000), 1),
  gpus: v.optional(whole(0, 1_024), 0),
  gpuType: nullable(
    matching(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be the name that the batch system has for them, such as a100'),
  ),
  /** null: the scheduler's usual one. */
  gpuOption: nullable(v.picklist(gpuOptions, `must be one of ${gpuOptions.join(', ')}`)),
  resourceStyle: v.optional(choice(['select', 'legacy']), 'select'),
  /** A site that refuses `bsub < script` is given its path, which the nodes must see. */
  submitBy: v.optional(choice(['stdin', 'file']), 'stdin'),
  arrays: v.optional(onOff, true),
  /** Directives of the user's own, verbatim. */
  extra: list(line),
  /** Options that must not be emitted here. */
  skip: list(matching(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be the name of an option without its dashes, such as mem')),
});

type Particular =
  | 'gpuOption'
  | 'resourceStyle'
  | 'submitBy'
  | 'qos'
  | 'project'
  | 'reservation'
  | 'gpuType'
  | 'nodesPerJob';

type Value = string | number | null;

/** What is wrong with a key for this batch system alone; null: nothing. */
function particularMistake(kind: SchedulerKind, key: Particular, value: Value): string | null {
  if (value === null || value === 'select' || value === 'stdin' || value === 1) return null;
  const { choices, without } = keysOf(kind);
  if (key === 'gpuOption') {
    const known = [...choices.gpuOption, 'none'];
    return known.includes(String(value)) ? null : `${value} is not for ${kind}; use ${orOf(known)}`;
  }
  if (key === 'resourceStyle' || key === 'submitBy')
    return choices[key] === undefined ? `has no effect with ${kind}; remove it` : null;
  return without[key] ?? null;
}

function orOf(words: readonly string[]): string {
  return words.join(', ').replace(/, (?=[^,]*$)/, ' or ');
}

type Section = v.InferOutput<typeof schedulerKeys>;

/** What the check of one key is given: the kind, and this key alone. */
type Given = Pick<Section, 'kind' | Particular>;

type Paths = readonly [readonly ['kind'], readonly [Particular]];

/** That the key's value is one for this batch system; said of the key. */
function suits(key: Particular) {
  const mistakeIn = (given: Given) => particularMistake(given.kind, key, given[key]);
  return v.forward(
    v.partialCheck<Section, Paths, Given, (issue: v.PartialCheckIssue<Given>) => string>(
      [['kind'], [key]],
      (given) => mistakeIn(given) === null,
      ({ input }) => mistakeIn(input) ?? '',
    ),
    [key],
  );
}

export const scheduler = v.pipe(
  schedulerKeys,
  suits('gpuOption'),
  suits('resourceStyle'),
  suits('submitBy'),
  suits('qos'),
  suits('project'),
  suits('reservation'),
  suits('nodesPerJob'),
  suits('gpuType'),
  v.forward(
    v.partialCheck(
      [['gpus'], ['gpuType']],
      ({ gpus, gpuType }) => gpus > 0 || gpuType === null,
      'has no effect while scheduler.gpus is 0; remove it',
    ),
    ['gpuType'],
  ),
  v.forward(
    v.partialCheck(
      [['gpus'], ['gpuOption']],
      ({ gpus, gpuOption }) => gpus > 0 || gpuOption === null,
      'has no effect while scheduler.gpus is 0; remove it',
    ),
    ['gpuOption'],
  ),
  v.forward(
    v.partialCheck(
      [['gpuType'], ['gpuOption']],
      ({ gpuType, gpuOption }) => gpuType === null || gpuOption !== 'none',
      'has no effect while scheduler.gpuOption is none; remove it',
    ),
    ['gpuType'],
  ),
);
