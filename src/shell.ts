/**
 * Shell text, the one place it is quoted. All of it is for a POSIX `sh`; nothing else in the project puts a foreign
 * value into a command line by hand.
 */

/** `text` as one shell word that expands to exactly `text`. NUL cannot be carried by any shell: it must have been refused before. */
export function quote(text: string): string {
  if (text !== '' && /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) && !text.startsWith('=')) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A path on the login host as one shell word. A leading `~` (alone or before `/`) means the home directory there;
 * nothing else in it is expanded.
 */
export function quotePath(path: string): string {
  if (path === '~') return '"$HOME"';
  if (path.startsWith('~/')) return `"$HOME"/${quote(path.slice(2))}`;
  return quote(path);
}

/** Words joined to one command line, each quoted. */
export function commandLine(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
