import type { JobState } from './scheduler.ts';

/** What `qstat` of Grid Engine prints, as fields. */

type Fields = ReadonlyMap<string, string>;

export type Elements = { jobs: readonly Fields[]; queues: readonly Fields[] } | { strange: string };

const escapes: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Jobs and queue instances of `qstat -xml`, each element a line (8.1.9, run). An element that has a name goes by both:
 * `hard_request h_rt`. Any other line, or an end that is missing, is strange.
 */
export function elementsIn(lines: readonly string[]): Elements {
  const found = { jobs: [] as Map<string, string>[], queues: [] as Map<string, string>[] };
  const open: string[] = [];
  for (const line of lines.slice(1)) {
    const [, end, tag = '', rest = '', value, isWhole] =
      /^ *<(\/?)([A-Za-z][\w-]*)((?: +[\w:]+=(?:"[^"<>]*"|'[^'<>]*'))*) *>(?:([^<>]*)(<\/\2>))?$/.exec(line) ?? [];
    if (tag === '' || (end === '/' && open.pop() !== tag)) return { strange: line.slice(0, 200) };
    if (end === '/') continue;
    if (isWhole === undefined) {
      open.push(tag);
      if (tag === 'job_list') found.jobs.push(new Map());
      if (tag === 'Queue-List') found.queues.push(new Map());
      continue;
    }
    const name = / name="([^"]*)"/.exec(rest)?.[1];
    const inside = open.at(-1) === 'job_list' ? found.jobs.at(-1) : found.queues.at(-1);
    inside?.set(name === undefined ? tag : `${tag} ${name}`, unescaped(value ?? ''));
  }
  if (!lines[0]?.startsWith('<?xml ')) return { strange: lines[0]?.slice(0, 200) ?? 'nothing at all' };
  return open.length === 0 && lines.length > 2 ? found : { strange: 'its end is missing' };
}

function unescaped(text: string): string {
  return text.replaceAll(/&(\w+);/g, (whole, name: string) => escapes[name] ?? whole);
}

/** One job, as `qstat -j` describes it. */
export interface Described {
  number: string;
  owner: string;
  submitted: string | undefined;
  context: string | undefined;
  /** Why it does not run, as far as the site lets the scheduler say; null: it does not. */
  reason: string | null;
}

/** Why it does not run in a queue that it did not ask for. */
const ofAnotherQueue = /is not contained in its hard queue list/;

/** The jobs of `qstat -j`. A variable of a job may hold line breaks, so lines that say nothing known are passed over. */
export function describedIn(lines: readonly string[]): readonly Described[] {
  return lines
    .join('\n')
    .split(/^={20,}\n/m)
    .slice(1)
    .map((text) => {
      const field = (name: string) => new RegExp(`^${name}: +(.*)$`, 'm').exec(text)?.[1];
      const messages = /^scheduling info: +(.*(?:\n {20,}.*)*)/m.exec(text)?.[1]?.split('\n') ?? [];
      const why = field('error reason +\\d+') ?? messages.findLast((one) => !ofAnotherQueue.test(one))?.trim();
      return {
        number: field('job_number') ?? '',
        owner: field('owner') ?? '',
        submitted: field('submission_time'),
        context: field('context'),
        reason: why === undefined || why === 'There are no messages available' ? null : why,
      };
    });
}

/** `3`, `1-6:1`, `2,5-7:1`; a job that is no array has none. Null: not understood. */
export function listedElements(text: string | undefined): readonly (number | null)[] | null {
  if (text === undefined) return [null];
  const all = text.split(',').map((part) => {
    const [, first, last = first, step = '1'] = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part) ?? [];
    const count = Math.floor((Number(last) - Number(first)) / Number(step)) + 1;
    return count > 0 && count <= 100_000
      ? Array.from({ length: count }, (_, at) => Number(first) + at * Number(step))
      : null;
  });
  return all.includes(null) ? null : all.flatMap((indices) => indices ?? []);
}

/** Letters, each for what holds at once. Null: one that no version prints. */
export function stateOf(letters: string): JobState | null {
  if (!/^[dEhqwrtRsSTNPz]+$/.test(letters)) return null;
  if (letters.includes('d')) return 'ending';
  if (letters.includes('E')) return 'held';
  if (letters.includes('z')) return 'finished';
  if (/[sSTNP]/.test(letters)) return 'suspended';
  if (/[qw]/.test(letters)) return letters.includes('h') ? 'held' : 'pending';
  return /[rt]/.test(letters) ? 'running' : null;
}

/** qsub 8.1.9 (run) drops what follows a `#`, even in the middle of a word, and passes over a quote that is never closed. */
export function directiveRefusal(line: string): string | null {
  if (!line.startsWith('-')) return 'it does not begin with an option';
  if (line.includes('#')) return 'qsub drops what follows a #';
  return /["']/.test(line.replaceAll(/"[^"]*"|'[^']*'/g, 'x')) ? 'a quote in it is never closed' : null;
}
