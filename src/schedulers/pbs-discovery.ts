import { askPiece, cutReason, type Piece, piecesIn, piecesProgram } from './asked-pieces.ts';
import { type Block, blocksOf, durationSeconds, megabytes, nodeBlocks } from './pbs-text.ts';
import type { Discovery, Output, Queue, SubmitLimits } from './scheduler.ts';

/** What the queues of PBS and Torque offer and allow, asked of their own clients in one program. */

/** `nodes` is the client's command for the nodes: PBS has vnodes to ask for, Torque has none. */
export function discoverProgram(nodes: string): string {
  return piecesProgram([
    `${askPiece('server', 'qstat -Bf')} && { ${askPiece('queues', 'qstat -Qf')}; ${askPiece('nodes', nodes)}; ${askPiece('user', 'id -un')}; }`,
  ]);
}

/** Nothing is known unless every piece came whole and the queues are understood; without nodes there are queues all the same. */
export function parseDiscovery(output: Output): Discovery {
  const pieces = piecesIn(output.stdout);
  if (pieces === null) return unknown(cutReason(output));
  const [server, queues] = [blocksIn(pieces, 'server', 'Server'), blocksIn(pieces, 'queues', 'Queue')];
  if (typeof server === 'string' || typeof queues === 'string') {
    const strange = typeof server === 'string' ? server : String(queues);
    return unknown(strange === '' ? output.stderr.trim() || 'qstat did not name the queues' : strange);
  }
  const nodes = nodesIn(pieces);
  const about = server[0]?.attributes ?? new Map<string, string>();
  const user = pieces.find((piece) => piece.name === 'user')?.lines[0] ?? '';
  const plain = queues.map((queue) => ({
    ...queueOf(queue, queues, nodes, about.get('default_queue') ?? null),
    ...queueLimits(queue.attributes, user),
  }));
  return {
    kind: 'known',
    queues: plain.map((queue) => withDestinations(queue, queues, plain)),
    limits: limitsOf(about, user),
  };
}

function unknown(reason: string): Discovery {
  return { kind: 'unknown', reason };
}

/** The blocks, or what is not understood of them; empty text where the client failed. */
function blocksIn(pieces: readonly Piece[], name: string, title: string): readonly Block[] | string {
  const piece = pieces.find((one) => one.name === name);
  if (piece === undefined || piece.code !== 0) return '';
  const found = blocksOf(piece.lines, title);
  return 'blocks' in found
    ? found.blocks
    : `qstat printed a line that is not understood: ${found.strange.slice(0, 200)}`;
}

/** One machine: what its parts have together. */
interface Node {
  /** The one queue it serves; null: any that names none of its own. */
  queue: string | null;
  /** Sites that bind nodes to queues by a resource of their own call it so. */
  queueList: readonly string[];
  cores: number;
  memoryMB: number | null;
  gpus: number;
}

/** Null where the nodes are not shown or not understood. */
function nodesIn(pieces: readonly Piece[]): readonly Node[] | null {
  const piece = pieces.find((one) => one.name === 'nodes');
  const blocks = piece === undefined || piece.code !== 0 ? null : nodeBlocks(piece.lines);
  if (blocks === null) return null;
  const hosts = new Map<string, Node>();
  for (const { name, attributes } of blocks) {
    const host = attributes.get('resources_available.host') ?? name;
    const part = nodePart(attributes);
    const before = hosts.get(host);
    hosts.set(host, before === undefined ? part : together(before, part));
  }
  return [...hosts.values()];
}

/** PBS has `resources_available.ncpus`; Torque has `np`, `gpus`, and the memory in `status = …,totmem=…,physmem=…`. */
function nodePart(attributes: Block['attributes']): Node {
  const status = attributes.get('status') ?? '';
  const number = (text: string | undefined) => (/^\d+$/.test(text ?? '') ? Number(text) : 0);
  const lists = attributes.get('resources_available.Qlist') ?? attributes.get('resources_available.qlist') ?? '';
  return {
    queue: attributes.get('queue') ?? null,
    queueList: lists.split(',').filter((one) => one !== ''),
    cores: number(attributes.get('resources_available.ncpus') ?? attributes.get('np')),
    memoryMB: megabytes(attributes.get('resources_available.mem') ?? /(?:^|,)physmem=(\w+)/.exec(status)?.[1]),
    gpus: number(attributes.get('resources_available.ngpus') ?? attributes.get('gpus')),
  };
}

function together(one: Node, other: Node): Node {
  return {
    queue: one.queue ?? other.queue,
    queueList: [...new Set([...one.queueList, ...other.queueList])],
    cores: one.cores + other.cores,
    memoryMB: one.memoryMB === null && other.memoryMB === null ? null : (one.memoryMB ?? 0) + (other.memoryMB ?? 0),
    gpus: one.gpus + other.gpus,
  };
}

