import { commandLine } from '../shell.ts';
import { cutReason, type Piece, piecesIn, piecesProgram } from './asked-pieces.ts';
import { saidBy } from './failed-words.ts';
import { type Block, blocksOf, durationSeconds, idParts, saidLines, submissionIdOf, tagIn, time } from './pbs-text.ts';
import type { JobState, ListedJob, Listing, Output } from './scheduler.ts';

/**
 * The user's jobs, as PBS and Torque list them: `qselect` names them, `qstat -f` describes them. Without ids `qstat`
 * describes everybody's, so it is asked only where there are some. A server that is down prints what an empty queue
 * prints: the exit status alone tells.
 */

/**
 * Two clients in one program. `select` is the shell command that names the jobs, `show` the one that describes those
 * whose ids follow it; times are to be printed in UTC.
 */
export function listProgram(select: string, show: readonly string[], order: 'as named' | 'reversed'): string {
  const next = order === 'as named' ? '"$@" "$id"' : '"$id" "$@"';
  const described = commandLine(['env', 'TZ=UTC0', ...show]);
  return piecesProgram([
    `named=$(${select} </dev/null); code=$?`,
    'echo "asked select"; [ -z "$named" ] || printf "%s\\n" "$named"; echo "answered $code"',
    `set -f; set --; if [ $code -eq 0 ]; then for id in $named; do case $id in [0-9]*) set -- ${next} ;; esac; done; fi`,
    `[ $# -eq 0 ] || ask show ${described} "$@"`,
  ]);
}

/** What `qstat` says of an id that was there a moment before; it is over. */
const overSince =
  /^qstat: (?:Unknown Job Id (?:Error )?(\S+)|(\S+) Job has finished, use -x or -H to obtain historical job information)$/;

/** The blocks of the jobs that were named, all of them but those that ended in between; or why they cannot be had. */
export type Described = { blocks: readonly Block[] } | { incomplete: string };

/** What the listing program said. */
export function describedJobs(output: Output): Described {
  const pieces = piecesIn(output.stdout);
  if (pieces === null) return { incomplete: cutReason(output) };
  if (output.code !== 0) return { incomplete: saidBy(output) || `the listing ended with ${output.code}` };
  const [select, show, ...more] = pieces;
  if (select?.name !== 'select' || more.length > 0) return { incomplete: 'the listing has no first part' };
  const named = namedIn(select, output.stderr);
  if ('incomplete' in named) return named;
  if (named.ids.length === 0) return show === undefined ? { blocks: [] } : { incomplete: 'a part too many' };
  if (show?.name !== 'show') return { incomplete: 'qstat was not asked for the jobs that qselect named' };
  return shownOf(named.ids, show, output.stderr);
}

function namedIn({ lines, code }: Piece, stderr: string): { ids: readonly string[] } | { incomplete: string } {
  const complaint = saidLines(stderr).find((line) => line.startsWith('qselect: ') || /cannot connect/.test(line));
  if (code !== 0 || complaint !== undefined) {
    return { incomplete: stderr.trim() || complaint || `qselect ended with ${code}` };
  }
  const strange = lines.find((line) => idParts(line) === null);
  if (strange === undefined) return { ids: lines };
  return { incomplete: `qselect printed a line that is not understood: ${strange.slice(0, 200)}` };
}

function shownOf(ids: readonly string[], { lines, code }: Piece, stderr: string): Described {
  const said = saidLines(stderr);
  const over = new Set(said.flatMap((line) => overSince.exec(line)?.slice(1).filter(Boolean) ?? []));
  const complaint = said.find((line) => /^qstat: |\berror\b|cannot connect/i.test(line) && !overSince.test(line));
  if (complaint !== undefined) return { incomplete: said.join('\n') };
  if (code !== 0 && over.size === 0) return { incomplete: said.join('\n') || `qstat ended with ${code}` };
  const found = blocksOf(lines, 'Job Id');
  if ('strange' in found) {
    return { incomplete: `qstat printed a line that is not understood: ${found.strange.slice(0, 200)}` };
  }
  const shown = new Set(found.blocks.map((block) => block.name));
  const lost = ids.find((id) => !shown.has(id) && !over.has(id));
  if (lost !== undefined) return { incomplete: `qselect named ${lost}, and qstat did not show it` };
  const wanted = new Set(ids);
  const foreign = found.blocks.find(({ name }) => !wanted.has(name) && !wanted.has(submissionIdOf(name)));
  return foreign === undefined ? found : { incomplete: `qstat showed ${foreign.name}, which it was not asked for` };
}

/** The pilots among the jobs: each element of an array on its own, and no array as such. */
export function listingOf(described: Described): Listing {
  if ('incomplete' in described) return { kind: 'incomplete', reason: described.incomplete };
  const jobs: ListedJob[] = [];
  for (const block of described.blocks) {
    const job = jobOf(block);
    if (job === null) {
      const reason = `qstat showed ${block.name} in a way that is not understood: job_state = ${block.attributes.get('job_state')}`;
      return { kind: 'incomplete', reason };
    }
    if (idParts(block.name)?.array !== true || job.index !== null) jobs.push(job);
  }
  const lost = described.blocks.flatMap(({ name, attributes }) => elementsOf(name, attributes)).find(notIn(jobs));
  return lost === undefined
    ? { kind: 'complete', jobs }
    : { kind: 'incomplete', reason: `qstat did not show ${lost} of its array` };
}

