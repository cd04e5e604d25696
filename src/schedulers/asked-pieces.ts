import { commandLine, quote } from '../shell.ts';
import type { Output } from './scheduler.ts';

/**
 * Several clients asked in one program, so that what each printed can be told apart, and what is cut is seen to be.
 * Every piece begins with a line that names it and ends with one that has its exit status; a last line says that all
 * were asked.
 */

/** One line of the program: asks for a piece by a shell command line. */
export function askPiece(name: string, command: string): string {
  return `ask ${name} ${command}`;
}

/** The program of these lines, as one command line; `words` are its arguments, `"$@"` in it. */
export function piecesProgram(lines: readonly string[], words: readonly string[] = []): string {
  const ask = 'ask() { echo "asked $1"; shift; "$@" </dev/null; code=$?; echo "answered $code"; return $code; }';
  const program = [ask, ...lines, 'echo asked all'].join('; ');
  return words.length === 0 ? `sh -c ${quote(program)}` : `sh -c ${quote(program)} sh ${commandLine(words)}`;
}

export interface Piece {
  name: string;
  /** What the client printed, whole lines. */
  lines: readonly string[];
  code: number;
}

/**
 * The pieces in their order. Null where not all of it is there. What a client printed without a line end at its end runs
 * into the next mark, so that is null, too: it was cut.
 */
export function piecesIn(stdout: string): readonly Piece[] | null {
  const lines = stdout.split('\n');
  // `split` leaves an empty last element after a whole last line.
  if (lines.pop() !== '' || lines.pop() !== 'asked all') return null;
  const pieces: Piece[] = [];
  while (lines.length > 0) {
    const name = /^asked (\S+)$/.exec(lines.shift() ?? '')?.[1];
    const end = lines.findIndex((line) => /^answered \d+$/.test(line));
    if (name === undefined || end < 0) return null;
    const said = lines.splice(0, end);
    pieces.push({ name, lines: said, code: Number(lines.shift()?.slice('answered '.length)) });
  }
  return pieces;
}

/** Why there are no pieces, for a person. */
export function cutReason({ code, stdout, stderr }: Output): string {
  if (code === 124) return 'no answer within the time limit';
  const foreign = betweenPieces(stdout);
  if (foreign !== undefined) return `a line of the answer is not understood: ${foreign.slice(0, 200)}`;
  const said = stderr.trim();
  return said === '' ? 'the answer is cut short' : `the answer is cut short: ${said}`;
}

/** The first line that no client printed, and no mark is. */
function betweenPieces(stdout: string): string | undefined {
  let isOpen = false;
  return stdout.split('\n').find((line) => {
    const isMark = isOpen ? /^answered \d+$/.test(line) : /^asked \S+$/.test(line);
    if (isMark) isOpen = !isOpen && line !== 'asked all';
    return !isMark && !isOpen && line !== '';
  });
}
