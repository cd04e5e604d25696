/** What Apptainer and Singularity say while they build. Pure. */

/** A line without what is in front of it: `INFO:    Creating SIF file...`. */
export function plainLine(line: string): string {
  return redacted(line.replace(/^INFO:\s+/, '').trim()).slice(0, 200);
}

/** What to quote of a build that failed: the last of what it calls fatal or an error, else its last line. */
export function lastWords(lines: readonly string[]): string {
  const all = lines.filter((line) => line.trim() !== '');
  const worst = all.filter((line) => /(?:^|\s)(?:FATAL|ERROR)\b/.test(line)).slice(-3);
  const words = worst.length > 0 ? worst.join('; ') : (all.at(-1) ?? '');
  return redacted(words.replaceAll(/\s+/g, ' ').trim()).slice(0, 600);
}

/** A proxy's or a registry's password may stand in an address. */
function redacted(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]+@/g, '//***@');
}
