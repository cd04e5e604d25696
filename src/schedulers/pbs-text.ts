import type { Output } from './scheduler.ts';

/** Pieces of text that the clients of PBS and Torque print alike. */

/** One job, queue or server of `qstat -f`, or one node of `pbsnodes`. */
export interface Block {
  name: string;
  attributes: ReadonlyMap<string, string>;
}

/** Blocks, or the line that is none of theirs. */
export type Blocks = { blocks: readonly Block[] } | { strange: string };

/**
 * `Job Id: 1.pbs1`, then `    key = value` lines, then an empty line, each block so. Long values are folded anywhere, and
 * go on after a tab. A value of the job's environment may hold line breaks of its own (with `-V`); nothing else may. A
 * limit has a line for each whom it is set for. A block without the empty line at its end was cut.
 */
export function blocksOf(lines: readonly string[], title: string): Blocks {
  const blocks: { name: string; attributes: Map<string, string> }[] = [];
  let open: { attributes: Map<string, string>; key: string | null } | null = null;
  for (const line of lines) {
    const pair = /^ {4}([A-Za-z_][\w.]*) = (.*)$/.exec(line);
    if (line.startsWith(`${title}: `)) {
      if (open !== null) return { strange: line };
      const attributes = new Map<string, string>();
      open = { attributes, key: null };
      blocks.push({ name: line.slice(title.length + 2).trim(), attributes });
    } else if (open === null) {
      if (line.trim() !== '') return { strange: line };
    } else if (pair !== null) {
      open.key = pair[1] ?? '';
      const before = /^max_/.test(open.key) ? open.attributes.get(open.key) : undefined;
      open.attributes.set(open.key, before === undefined ? (pair[2] ?? '') : `${before},${pair[2] ?? ''}`);
    } else if (line.startsWith('\t') && open.key !== null) {
      open.attributes.set(open.key, `${open.attributes.get(open.key) ?? ''}${line.slice(1)}`);
    } else if (open.key === 'Variable_List' && line !== '') {
      open.attributes.set(open.key, `${open.attributes.get(open.key) ?? ''}\n${line}`);
    } else if (line === '') {
      open = null;
    } else {
      return { strange: line };
    }
  }
  return open === null ? { blocks } : { strange: `${title}: ${blocks.at(-1)?.name ?? ''} (its end is missing)` };
}

/** `n1`, then `     key = value` lines, then an empty line: the nodes of `pbsnodes`. Null: not understood. */
export function nodeBlocks(lines: readonly string[]): readonly Block[] | null {
  const blocks: { name: string; attributes: Map<string, string> }[] = [];
  for (const line of lines) {
    const pair = /^ {5}([A-Za-z_][\w.]*) = (.*)$/.exec(line);
    if (line === '') continue;
    if (/^\S+$/.test(line)) blocks.push({ name: line, attributes: new Map() });
    else if (pair !== null) blocks.at(-1)?.attributes.set(pair[1] ?? '', pair[2] ?? '');
    else return null;
  }
  return blocks;
}

/** `123.server`, `123[].server` and `123[4].server`, each perhaps without the server. Null: no id. */
export function idParts(id: string): { sequence: string; index: number | null; array: boolean; server: string } | null {
  const match = /^(\d+)(\[(\d*)\])?((?:\.[A-Za-z0-9_.-]+)?)$/.exec(id);
  if (match === null) return null;
  const [, sequence = '', brackets, index = '', server = ''] = match;
  return { sequence, index: index === '' ? null : Number(index), array: brackets !== undefined, server };
}

/** The id of the array that a pilot is of; of any other job its own. */
export function submissionIdOf(pilotId: string): string {
  return pilotId.replace(/\[\d+\]/, '[]');
}

/** An array's id has brackets for the index; one pilot alone is no array, and its id is the submission's. */
export function pilotId(submissionId: string, index: number | null): string {
  return index === null ? submissionId : submissionId.replace('[]', `[${index}]`);
}

/** The tag that `-v` put among the job's variables; null where the site erased it. */
export function tagIn(variables: string | undefined): string | null {
  return /(?:^|,)GLIDEIN_TAG=([a-z0-9][a-z0-9-]*-[a-z0-9]{10})(?=,|$)/.exec(variables ?? '')?.[1] ?? null;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Fri Nov 20 09:58:41 2026`, as C's ctime() writes it: the clients are asked with TZ=UTC0. Null: it does not say. */
export function time(text: string | undefined): number | null {
  const match = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d+) (\d+):(\d+):(\d+) (\d{4})$/.exec(text ?? '');
  const month = months.indexOf(match?.[1] ?? '');
  if (match === null || month < 0) return null;
  const [day, hours, minutes, seconds, year] = match.slice(2).map(Number);
  return Date.UTC(year ?? 0, month, day ?? 0, hours ?? 0, minutes ?? 0, seconds ?? 0) / 1000;
}

/** `100:00:00`, `01:30` (minutes and seconds) or seconds. Null: not understood, or not said. */
export function durationSeconds(text: string | undefined): number | null {
  if (text === undefined || !/^\d+(?::\d+){0,3}$/.test(text)) return null;
  const units = [1, 60, 3_600, 86_400];
  return text
    .split(':')
    .reverse()
    .reduce((sum, part, at) => sum + Number(part) * (units[at] ?? 0), 0);
}

/** `HH:MM:SS`, where hours may be many: the one form that all of them read alike. */
export function walltime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${two(seconds / 3_600)}:${two((seconds % 3_600) / 60)}:${two(seconds % 60)}`;
}

/** `24684096kb`, `8gb`, `512mw` in MB, rounded down. Null: not understood. */
export function megabytes(text: string | undefined): number | null {
  const match = /^(\d+)([kmgtp]?)([bw]?)$/i.exec(text ?? '');
  if (match === null) return null;
  const [, amount, scale = '', unit = ''] = match;
  const power = ['', 'k', 'm', 'g', 't', 'p'].indexOf(scale.toLowerCase());
  return Math.floor((Number(amount) * (unit.toLowerCase() === 'w' ? 8 : 1) * 1024 ** power) / 1024 ** 2);
}

/**
 * Whether the client was ended before it had answered. 124: our time limit; 129 to 151: a signal (the server's own
 * numbers begin with 15000, which is 152 modulo 256).
 */
export function wasEnded({ code }: Output): boolean {
  return code === 124 || (code > 128 && code < 152);
}

/** Lines that say something. */
export function saidLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** qsub of OpenPBS 23.06 (run) takes backslashes and quotes away; of what else it cannot read it complains itself. */
export function directiveRefusal(line: string): string | null {
  if (line.includes('\\')) return 'qsub takes backslashes away';
  return /["']/.test(line.replaceAll(/"[^"]*"|'[^']*'/g, 'x')) ? 'a quote in it is never closed' : null;
}
