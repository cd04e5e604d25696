/** What a job's script asks of its batch system. */

/** The words of the lines with this prefix (`#SBATCH`) that stand before the first command. */
export function directivesOf(script: string, prefix: string): string[] {
  const words: string[] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith(`${prefix} `)) words.push(...shellWords(line.slice(prefix.length)));
    else if (line.trim() !== '' && !line.startsWith('#')) break;
  }
  return words;
}

/** Blanks part, quotes and backslashes keep together, and ` #` begins a remark. */
function shellWords(text: string): string[] {
  const pieces = text.replace(/\s#.*$/, '').match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? [];
  return pieces.map((piece) =>
    piece.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g, (_whole, soft?: string, hard?: string, one?: string) =>
      soft === undefined ? (hard ?? one ?? '') : soft.replaceAll(/\\(["\\])/g, '$1'),
    ),
  );
}
