/**
 * What a batch system reads in a directive line. sbatch 22.05 (run) splits it at blanks, takes quotes and backslashes
 * away, and drops everything from a `#` on, even in the middle of a word.
 */

/** Why `line`, behind `prefix`, would be read as something else than it says; null when it is carried exactly. */
export function directiveRefusal(prefix: string, line: string): string | null {
  if (/\p{Cc}/u.test(line)) return 'it holds a line break or another control character';
  if (line.trim() !== line || line === '') return 'it is empty, or begins or ends with a blank';
  return prefix === '#SBATCH' ? sbatchRefusal(line) : null;
}

function sbatchRefusal(line: string): string | null {
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
