import type { ClusterFacts, FoundScheduler } from '../login/cluster-facts.ts';
import { inDays } from '../schedulers/queue-fit.ts';
import type { Queue } from '../schedulers/scheduler.ts';

/** What `init` must know to write a profile, and what of it nobody needs to be asked for. Pure. */

/** In the order in which a person is asked; where each goes in a profile. */
export const profilePaths = {
  host: ['connection', 'host'],
  site: ['name'],
  scheduler: ['scheduler', 'kind'],
  queue: ['scheduler', 'queue'],
  account: ['scheduler', 'account'],
  project: ['scheduler', 'project'],
  walltime: ['scheduler', 'walltime'],
  gpus: ['scheduler', 'gpus'],
  cores: ['scheduler', 'cores'],
  module: ['pilot', 'modules'],
  image: ['image', 'remotePath'],
  owners: ['pilot', 'owners'],
  osgSite: ['pilot', 'site'],
  osgResource: ['pilot', 'resource'],
  token: ['pilot', 'token'],
  target: ['target'],
} as const satisfies Record<string, readonly string[]>;

export type InitKey = keyof typeof profilePaths;

/** What must be known before anybody connects, and what nothing on the cluster tells. */
export const keysBefore: readonly InitKey[] = ['host', 'site'];
export const keysOfPerson: readonly InitKey[] = ['owners', 'osgSite', 'osgResource', 'token', 'target'];
/** What the cluster tells, or gives the choices of. */
export const keysOfCluster: readonly InitKey[] = [
  ...(['scheduler', 'queue', 'account', 'project'] as const),
  ...(['walltime', 'gpus', 'cores', 'module', 'image'] as const),
];

/** A question to a person. */
export interface Question {
  key: InitKey;
  choices: readonly Choice[];
  /** What an empty line means: '' is none. null: there must be an answer. */
  otherwise: string | null;
}

/** One answer among others; the words of the batch system go with it where it has any. */
export interface Choice {
  value: string;
  queue?: Queue;
  version?: string | null;
}

/** What is known so far. */
export interface Known {
  /** As it was answered. */
  host: string | null;
  /** null: nobody has looked yet. */
  cluster: ClusterFacts | null;
  /** The batch system that was chosen, once it was. */
  found: FoundScheduler | null;
  /** The queue that was chosen, where the batch system describes it. */
  queue: Queue | null;
  /** Whether the batch system has no word for a whole node. */
  needsCores: boolean;
  /** A file of this machine where a token may be; null: there is none. */
  tokenFile: string | null;
}

/** `settled`: nobody needs to be asked; null there: the profile goes without. */
export type Inquiry = { kind: 'settled'; value: string | null } | { kind: 'open'; question: Question };

/** Whether there is anything to ask. */
export function inquiryFor(key: InitKey, known: Known): Inquiry {
  return inquiries[key](known);
}

const settled = (value: string | null): Inquiry => ({ kind: 'settled', value });

function open(key: InitKey, otherwise: string | null, choices: readonly Choice[] = []): Inquiry {
  return { kind: 'open', question: { key, choices, otherwise } };
}

const inquiries: Readonly<Record<InitKey, (known: Known) => Inquiry>> = {
  host: () => open('host', null),
  site: ({ host }) => open('site', nameFrom(host ?? '')),
  scheduler,
  queue,
  account: (known) => charged('account', known),
  project: (known) => charged('project', known),
  walltime: ({ queue }) => open('walltime', walltimeFor(queue)),
  gpus,
  cores: ({ needsCores, queue }) =>
    !needsCores
      ? settled(null)
      : queue?.coresPerNode == null
        ? open('cores', null)
        : settled(String(queue.coresPerNode)),
  module,
  image: ({ cluster }) => settled(cluster?.image ?? null),
  owners: () => open('owners', null),
  osgSite: () => open('osgSite', null),
  osgResource: () => open('osgResource', null),
  token: ({ tokenFile }) => open('token', tokenFile),
  target: () => open('target', '1'),
};

/** A name for a site, from its login host: the first part that says more than that one logs in there. */
function nameFrom(host: string): string | null {
  const labels = host
    .replace(/^.*@/, '')
    .toLowerCase()
    .split('.')
    .map((label) => label.replaceAll(/[^a-z0-9-]/g, '').slice(0, 32));
  const common = /^(?:login|ssh|hpc|cluster|head|submit|gateway|gw|www|localhost)?-?\d*$/;
  return labels.find((label) => /^[a-z0-9]/.test(label) && !common.test(label)) ?? null;
}

function scheduler({ cluster }: Known): Inquiry {
  const found = cluster?.schedulers ?? [];
  if (found.length === 1) return settled(found[0]?.kind ?? null);
  // Clients may be installed where their batch system is not.
  const [answering, silent] = [true, false].map((answers) =>
    found.filter(({ discovery }) => (discovery.kind === 'known') === answers),
  );
  const choices = [...(answering ?? []), ...(silent ?? [])].map(({ kind, version }) => ({ value: kind, version }));
  return open('scheduler', answering?.length === 1 ? (answering[0]?.kind ?? null) : null, choices);
}

function queue({ found }: Known): Inquiry {
  if (found === null || found.discovery.kind === 'unknown') return open('queue', '');
  const { queues } = found.discovery;
  const [only] = queues;
  if (only === undefined) return settled(null);
  if (queues.length === 1) return settled(only.name);
  const opened = queues.filter(({ isOpen }) => isOpen);
  const offered = opened.length === 0 ? queues : opened;
  const first = offered.find(({ isDefault }) => isDefault) ?? null;
  return open(
    'queue',
    first?.name ?? null,
    offered.map((one) => ({ value: one.name, queue: one })),
  );
}

/** What usage is charged to has another name with each batch system. */
const chargedBy = {
  slurm: 'account',
  pbs: 'account',
  torque: 'account',
  lsf: 'project',
  gridengine: 'project',
} as const;

function charged(key: 'account' | 'project', { found }: Known): Inquiry {
  if (found === null || chargedBy[found.kind] !== key) return settled(null);
  const accounts = found.discovery.kind === 'known' ? found.discovery.limits.accounts : null;
  const [only, ...others] = accounts ?? [];
  if (only !== undefined && others.length === 0) return settled(only);
  return open(
    key,
    '',
    (accounts ?? []).map((value) => ({ value })),
  );
}

/** Two days are long enough for most jobs, and short enough to be started. */
const sensibleSeconds = 2 * 86_400;

function walltimeFor(queue: Queue | null): string {
  const seconds = Math.min(queue?.maxWalltimeSeconds ?? sensibleSeconds, sensibleSeconds);
  return inDays(seconds).replace(/^0-/, '');
}

/** All of a node's: it is the pilot's alone. In the queue that takes everything, none, or most of its nodes were left out. */
function gpus({ queue }: Known): Inquiry {
  if (queue === null || queue.gpusPerNode === 0) return settled(null);
  return open('gpus', queue.isDefault ? '0' : String(queue.gpusPerNode));
}

/** Where the login node has a runtime, the nodes have it, as a rule. */
function module({ cluster }: Known): Inquiry {
  const names = cluster?.modules ?? [];
  const [first] = names;
  if (cluster?.runtime != null || first === undefined) return settled(null);
  return open('module', first, [...names.map((value) => ({ value })), { value: '' }]);
}
