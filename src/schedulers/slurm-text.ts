/** Pieces of text that several of Slurm's clients print alike. */

/** `3`, `0-4`, `0-8:2`, `1,5-7`, each perhaps with a throttle `%2`. Null for anything else, such as a text cut with dots. */
export function parseIndices(text: string): number[] | null {
  const indices: number[] = [];
  for (const piece of text.replace(/%\d+$/, '').split(',')) {
    const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(piece);
    if (match === null) return null;
    const [first, last, stride] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
    if (last - first > 100_000 || stride < 1) return null;
    for (let index = first; index <= last; index += stride) indices.push(index);
  }
  return indices;
}

/** With SLURM_TIME_FORMAT=%s: seconds since the epoch. `N/A`, `Unknown`, `None` and 0: it does not say. */
export function time(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : null;
}

/**
 * sbatch 22.05 (run) splits a directive at blanks, takes quotes and backslashes away, and drops everything from a `#` on,
 * even in the middle of a word.
 */
export function directiveRefusal(line: string): string | null {
  if (line.includes('\\')) return 'sbatch takes backslashes away';
  const bare = line.replaceAll(/"[^"]*"|'[^']*'/g, 'x');
  if (/["']/.test(bare)) return 'a quote in it is never closed';
  if (bare.includes('#')) return 'sbatch drops what follows a #';
  const [option = '', value, ...more] = bare.split(/\s+/);
  if (!option.startsWith('-')) return 'it does not begin with an option';
  if (more.length > 0 || value?.startsWith('-')) return 'a blank in it would begin another option; one option a line';
  return value !== undefined && option.includes('=')
    ? 'sbatch would cut it at the blank; put the value in quotes'
    : null;
}
