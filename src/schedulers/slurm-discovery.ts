import { commandLine, quote } from '../shell.ts';
import type { Discovery, Output, Queue, SubmitLimits } from './scheduler.ts';

/**
 * What Slurm's queues offer and allow, asked of its own clients in one program. Each client may fail without spoiling
 * the others: a cluster without accounting has queues all the same.
 */

const separator = '\u001f';

// Hidden partitions too: one that the profile names must not seem to be missing. --exact gives a line for each kind of
// node instead of `16+`. The accounting is asked last, and not for long: its database may be away for hours.
const partitions = ['scontrol', '--all', '--oneliner', 'show', 'partition'];
const nodeFormat = ['%R', '%D', '%c', '%m', '%G'].join(separator);
const nodes = ['sinfo', '--all', '--noheader', '--exact', `--format=${nodeFormat}`];
const settings = ['ClusterName', 'MaxArraySize', 'MaxJobCount', 'SchedulerParameters', 'AccountingStorageEnforce'];
const qos = ['sacctmgr', '-nPr', 'show', 'qos', 'format=name,maxsubmitpu,maxsubmitpa,grpsubmit'];
const associations =
  'sacctmgr -nPr show assoc where user="$(id -un)" format=cluster,account,maxsubmit,grpsubmit,qos,partition';

/** What is asked, in this order. */
const pieceNames = ['partitions', 'nodes', 'settings', 'qos', 'associations'] as const;

type Piece = (typeof pieceNames)[number];

/**
 * Every piece begins with a line that names it and ends with one that has its exit status; a last line says that all
 * were asked. What is cut short has no last line. Each client waits 9 s for a controller that is away (22.05.8), so
 * without partitions nothing else is asked.
 */
export function discoverCommand(): string {
  const further = [
    `ask nodes ${commandLine(nodes)}`,
    'ask settings settings',
    `ask qos limited ${commandLine(qos)}`,
    `ask associations limited ${associations}`,
  ];
  const program = [
    'ask() { echo "asked $1"; shift; "$@" </dev/null; code=$?; echo "answered $code"; return $code; }',
    'limited() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; }',
    `settings() { scontrol show config | grep -E ${quote(`^(${settings.join('|')}) `)}; }`,
    `ask partitions ${commandLine(partitions)} && { ${further.join('; ')}; }`,
    'echo asked all',
  ];
  return commandLine(['sh', '-c', program.join('; ')]);
}

/** Nothing is known unless every piece came whole and the partitions are understood. */
export function parseDiscovery(output: Output): Discovery {
  const pieces = piecesOf(output.stdout);
  if (pieces === null) return unknown(cutReason(output));
  const partitions = pieces.get('partitions') ?? null;
  if (partitions === null) return unknown(output.stderr.trim() || 'scontrol did not name the partitions');
  const queues = partitions.map((line) => queueOf(line, pieces.get('nodes') ?? null));
  const strange = partitions[queues.indexOf(null)];
  if (strange !== undefined) return unknown(`scontrol printed a line that is not understood: ${printable(strange)}`);
  return { kind: 'known', queues: queues.filter((queue) => queue !== null), limits: limitsOf(pieces) };
}

function unknown(reason: string): Discovery {
  return { kind: 'unknown', reason };
}

function cutReason({ code, stderr }: Output): string {
  if (code === 124) return 'no answer within the time limit';
  const said = stderr.trim();
  return said === '' ? 'the answer is cut short' : `the answer is cut short: ${said}`;
}

function printable(line: string): string {
  return line.replaceAll(separator, '|').slice(0, 200);
}

type Pieces = ReadonlyMap<Piece, readonly string[] | null>;

/** The lines of each piece, null for one whose client failed. Null where not all of it is there. */
function piecesOf(stdout: string): Pieces | null {
  const lines = stdout.split('\n');
  // `split` leaves an empty last element after a whole last line.
  if (lines.pop() !== '' || lines.pop() !== 'asked all') return null;
  const pieces = new Map<Piece, readonly string[] | null>();
  for (const name of pieceNames) {
    if (lines.shift() !== `asked ${name}`) return null;
    const end = lines.findIndex((line) => /^answered \d+$/.test(line));
    if (end < 0) return null;
    const said = lines.splice(0, end).filter((line) => line.trim() !== '');
    const succeeded = lines.shift() === 'answered 0';
    pieces.set(name, succeeded ? said : null);
    if (name === 'partitions' && !succeeded) break;
  }
  return lines.length === 0 ? pieces : null;
}

