import type { DiscoverReport } from '../commands/discover.ts';
import { type Mistake, ok, type Result } from '../failure.ts';
import { inDays, type KnownDiscovery } from '../schedulers/queue-fit.ts';
import type { Discovery, Queue, SubmitLimits } from '../schedulers/scheduler.ts';
import type { Outcome } from './outcome.ts';
import { columns, forTerminal, type Printing, paint } from './report.ts';

/** What `discover` comes to: the queues, the limits, and whether the profile fits. 3 where nothing could be learned. */
export function discoverOutcome(report: Result<DiscoverReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, discovery, mistakes } = report.value;
  return ok({
    json: { site, ...discoveryJson(discovery), mistakes },
    text: (printing) => forTerminal(textOf(report.value, printing)),
    failures: [],
    exitCode: discovery.kind === 'known' ? 0 : 3,
  });
}

function discoveryJson(discovery: Discovery): object {
  if (discovery.kind === 'unknown') return { queues: [], limits: null, reason: discovery.reason };
  const queues = discovery.queues.map(({ gpuTypes: _internal, ...queue }) => queue);
  return { queues, limits: discovery.limits, reason: null };
}

function textOf({ site, discovery, mistakes }: DiscoverReport, printing: Printing): string {
  if (discovery.kind === 'unknown') {
    const next = `${paint('dim', 'next:', printing)} try again later, or look there by hand`;
    return `${site}: what its queues offer could not be learned: ${discovery.reason}\n${next}`;
  }
  const blocks = [queueLines(discovery.queues, printing), limitLines(discovery), fitLines(site, mistakes, printing)];
  return blocks.flat().join('\n');
}

function queueLines(queues: readonly Queue[], printing: Printing): string[] {
  if (queues.length === 0) return ['the cluster has no queue that you may see'];
  const lines = columns([queueTitle, ...queues.map(queueRow)]);
  const mark = queues.some((queue) => queue.isDefault) ? '* the default queue; ' : '';
  return [...lines, paint('dim', `${mark}cores, memory and GPUs: the most that any of its nodes has`, printing), ''];
}

export const queueTitle: readonly string[] = ['QUEUE', 'NODES', 'CORES', 'MEMORY', 'GPUS', 'WALLTIME', 'STATE'];

/** A queue as a row below `queueTitle`. */
export function queueRow(queue: Queue): string[] {
  return [
    queue.isDefault ? `${queue.name}*` : queue.name,
    String(queue.nodes),
    String(queue.coresPerNode ?? '-'),
    queue.memoryMBPerNode === null ? '-' : memoryWords(queue.memoryMBPerNode),
    queue.gpusPerNode === 0 ? '-' : `${queue.gpusPerNode}${queue.gpuType === null ? '' : ` ${queue.gpuType}`}`,
    queue.maxWalltimeSeconds === null ? 'no limit' : inDays(queue.maxWalltimeSeconds),
    queue.isOpen ? 'open' : 'closed',
  ];
}

/** `3.9 GB`, `187 GB`: of 1024 MB, as schedulers count. */
export function memoryWords(megabytes: number): string {
  if (megabytes < 1024) return `${megabytes} MB`;
  const gigabytes = megabytes / 1024;
  return `${gigabytes < 10 ? gigabytes.toFixed(1) : Math.floor(gigabytes)} GB`;
}

function limitLines({ queues, limits }: KnownDiscovery): string[] {
  const { maxJobsOfCluster, accounts } = limits;
  const ofAll = maxJobsOfCluster === null ? [] : [`at most ${maxJobsOfCluster} jobs of everybody`];
  return [
    ...limitLine('limits', [...limitParts(limits), ...ofAll]),
    ...queues.flatMap((queue) => limitLine(`limits of ${queue.name}`, limitParts(queue))),
    ...(accounts === null ? [] : [`accounts you may charge: ${accounts.join(', ')}`]),
  ];
}

function limitLine(title: string, parts: readonly string[]): string[] {
  return parts.length === 0 ? [] : [`${title}: ${parts.join('; ')}`];
}

/** What the cluster and a queue may each limit. */
function limitParts({ maxSubmitJobs, maxArraySize }: Pick<SubmitLimits, 'maxSubmitJobs' | 'maxArraySize'>): string[] {
  return [
    maxSubmitJobs === null ? [] : [`at most ${maxSubmitJobs} jobs of yours, waiting or running`],
    maxArraySize === null ? [] : [maxArraySize === 0 ? 'no arrays' : `arrays of at most ${maxArraySize}`],
  ].flat();
}

function fitLines(site: string, mistakes: readonly Mistake[], printing: Printing): string[] {
  if (mistakes.length === 0) return [`the profile ${site} fits`];
  const lines = mistakes.map(({ key, message }) => `  ${key} ${message}`);
  const next = `${paint('dim', 'next:', printing)} glidein site set ${site} ${mistakes[0]?.key ?? 'KEY'}=…`;
  return [`${paint('yellow', `the profile ${site} does not fit:`, printing)}`, ...lines, next];
}
