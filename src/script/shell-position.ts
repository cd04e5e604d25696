/**
 * Follows shell text just far enough to say whether a quoted word may stand at its end: not inside other quotes, a
 * comment or a here-document, where its quoting would be text and its content code.
 */

/** Where in shell text one stands: the stack of what is open, innermost last. */
export interface ShellPosition {
  readonly open: readonly Opened[];
  /** The characters since the last white space or separator; empty at the start of a word. */
  readonly word: string;
  /** Nothing stands before it on its line. */
  readonly atLineStart: boolean;
  /** The here-document that begins at the next line, or is being read. */
  readonly hereDocument: { readonly end: string; readonly begun: boolean; readonly line: string } | null;
}

type Opened = 'single' | 'ansi' | 'double' | 'escape' | 'comment' | 'paren' | 'brace' | 'backtick';

/** The start of a script. */
export const atStart: ShellPosition = { open: [], word: '', atLineStart: true, hereDocument: null };

/** The position after `text`. */
export function after(position: ShellPosition, text: string): ShellPosition {
  let now = position;
  for (const character of text) now = step(now, character);
  return text === '' ? now : { ...now, atLineStart: text.endsWith('\n') };
}

/** Why a quoted word must not stand here, as the end of "it stands inside …"; null where it may. */
export function insideOf(position: ShellPosition): string | null {
  if (position.hereDocument?.begun) return 'a here-document';
  const innermost = position.open.at(-1);
  if (innermost === undefined || innermost === 'paren') return null;
  return names[innermost];
}

const names = {
  single: 'single quotes',
  ansi: 'single quotes',
  double: 'double quotes',
  escape: 'a backslash escape',
  comment: 'a comment',
  brace: 'the braces of an expansion',
  backtick: 'backticks',
} as const;

/** Two positions are the same when everything after them reads the same. */
export function samePosition(one: ShellPosition, other: ShellPosition): boolean {
  return one.open.join() === other.open.join() && one.hereDocument?.end === other.hereDocument?.end;
}

function step(at: ShellPosition, character: string): ShellPosition {
  if (at.hereDocument?.begun) return inHereDocument(at, at.hereDocument, character);
  switch (at.open.at(-1)) {
    case 'escape':
      return { ...closed(at), word: `${at.word}${character}` };
    case 'single':
      return character === "'" ? closed(at) : { ...at, word: `${at.word}${character}` };
    case 'ansi':
      return character === '\\' ? opened(at, 'escape') : character === "'" ? closed(at) : at;
    case 'comment':
      return character === '\n' ? newLine(closed(at)) : at;
    case 'double':
      return inDouble(at, character);
    default:
      return inCode(at, character);
  }
}

function inDouble(at: ShellPosition, character: string): ShellPosition {
  const last = at.word.endsWith('$');
  const next = { ...at, word: `${at.word}${character}` };
  if (character === '"') return closed(next);
  if (character === '\\') return opened(next, 'escape');
  if (character === '`') return opened(next, 'backtick');
  if (last && character === '(') return opened(next, 'paren');
  if (last && character === '{') return opened(next, 'brace');
  return next;
}

function inCode(at: ShellPosition, character: string): ShellPosition {
  const next = { ...at, word: `${at.word}${character}` };
  const inBrace = at.open.at(-1) === 'brace';
  if (character === '\\') return opened(next, 'escape');
  if (character === '"') return opened(next, 'double');
  if (character === "'") return opened(next, at.word.endsWith('$') ? 'ansi' : 'single');
  if (character === '`') return at.open.at(-1) === 'backtick' ? closed(next) : opened(next, 'backtick');
  if (at.word.endsWith('$') && character === '{') return opened(next, 'brace');
  if (inBrace) return character === '}' ? closed(next) : next;
  if (character === '(') return { ...opened(next, 'paren'), word: '' };
  if (character === ')') return at.open.at(-1) === 'paren' ? closed(next) : next;
  if (character === '#' && at.word === '') return opened(next, 'comment');
  return atSeparator(at, next, character);
}

function atSeparator(at: ShellPosition, next: ShellPosition, character: string): ShellPosition {
  const separates = character === ' ' || character === '\t' || character === '\n' || ';&|'.includes(character);
  const here = separates ? hereDocumentOf(at.word) : null;
  if (here === 'unfinished') return next;
  const announced = here === null ? next : { ...next, hereDocument: { end: here, begun: false, line: '' } };
  if (character === '\n') return newLine(announced);
  return separates ? { ...announced, word: '' } : announced;
}

/** The end word of `<<WORD`, `<<-'WORD'`…; `unfinished` after `<<` alone, which may be followed by a blank. */
function hereDocumentOf(word: string): string | 'unfinished' | null {
  const match = /(?<!<)<<(?!<)-?\s*(.*)$/s.exec(word);
  if (match === null) return null;
  const end = (match[1] ?? '').replaceAll(/['"\\]/g, '');
  return end === '' ? 'unfinished' : end;
}

function newLine(at: ShellPosition): ShellPosition {
  const here = at.hereDocument;
  return { ...at, word: '', hereDocument: here === null ? null : { ...here, begun: true } };
}

function inHereDocument(
  at: ShellPosition,
  here: NonNullable<ShellPosition['hereDocument']>,
  character: string,
): ShellPosition {
  if (character !== '\n') return { ...at, hereDocument: { ...here, line: here.line + character } };
  const ended = here.line.replace(/^\t+/, '') === here.end;
  return { ...at, hereDocument: ended ? null : { ...here, line: '' } };
}

function opened(at: ShellPosition, what: Opened): ShellPosition {
  return { ...at, open: [...at.open, what] };
}

function closed(at: ShellPosition): ShellPosition {
  return { ...at, open: at.open.slice(0, -1) };
}
