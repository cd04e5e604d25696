import { askPiece, cutReason, type Piece, piecesIn, piecesProgram } from './asked-pieces.ts';
import { answerOf, client, printable } from './lsf-text.ts';
import type { Discovery, Output, Queue, SubmitLimits } from './scheduler.ts';

/**
 * What LSF's queues offer and allow, asked of its own clients in one program. Each may fail without spoiling the others.
 * Only the queues must be known: a daemon that is away is waited for once.
 */
export function discoverCommand(): string {
  const further = [
    askPiece('system', client('lsid')),
    askPiece('settings', client('bparams', '-l')),
    askPiece('hosts', client('bhosts', '-w')),
    askPiece('machines', client('lshosts', '-w')),
    // IBM's, 10.1 and later.
    askPiece('gpus', `${client('bhosts', '-gpu')} 2>/dev/null`),
  ];
  return piecesProgram([`${askPiece('queues', client('bqueues', '-l'))} && { ${further.join('; ')}; }`]);
}

type Pieces = ReadonlyMap<string, Piece>;

/** Nothing is known unless every piece came whole and the queues are understood. */
export function parseDiscovery(output: Output): Discovery {
  const pieces = new Map((piecesIn(output.stdout) ?? []).map((piece) => [piece.name, piece]));
  const queues = pieces.get('queues');
  if (queues === undefined) return unknown(cutReason(output));
  if (queues.code !== 0) return unknown(output.stderr.trim() || `bqueues ended with ${queues.code}`);
  const nodes = nodesOf(pieces);
  const settings = settingsOf(pieces);
  const found = blocksOf(answerOf(queues.lines)).map((block) => queueOf(block, nodes, settings('DEFAULT_QUEUE')));
  const known: Queue[] = [];
  for (const queue of found) {
    if ('strange' in queue)
      return unknown(`bqueues printed a queue that is not understood: ${printable(queue.strange)}`);
    known.push(queue);
  }
  if (known.length === 0) return unknown(`bqueues named no queue: ${printable(queues.lines.join(' '))}`);
  return { kind: 'known', queues: known, limits: limitsOf(settings) };
}

function unknown(reason: string): Discovery {
  return { kind: 'unknown', reason };
}

/** The lines of a piece whose client did not fail. */
function linesOf(pieces: Pieces, name: string): string[] | null {
  const piece = pieces.get(name);
  return piece?.code === 0 ? answerOf(piece.lines) : null;
}

// ---- Queues ----

/** The lines of each queue, from its `QUEUE:` to the next. */
function blocksOf(lines: readonly string[]): string[][] {
  const blocks: string[][] = [];
  for (const line of lines) {
    if (/^QUEUE: /.test(line)) blocks.push([line]);
    else blocks.at(-1)?.push(line);
  }
  return blocks;
}

function queueOf(block: readonly string[], nodes: Nodes, defaults: string | null): Queue | { strange: string } {
  const name = /^QUEUE: (\S+)\s*$/.exec(block[0] ?? '')?.[1];
  const header = block.findIndex((line) => /^PRIO\s+NICE\s+STATUS\b/.test(line));
  const status = block[header + 1]?.trim().split(/\s+/)[2];
  const walltime = runLimit(block);
  if (name === undefined || header < 0 || status === undefined || walltime === undefined)
    return { strange: block.join(' ') };
  const own = nodesOfQueue(block, nodes);
  return {
    name,
    isDefault: defaults === null ? block.some((line) => /This is the default queue/.test(line)) : isIn(defaults, name),
    isOpen: status === 'Open:Active',
    nodes: own?.length ?? 0,
    ...largestNode(own, nodes.gpusKnown),
    maxWalltimeSeconds: walltime,
    maxNodesPerJob: null,
    // MAX and JL/U are limits of what runs: more of it waits.
    maxSubmitJobs: null,
    maxArraySize: null,
  };
}

function isIn(names: string, name: string): boolean {
  return names.split(/\s+/).includes(name);
}

/** In seconds. Null: no limit. Undefined: not understood. A queue has a default and a hard limit; only the latter counts. */
function runLimit(block: readonly string[]): number | null | undefined {
  let isDefault = false;
  for (const [at, line] of block.entries()) {
    if (/^(?:DEFAULT|MAXIMUM) LIMITS:/.test(line)) isDefault = line.startsWith('DEFAULT');
    // `CPULIMIT  RUNLIMIT`, and their values below in this order.
    const column = /^\s+[A-Z ]*LIMIT\s*$/.test(line) ? line.trim().split(/\s+/).indexOf('RUNLIMIT') : -1;
    if (isDefault || column < 0) continue;
    const minutes = [...(block[at + 1] ?? '').matchAll(/(\d+(?:\.\d+)?) min\b/g)][column]?.[1];
    return minutes === undefined ? undefined : Math.floor(Number(minutes) * 60);
  }
  return null;
}

// ---- Nodes ----

interface Node {
  name: string;
  cores: number | null;
  memoryMB: number | null;
  gpus: number;
  gpuTypes: readonly string[];
}

