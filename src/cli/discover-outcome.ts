import type { DiscoverReport } from '../commands/discover.ts';
import { type Mistake, ok, type Result } from '../failure.ts';
import { inDays } from '../schedulers/queue-fit.ts';
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
  const blocks = [
    queueLines(discovery.queues, printing),
    limitLines(discovery.limits),
    fitLines(site, mistakes, printing),
  ];
  return blocks.flat().join('\n');
}

function queueLines(queues: readonly Queue[], printing: Printing): string[] {
  if (queues.length === 0) return ['the cluster has no queue that you may see'];
  const title = ['QUEUE', 'NODES', 'CORES', 'MEMORY', 'GPUS', 'WALLTIME', 'STATE'];
  const lines = columns([title, ...queues.map(queueRow)]);
  const mark = queues.some((queue) => queue.isDefault) ? '* the default queue; ' : '';
  return [...lines, paint('dim', `${mark}cores, memory and GPUs: the most that any of its nodes has`, printing), ''];
}

function queueRow(queue: Queue): string[] {
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
function memoryWords(megabytes: number): string {
  if (megabytes < 1024) return `${megabytes} MB`;
  const gigabytes = megabytes / 1024;
  return `${gigabytes < 10 ? gigabytes.toFixed(1) : Math.floor(gigabytes)} GB`;
}

function limitLines({ maxSubmitJobs, maxArraySize, maxJobsOfCluster, accounts }: SubmitLimits): string[] {
  const parts = [
    maxSubmitJobs === null ? [] : [`at most ${maxSubmitJobs} jobs of yours, waiting or running`],
    maxArraySize === null ? [] : [maxArraySize === 0 ? 'no arrays' : `arrays of at most ${maxArraySize}`],
    maxJobsOfCluster === null ? [] : [`at most ${maxJobsOfCluster} jobs of everybody`],
  ].flat();
  return [
    ...(parts.length === 0 ? [] : [`limits: ${parts.join('; ')}`]),
    ...(accounts === null ? [] : [`accounts you may charge: ${accounts.join(', ')}`]),
  ];
}

function fitLines(site: string, mistakes: readonly Mistake[], printing: Printing): string[] {
  if (mistakes.length === 0) return [`the profile ${site} fits`];
  const lines = mistakes.map(({ key, message }) => `  ${key} ${message}`);
  const next = `${paint('dim', 'next:', printing)} glidein site set ${site} ${mistakes[0]?.key ?? 'KEY'}=…`;
  return [`${paint('yellow', `the profile ${site} does not fit:`, printing)}`, ...lines, next];
}