function notIn(jobs: readonly ListedJob[]): (id: string) => boolean {
  const ids = new Set(jobs.map((job) => job.id));
  return (id) => !ids.has(id);
}

/** The ids that an array says it has: `1-3`, `1-7:2`; none where it does not say. */
function elementsOf(name: string, attributes: Block['attributes']): string[] {
  const match = /^(\d+)-(\d+)(?::(\d+))?$/.exec(attributes.get('array_indices_submitted') ?? '');
  if (match === null || !name.includes('[]')) return [];
  const [first, last, step] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 1)];
  if (step < 1 || last - first > 100_000) return [];
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) =>
    name.replace('[]', `[${first + at * step}]`),
  );
}

const states: Readonly<Record<string, JobState>> = {
  Q: 'pending',
  // Waits for its time, or is on its way to another queue.
  W: 'pending',
  T: 'pending',
  H: 'held',
  R: 'running',
  // The array as a whole has begun.
  B: 'running',
  S: 'suspended',
  U: 'suspended',
  E: 'ending',
  X: 'finished',
  F: 'finished',
  // Torque's word for what is over.
  C: 'finished',
  // To another server, which alone knows.
  M: 'unknown',
};

/**
 * A job's state; null for a letter that no version prints. The waiting ones of a held array stay Q and have its hold. E
 * with a substate of 60 to 63 is on its way back to its queue, after qrerun or a node that could not start it: with
 * 23.06.06 (run) it ran again, under its id, a second later.
 */
export function stateOf(attributes: Block['attributes']): JobState | null {
  const state = states[attributes.get('job_state') ?? ''] ?? null;
  if (state === 'ending' && /^6[0-3]$/.test(attributes.get('substate') ?? '')) return 'pending';
  return state === 'pending' && /[uosp]/.test(attributes.get('Hold_Types') ?? '') ? 'held' : state;
}

function jobOf({ name, attributes }: Block): ListedJob | null {
  const [parts, state] = [idParts(name), stateOf(attributes)];
  if (parts === null || state === null) return null;
  const node = nodeOf(attributes.get('exec_host'));
  // One that waits, or never ran, has the start of its array.
  const ran = node !== null && state !== 'pending' && state !== 'held';
  const startedAt = ran ? time(attributes.get('stime') ?? attributes.get('start_time')) : null;
  const limit = durationSeconds(attributes.get('Resource_List.walltime'));
  return {
    id: name,
    submissionId: submissionIdOf(name),
    index: parts.index,
    state,
    reason: reasonOf(state, attributes.get('comment')?.trim() ?? ''),
    tag: tagIn(attributes.get('Variable_List')),
    nodes: Number(attributes.get('Resource_List.nodect')) || 1,
    node,
    submittedAt: time(attributes.get('ctime')),
    startedAt,
    endsAt: startedAt === null || limit === null ? null : startedAt + limit,
  };
}

/** Why it waits. The comment of what runs says where it runs, and a waiting element of an array has the array's own. */
function reasonOf(state: JobState, comment: string): string | null {
  const runs = state === 'running' || state === 'ending';
  return comment === '' || runs || comment.startsWith('Job Array Began') ? null : comment;
}

/** `n1/0*4+n2/0*4`: the first is where the job's script runs. */
export function nodeOf(execHost: string | undefined): string | null {
  return /^[^/+]+/.exec(execHost ?? '')?.[0] ?? null;
}

/**
 * One `qstat` an id. It says of each by name what it does not know (153) or what has finished (35); an element of an
 * array that still has others is shown with X.
 */
export function askCommand(ids: readonly string[]): string {
  const program = 'for id; do echo "asked $id"; qstat -f "$id" </dev/null 2>&1; done; echo asked';
  return commandLine(['sh', '-c', program, 'sh', ...ids]);
}

/** What `qstat` said of each. */
export function parseAsk(output: Output): ReadonlyMap<string, 'exists' | 'gone'> {
  const answers = new Map<string, 'exists' | 'gone'>();
  for (const [, id = '', said = ''] of output.stdout.matchAll(/^asked (\S+)\n([\s\S]*?)(?=^asked)/gm)) {
    const found = blocksOf(said.split('\n').slice(0, -1), 'Job Id');
    const block = 'blocks' in found ? found.blocks.find(({ name }) => name === id) : undefined;
    const state = block === undefined ? null : stateOf(block.attributes);
    if (saidLines(said).some((line) => overSince.test(line) && line.includes(id))) answers.set(id, 'gone');
    else if (state !== null) answers.set(id, state === 'finished' ? 'gone' : 'exists');
  }
  return answers;
}