interface Nodes {
  /** null: not known. */
  all: readonly Node[] | null;
  /** OpenLava knows no GPUs; IBM's LSF without the option for them may have some. */
  gpusKnown: boolean;
}

function nodesOf(pieces: Pieces): Nodes {
  const isOpenLava = (linesOf(pieces, 'system') ?? []).some((line) => line.startsWith('OpenLava'));
  const gpus = linesOf(pieces, 'gpus');
  const models = gpusIn(gpus ?? []);
  const machines = table(linesOf(pieces, 'machines') ?? []);
  const hosts = table(linesOf(pieces, 'hosts') ?? []);
  const nodes = hosts?.flatMap((host): Node[] => {
    const name = host['HOST_NAME'] ?? '';
    const machine = machines?.find((one) => one['HOST_NAME'] === name);
    const own = models.get(name) ?? [];
    const slots = count(host['MAX']);
    // No slots: a login or a server host.
    if (slots === 0) return [];
    const cores = slots ?? count(machine?.['ncpus']);
    return [{ name, cores, memoryMB: megabytes(machine?.['maxmem']), gpus: own.length, gpuTypes: [...new Set(own)] }];
  });
  return { all: nodes ?? null, gpusKnown: isOpenLava || gpus !== null };
}

/** Rows by the words of the header. What stands after the last is the last's. Null: no header. */
function table(lines: readonly string[]): Record<string, string>[] | null {
  const [header, ...rows] = lines.map((line) => line.trim().split(/\s+/));
  if (header?.[0] !== 'HOST_NAME') return null;
  return rows.map((row) => Object.fromEntries(header.map((name, at) => [name, row[at] ?? ''])));
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** `24105M`, `1.4T`; `-` and anything else: not known. */
function megabytes(text: string | undefined): number | null {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT])$/.exec(text ?? '') ?? [];
  const units: Readonly<Record<string, number>> = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 };
  return amount === undefined ? null : Math.floor(Number(amount) * (units[unit] ?? 1));
}

/** The models of each host: `node7  0  TeslaV100 …`, and a line that begins with the number for each other of its GPUs. */
function gpusIn(lines: readonly string[]): Map<string, string[]> {
  const models = new Map<string, string[]>();
  let host = '';
  for (const line of lines.slice(1)) {
    const words = line.trim().split(/\s+/);
    if (/^\S/.test(line) && !/^\d+$/.test(words[0] ?? '')) host = words.shift() ?? '';
    const [id = '', model = ''] = words;
    if (/^\d+$/.test(id) && model !== '') models.set(host, [...(models.get(host) ?? []), model]);
  }
  return models;
}

/** The hosts of a queue; null where they are named by a group, or nobody says. */
function nodesOfQueue(block: readonly string[], { all }: Nodes): readonly Node[] | null {
  const at = block.findIndex((line) => line.startsWith('HOSTS:'));
  const words = (block[at] ?? '').slice('HOSTS:'.length).trim();
  if (all === null || at < 0) return null;
  if (/^all(?: hosts used by the (?:LSF|OpenLava|Lava) system)?$/.test(words)) return all;
  // `host7+2` is preferred to others.
  const names = words.split(/\s+/).map((name) => name.replace(/\+\d+$/, ''));
  const own = names.map((name) => all.find((node) => node.name === name));
  return own.every((node) => node !== undefined) ? own : null;
}

type NodeSize = Pick<Queue, 'coresPerNode' | 'memoryMBPerNode' | 'gpusPerNode' | 'gpuType' | 'gpuTypes'>;

/** The largest of each that any of them has. Without the GPUs nothing is said of cores either: see `Queue`. */
function largestNode(nodes: readonly Node[] | null, gpusKnown: boolean): NodeSize {
  const most = (values: readonly (number | null)[]): number | null =>
    values.length === 0 || values.includes(null) ? null : Math.max(...values.map(Number));
  const own = nodes ?? [];
  const gpus = [...own].sort((one, other) => other.gpus - one.gpus)[0];
  return {
    coresPerNode: gpusKnown ? most(own.map((node) => node.cores)) : null,
    memoryMBPerNode: most(own.map((node) => node.memoryMB)),
    gpusPerNode: gpus?.gpus ?? 0,
    gpuType: gpus?.gpuTypes[0] ?? null,
    gpuTypes: [...new Set(own.flatMap((node) => node.gpuTypes))],
  };
}

// ---- Limits ----

/** The lines `NAME = value (unit)` of `bparams -l`. */
function settingsOf(pieces: Pieces): (name: string) => string | null {
  const lines = linesOf(pieces, 'settings') ?? [];
  return (name) => {
    const line = lines.find((line) => line.trim().startsWith(`${name} =`));
    return line === undefined ? null : line.slice(line.indexOf('=') + 1).trim();
  };
}

/** An array's first index is 1, so the largest index is its size. */
function limitsOf(settings: (name: string) => string | null): SubmitLimits {
  const size = /^\d+/.exec(settings('MAX_JOB_ARRAY_SIZE') ?? '')?.[0];
  return {
    maxArraySize: size === undefined ? null : Number(size),
    maxSubmitJobs: null,
    maxJobsOfCluster: null,
    accounts: null,
  };
}
