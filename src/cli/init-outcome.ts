import type { InitReport, Look } from '../commands/init.ts';
import { ok, type Result } from '../failure.ts';
import { inDays } from '../schedulers/queue-fit.ts';
import type { Queue } from '../schedulers/scheduler.ts';
import { memoryWords } from './discover-outcome.ts';
import { done, type Outcome } from './outcome.ts';
import { columns, type Printing, paint } from './report.ts';

/** What `init` comes to: with `--dry-run` the profile alone, as `site import` takes it. */
export function initOutcome(report: Result<InitReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, file, outcome, dryRun, look, raw } = report.value;
  const json = { site, file, outcome, dryRun, found: foundJson(look), profile: raw };
  if (dryRun) return ok(done(json, JSON.stringify(raw, null, 2)));
  const next = `next: glidein check ${site}   (tries out all that a pilot needs there)\nthen: glidein top-up ${site}   (brings it to its target)`;
  return ok(done(json, `${site}: ${outcome} (${file})`, next));
}

function foundJson({ target, facts }: Look): object {
  const { user, schedulers, runtime, modules, image } = facts;
  const found = schedulers.map(({ kind, version, discovery }) => ({
    kind,
    version,
    queues: discovery.kind === 'known' ? discovery.queues.map(({ name }) => name) : [],
    accounts: discovery.kind === 'known' ? discovery.limits.accounts : null,
    reason: discovery.kind === 'known' ? null : discovery.reason,
  }));
  return { login: target, user, schedulers: found, runtime, modules, image };
}

/** What was found out. The queues are left out where a question lists them. */
export function foundLines(look: Look, { isAsked }: { isAsked: boolean }, printing: Printing): string[] {
  const { target, facts } = look;
  const rows: (readonly [string, string | null])[] = [
    ...facts.schedulers.flatMap((found) => schedulerRows(found, isAsked)),
    ['runtime', facts.runtime === null ? null : `${facts.runtime}, on the login node`],
    ['modules', facts.modules.length === 0 ? null : facts.modules.join(', ')],
    ['image', facts.image],
  ];
  const cells = rows.flatMap(([what, words]) => (words === null ? [] : [[`  ${what}`, words]]));
  return [`${paint('bold', 'found', printing)} at ${target}`, ...columns(cells)];
}

function schedulerRows(
  { kind, version, discovery }: Look['facts']['schedulers'][number],
  isAsked: boolean,
): (readonly [string, string | null])[] {
  const system = ['batch system', version === null ? kind : `${kind} (${version})`] as const;
  if (discovery.kind === 'unknown') return [system, ['queues', `could not be learned: ${firstLine(discovery.reason)}`]];
  const { queues, limits } = discovery;
  const shown = isAsked && queues.length > 1 ? [] : queues;
  return [
    system,
    ...shown.map((queue) => ['queue', queueWords(queue)] as const),
    ['accounts', limits.accounts?.join(', ') ?? null],
  ];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function queueWords(queue: Queue): string {
  const { name, nodes, coresPerNode, memoryMBPerNode, gpusPerNode, gpuType, maxWalltimeSeconds } = queue;
  const each = [
    ...(coresPerNode === null ? [] : [`${coresPerNode} cores`]),
    ...(memoryMBPerNode === null ? [] : [memoryWords(memoryMBPerNode)]),
    ...(gpusPerNode === 0 ? [] : [`${gpusPerNode} GPUs${gpuType === null ? '' : ` (${gpuType})`}`]),
  ];
  const size = each.length === 0 ? '' : ` of up to ${each.join(', ')}`;
  const limit = maxWalltimeSeconds === null ? 'no limit on the wall clock' : `at most ${inDays(maxWalltimeSeconds)}`;
  const states = [...(queue.isDefault ? ['the default'] : []), ...(queue.isOpen ? [] : ['closed'])];
  return [`${name}: ${nodes} ${nodes === 1 ? 'node' : 'nodes'}${size}`, limit, ...states].join('; ');
}
