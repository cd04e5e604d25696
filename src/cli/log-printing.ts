import type { LogPiece } from '../commands/logs.ts';
import { isoTime } from '../iso-time.ts';
import { forTerminal } from './report.ts';
import type { Screen } from './screen.ts';
import { duration } from './status-table.ts';

/** How a pilot's log is printed: its text alone on stdout, and on stderr where it is from. */

/**
 * Prints pieces as they come. A terminal gets nothing that steers it, a file or a pipe the bytes as they are. With
 * `--json` one object a line when it is followed; without, all is in the outcome.
 */
export function logPrinter(screen: Screen, { follow }: { follow: boolean }): (piece: LogPiece) => void {
  let last: LogPiece | null = null;
  return (piece) => {
    const { results, asides } = screen;
    if (results.json) {
      if (follow) screen.write(`${JSON.stringify(pieceJson(piece))}\n`);
      return;
    }
    if (last?.source !== piece.source) {
      if (last !== null && last.bytes.at(-1) !== newline) screen.write('\n');
      if (!asides.quiet) screen.say(heading(piece));
    }
    screen.write(results.columns === null ? piece.bytes : calm(forTerminal(piece.bytes.toString('utf8'))));
    last = piece;
  };
}

const newline = '\n'.charCodeAt(0);
const escapeCharacter = String.fromCharCode(27);

/** A colour that a log leaves on is not left on here. */
function calm(text: string): string {
  return text.includes(escapeCharacter) ? `${text}${escapeCharacter}[0m` : text;
}

function heading({ source, path, ageSeconds }: LogPiece): string {
  const what = source === 'pilot' ? "the pilot's own log" : 'what the batch system caught';
  return `==> ${path} (${what}, written ${duration(ageSeconds)} ago) <==`;
}

function pieceJson({ site, id, source, path, refreshedAt, bytes }: LogPiece): object {
  return { site, id, source, path, refreshedAt: isoTime(refreshedAt), text: bytes.toString('utf8') };
}
