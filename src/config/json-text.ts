/** What `parseJson` makes of a text. `line` counts from 1. */
export type JsonText = { ok: true; value: unknown } | { ok: false; line: number; reason: string };

/**
 * Parses JSON. Of a text that is none it finds the line where the text stops being JSON: Node 20's own messages tell
 * a position for some mistakes only, and quote the file.
 */
export function parseJson(text: string): JsonText {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  try {
    return { ok: true, value: JSON.parse(body) };
  } catch {
    const { at, expected } = firstError(body);
    const line = body.slice(0, at).split('\n').length;
    return { ok: false, line, reason: `expected ${expected}, found ${found(body, at)}` };
  }
}

function found(text: string, at: number): string {
  if (text.trim() === '') return 'an empty file';
  const character = [...text.slice(at, at + 2)][0];
  if (character === undefined) return 'the end of the file';
  if (character === '"') return 'text without a closing quote on this line, or with a wrong escape in it';
  return JSON.stringify(character);
}

type Expected =
  | 'a value'
  | 'a value or "]"'
  | 'a key in double quotes'
  | 'a key in double quotes or "}"'
  | '":"'
  | '"," or a closing bracket'
  | 'nothing more';

/** Where reading stands: at which character, and what may come there. */
interface Place {
  at: number;
  expected: Expected;
}

const blanks = /[ \t\n\r]*/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in text.
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** The place at which `text` stops being JSON; its end for a text that is JSON. */
function firstError(text: string): Place {
  const open: string[] = [];
  let place: Place = { at: 0, expected: 'a value' };
  for (;;) {
    const here: Place = { at: endOf(blanks, text, place.at), expected: place.expected };
    const next = nextPlace(text, here, open);
    if (next === null) return here;
    place = next;
  }
}

/** One token further; null when what stands at `place` is not what is expected there. Keeps the open brackets in `open`. */
function nextPlace(text: string, { at, expected }: Place, open: string[]): Place | null {
  const character = text[at];
  switch (expected) {
    case 'a value or "]"':
      return character === ']' ? closed(at, open) : afterValueStart(text, at, open);
    case 'a value':
      return afterValueStart(text, at, open);
    case 'a key in double quotes or "}"':
      return character === '}' ? closed(at, open) : afterToken(string, text, at, '":"');
    case 'a key in double quotes':
      return afterToken(string, text, at, '":"');
    case '":"':
      return character === ':' ? { at: at + 1, expected: 'a value' } : null;
    case '"," or a closing bracket': {
      const inObject = open.at(-1) === '{';
      if (character === ',') return { at: at + 1, expected: inObject ? 'a key in double quotes' : 'a value' };
      return character === (inObject ? '}' : ']') ? closed(at, open) : null;
    }
    case 'nothing more':
      return null;
  }
}

function afterValueStart(text: string, at: number, open: string[]): Place | null {
  const character = text[at];
  if (character === '{' || character === '[') {
    open.push(character);
    return { at: at + 1, expected: character === '{' ? 'a key in double quotes or "}"' : 'a value or "]"' };
  }
  return afterToken(character === '"' ? string : scalar, text, at, afterValue(open));
}

function closed(at: number, open: string[]): Place {
  open.pop();
  return { at: at + 1, expected: afterValue(open) };
}

function afterValue(open: readonly string[]): Expected {
  return open.length === 0 ? 'nothing more' : '"," or a closing bracket';
}

function afterToken(token: RegExp, text: string, at: number, expected: Expected): Place | null {
  const end = endOf(token, text, at);
  return end === at ? null : { at: end, expected };
}

/** Where the sticky pattern `token` ends when it stands at `at`; `at` when it does not. */
function endOf(token: RegExp, text: string, at: number): number {
  token.lastIndex = at;
  return token.test(text) ? token.lastIndex : at;
}