function queueOf(
  { name, attributes }: Block,
  queues: readonly Block[],
  nodes: readonly Node[] | null,
  defaultQueue: string | null,
): Omit<Queue, keyof QueueLimits> {
  const own = nodesOf(name, attributes, queues, nodes ?? []);
  const memory = own.map((node) => node.memoryMB);
  const allMemory = memory.filter((one) => one !== null);
  return {
    name,
    isDefault: name === defaultQueue,
    isOpen: attributes.get('enabled') === 'True' && attributes.get('started') === 'True',
    nodes: own.length,
    coresPerNode: own.length === 0 ? null : Math.max(...own.map((node) => node.cores)),
    memoryMBPerNode: own.length === 0 || allMemory.length < memory.length ? null : Math.max(...allMemory),
    gpusPerNode: Math.max(0, ...own.map((node) => node.gpus)),
    gpuType: null,
    gpuTypes: [],
    maxWalltimeSeconds: durationSeconds(attributes.get('resources_max.walltime')),
    maxNodesPerJob: count(attributes.get('resources_max.nodect')),
  };
}

/** A queue with nodes of its own runs on these alone, and others never do (PBS); a list of queues on the nodes says the same. */
function nodesOf(
  name: string,
  attributes: Block['attributes'],
  queues: readonly Block[],
  nodes: readonly Node[],
): readonly Node[] {
  const bound = nodes.filter((node) => node.queue === name);
  if (bound.length > 0) return bound;
  const listed = attributes.get('default_chunk.Qlist') ?? attributes.get('default_chunk.qlist') ?? null;
  if (listed !== null) return nodes.filter((node) => node.queueList.includes(listed));
  const names = new Set(queues.map((queue) => queue.name));
  return nodes.filter((node) => node.queue === null || !names.has(node.queue));
}

/** A routing queue runs nothing itself: it offers what the queues behind it offer. */
function withDestinations(queue: Queue, blocks: readonly Block[], queues: readonly Queue[]): Queue {
  const listed = blocks.find((block) => block.name === queue.name)?.attributes.get('route_destinations') ?? '';
  const names = listed.split(',').map((one) => one.trim().replace(/@.*$/, ''));
  const behind = queues.filter((one) => names.includes(one.name));
  if (listed === '' || behind.length === 0) return queue;
  const most = (values: readonly (number | null)[]): number | null =>
    values.includes(null) ? null : Math.max(...values.map((value) => value ?? 0));
  return {
    ...queue,
    nodes: Math.max(...behind.map((one) => one.nodes)),
    coresPerNode: most(behind.map((one) => one.coresPerNode)),
    memoryMBPerNode: most(behind.map((one) => one.memoryMBPerNode)),
    gpusPerNode: Math.max(...behind.map((one) => one.gpusPerNode)),
    maxWalltimeSeconds: queue.maxWalltimeSeconds ?? most(behind.map((one) => one.maxWalltimeSeconds)),
    maxNodesPerJob: queue.maxNodesPerJob ?? most(behind.map((one) => one.maxNodesPerJob)),
    maxArraySize: least([queue.maxArraySize, most(behind.map((one) => one.maxArraySize))]),
    // What it has sent on does not count any more, and what is behind it makes jobs wait.
    maxSubmitJobs: null,
  };
}

/** A limit as a number; anything else: none is known. */
function count(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function limitsOf(server: Block['attributes'], user: string): SubmitLimits {
  return {
    maxArraySize: arrayLimit(server),
    maxSubmitJobs: userLimit(server, user),
    maxJobsOfCluster: entityLimit(server.get('max_queued') ?? '', 'o:PBS_ALL'),
    accounts: null,
  };
}

type QueueLimits = Pick<Queue, 'maxSubmitJobs' | 'maxArraySize'>;

/** Nobody may have more jobs in a queue than all together. */
function queueLimits(queue: Block['attributes'], user: string): QueueLimits {
  const ofAll = entityLimit(queue.get('max_queued') ?? '', 'o:PBS_ALL') ?? count(queue.get('max_queuable'));
  return { maxSubmitJobs: least([userLimit(queue, user), ofAll]), maxArraySize: arrayLimit(queue) };
}

/** Servers and queues alike. PBS has `max_array_size`, Torque the other. */
function arrayLimit(attributes: Block['attributes']): number | null {
  return count(attributes.get('max_array_size') ?? attributes.get('max_job_array_size'));
}

/** The user's own limit counts instead of everybody's. Torque has `max_user_queuable`. Elements of an array count each. */
function userLimit(attributes: Block['attributes'], user: string): number | null {
  const queued = attributes.get('max_queued') ?? '';
  return (
    entityLimit(queued, `u:${user}`) ??
    entityLimit(queued, 'u:PBS_GENERIC') ??
    count(attributes.get('max_user_queuable'))
  );
}

/** Of limits that hold together; null: there is none. */
function least(limits: readonly (number | null)[]): number | null {
  const set = limits.filter((limit) => limit !== null);
  return set.length === 0 ? null : Math.min(...set);
}

/** `[u:PBS_GENERIC=3],[o:PBS_ALL=100]`. */
function entityLimit(text: string, entity: string): number | null {
  const found = [...text.matchAll(/\[([^\]=]+)=(\d+)\]/g)].find(
    ([, name]) => name?.replaceAll('"', '').trim() === entity,
  );
  return count(found?.[2]);
}
