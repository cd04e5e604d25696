/**
 * One line of ours in a person's crontab, and every other byte as it was. Pure: the table's bytes as Latin-1 text, so that
 * whatever they are they come out the same.
 */

/** The table with our line in it: in the place of the one there was, else at the end. More lines of ours than one go. */
export function withLine(table: string, mark: string, line: string): string {
  const lines = linesOf(table);
  const at = lines.findIndex((one) => isOurs(one, mark));
  if (at === -1) return `${table}${table === '' || table.endsWith('\n') ? '' : '\n'}${line}\n`;
  return lines.flatMap((one, position) => (position === at ? `${line}\n` : isOurs(one, mark) ? [] : one)).join('');
}

/** The table without our line. */
export function withoutLine(table: string, mark: string): string {
  return linesOf(table)
    .filter((line) => !isOurs(line, mark))
    .join('');
}

/** Our line, or null. */
export function lineIn(table: string, mark: string): string | null {
  return (
    linesOf(table)
      .find((line) => isOurs(line, mark))
      ?.replace(/\n$/, '') ?? null
  );
}

/** Each with its end; the last one may have none. */
function linesOf(table: string): string[] {
  return table.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Whether a line carries the mark as a word of its own. One that a person commented out is theirs. */
function isOurs(line: string, mark: string): boolean {
  return !/^\s*#/.test(line) && line.split(/\s+/).includes(mark);
}