// ---- Queues ----

/** `PartitionName=whole AllowGroups=ALL … State=UP TotalCPUs=32 …`. Null: not understood. */
function queueOf(line: string, nodeLines: readonly string[] | null): Queue | null {
  const value = (key: string): string | null => new RegExp(`(?:^| )${key}=(\\S*)`).exec(line)?.[1] ?? null;
  const [name, state, nodes] = [value('PartitionName'), value('State'), value('TotalNodes')];
  const maxWalltimeSeconds = limitSeconds(value('MaxTime'));
  if (!line.startsWith('PartitionName=') || name === null || name === '' || state === null) return null;
  if (nodes === null || !/^\d+$/.test(nodes) || maxWalltimeSeconds === undefined) return null;
  const maxNodes = count(value('MaxNodes'));
  return {
    name,
    isDefault: value('Default') === 'YES',
    isOpen: state === 'UP' && value('RootOnly') !== 'YES',
    nodes: Number(nodes),
    ...largestNode(name, Number(nodes), nodeLines),
    maxWalltimeSeconds,
    maxNodesPerJob: maxNodes,
    // Limits of a user are the accounting's, of accounts and QOS.
    maxSubmitJobs: null,
    maxArraySize: null,
  };
}

/** `2-00:00:00`, `12:00:00`, `30:00` (minutes). Null: no limit. Undefined: not understood. */
function limitSeconds(text: string | null): number | null | undefined {
  if (text === null) return undefined;
  if (/^(?:UNLIMITED|infinite|NONE)$/i.test(text)) return null;
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}

/** A limit as a number; `UNLIMITED`, nothing and anything else: none is known. */
function count(text: string | null | undefined): number | null {
  return text !== undefined && text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

type NodeSize = Pick<Queue, 'coresPerNode' | 'memoryMBPerNode' | 'gpusPerNode' | 'gpuType' | 'gpuTypes'>;

/**
 * The largest of each that any node of the partition has. Where sinfo does not show all its nodes (`PrivateData=cloud`
 * hides those that are switched off) there may be larger ones, so cores and memory are not known then.
 */
function largestNode(queue: string, nodes: number, lines: readonly string[] | null): NodeSize {
  const kinds = (lines ?? []).map(nodeKind);
  const own = kinds.filter((kind) => kind !== null).filter((kind) => kind.queue === queue);
  const seen = own.reduce((sum, kind) => sum + kind.nodes, 0);
  const allSeen = !kinds.includes(null) && seen >= nodes && nodes > 0;
  const gpus = own.flatMap((kind) => kind.gpus).reduce(larger, noGpus);
  return {
    coresPerNode: allSeen ? Math.max(...own.map((kind) => kind.cores)) : null,
    memoryMBPerNode: allSeen ? Math.max(...own.map((kind) => kind.memoryMB)) : null,
    gpusPerNode: gpus.count,
    gpuType: gpus.type,
    gpuTypes: [...new Set(own.flatMap((kind) => kind.gpus.types))],
  };
}

interface Gpus {
  count: number;
  /** Of most of them. */
  type: string | null;
  /** Of all that have a name. */
  types: readonly string[];
}

const noGpus: Gpus = { count: 0, type: null, types: [] };

function larger(one: Gpus, other: Gpus): Gpus {
  return other.count > one.count ? other : one;
}

interface NodeKind {
  queue: string;
  nodes: number;
  cores: number;
  memoryMB: number;
  gpus: Gpus;
}

/** One line of sinfo; `16+` is at least 16. Null: not understood. */
function nodeKind(line: string): NodeKind | null {
  const [queue, nodes, cores, memoryMB, gres, ...more] = line.split(separator);
  const number = (text = '') => (/^\d+\+?$/.test(text) ? Number.parseInt(text, 10) : Number.NaN);
  const kind = { nodes: number(nodes), cores: number(cores), memoryMB: number(memoryMB) };
  if (queue === undefined || gres === undefined || more.length > 0) return null;
  return Object.values(kind).some(Number.isNaN) ? null : { queue, ...kind, gpus: gpusOf(gres) };
}

/** `gpu:a100:4(S:0-1),gpu:v100:2,nsight:no_consume:1` is six, of which most are a100; `gpu:2` has no type. */
function gpusOf(gres: string): Gpus {
  const kinds = [...gres.matchAll(/(?:^|,)gpu(?::([^:(),]+))??(?::(\d+))(?=\(|,|$)/g)].map(([, type, amount]) => ({
    count: Number(amount),
    type: type ?? null,
    types: type === undefined ? [] : [type],
  }));
  const total = kinds.reduce((sum, kind) => sum + kind.count, 0);
  return { count: total, type: kinds.reduce(larger, noGpus).type, types: kinds.flatMap((kind) => kind.types) };
}

// ---- Limits ----

function limitsOf(pieces: Pieces): SubmitLimits {
  const setting = settingsOf(pieces.get('settings') ?? null);
  const enforced = setting('AccountingStorageEnforce') ?? '';
  const own = associationsOf(pieces, setting('ClusterName'));
  return {
    maxArraySize: arraySize(setting('MaxArraySize'), setting('SchedulerParameters') ?? ''),
    maxSubmitJobs: /limits|safe/.test(enforced) ? loosest(own.map((one) => one.maxSubmit)) : null,
    maxJobsOfCluster: count(setting('MaxJobCount')),
    // Where nothing enforces them, Slurm takes any account.
    accounts: /associations|limits|safe|qos|wckeys/.test(enforced) ? accountsOf(own) : null,
  };
}

/** The lines `Name   = value` of `scontrol show config`. */
function settingsOf(lines: readonly string[] | null): (name: string) => string | null {
  return (name) => {
    const line = lines?.find((line) => new RegExp(`^${name}\\s*=`).test(line));
    return line === undefined ? null : line.slice(line.indexOf('=') + 1).trim();
  };
}

/** The highest index is one less than MaxArraySize, and the lowest is 0: so it is the size itself. */
function arraySize(maxArraySize: string | null, schedulerParameters: string): number | null {
  const size = count(maxArraySize);
  const tasks = count(/(?:^|,)max_array_tasks=(\d+)/.exec(schedulerParameters)?.[1]);
  return size === null || tasks === null ? size : Math.min(size, tasks);
}

interface Association {
  account: string;
  /** null: no limit. */
  maxSubmit: number | null;
}

/** What the user may be on this cluster: the accounting can know several clusters. */
function associationsOf(pieces: Pieces, cluster: string | null): Association[] {
  const qosLimits = new Map((pieces.get('qos') ?? []).map(qosLimit));
  return (pieces.get('associations') ?? []).flatMap((line) => {
    const [of, account, maxSubmit, grpSubmit, qos, ...more] = line.split('|');
    if (of === undefined || of !== cluster || account === undefined || account === '') return [];
    if (qos === undefined || more.length !== 1) return [];
    const names = qos.split(',').filter((name) => name !== '');
    const byQos = names.length === 0 ? null : loosest(names.map((name) => qosLimits.get(name) ?? null));
    return [{ account, maxSubmit: tightest([count(maxSubmit), count(grpSubmit), byQos]) }];
  });
}

function qosLimit(line: string): [name: string, limit: number | null] {
  const [name = '', ...limits] = line.split('|');
  return [name, tightest(limits.map(count))];
}

function accountsOf(associations: readonly Association[]): readonly string[] | null {
  const accounts = [...new Set(associations.map((one) => one.account))].sort();
  return accounts.length === 0 ? null : accounts;
}

/** Of limits that hold together. */
function tightest(limits: readonly (number | null)[]): number | null {
  const set = limits.filter((limit) => limit !== null);
  return set.length === 0 ? null : Math.min(...set);
}

/** Of limits of which one holds, and nobody knows which: what is said must never be too little. */
function loosest(limits: readonly (number | null)[]): number | null {
  const set = limits.filter((limit) => limit !== null);
  return set.length < limits.length || set.length === 0 ? null : Math.max(...set);
}
