/**
 * Reads one ClassAd expression, to refuse what is none. What HTCondor cannot parse is dropped from the slot with a line
 * in a log, and the image's `START_EXTRA ?: true` then lets every job in; text that is not balanced could close the
 * parentheses it is put in. So this must never take more than HTCondor does: it is stricter where the lexers and
 * parsers of its versions differ (classad/lexer.cpp and source.cpp, 8.x to 25.x, read), and knows no absolute `.Name`.
 */

/** A well-formed expression, or what is wrong where. `position` counts characters from 1. */
export type Syntax =
  | {
      ok: true;
      /** The attribute names that stand without a scope such as `TARGET.`, in lower case. */
      bareNames: readonly string[];
    }
  | { ok: false; position: number; reason: string };

/** Whether `text` is exactly one expression. */
export function expressionSyntax(text: string): Syntax {
  try {
    const reader = new Reader(text); // it looks at the first token already
    reader.expression(levelWeight);
    reader.end();
    return { ok: true, bareNames: reader.bareNames };
  } catch (error) {
    if (error instanceof Mistake) return { ok: false, position: error.at + 1, reason: error.message };
    throw error;
  }
}

/** How the reader stops; it never leaves this file. */
class Mistake extends Error {
  readonly at: number;
  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

type Token = { at: number; text: string; kind: 'number' | 'string' | 'name' | 'quotedName' | 'symbol' | 'end' };

/** HTCondor 25 gives up at 500; a level of parentheses weighs 3 there, a prefix operator and a `?:` 1. */
const heaviest = 400;
const levelWeight = 3;
const prefixOperators = ['+', '-', '!', '~'];
const symbols = [
  ...['>>>', '=?=', '=!='],
  ...['||', '&&', '==', '!=', '<=', '>=', '<<', '>>', '?:'],
  ...[
    '|',
    '^',
    '&',
    '<',
    '>',
    '+',
    '-',
    '*',
    '/',
    '%',
    '!',
    '~',
    '?',
    ':',
    ';',
    ',',
    '.',
    '=',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
  ],
];
const binaryOperators = new Set([
  ...['||', '&&', '|', '^', '&', '==', '!=', '=?=', '=!=', 'is', 'isnt', '<', '<=', '>', '>='],
  ...['<<', '>>', '>>>', '+', '-', '*', '/', '%'],
]);
const literals = new Set(['true', 'false', 'undefined', 'error']);
const wordOperators = new Set(['is', 'isnt']);
const scopes = new Set(['my', 'target']);

class Reader {
  readonly bareNames: string[] = [];
  private readonly text: string;
  private token: Token;

  constructor(text: string) {
    this.text = text;
    this.token = { at: 0, text: '', kind: 'end' };
    this.next();
  }

  end(): void {
    if (this.token.kind !== 'end') this.fail(`${this.token.text} does not belong here: one expression ended before it`);
  }

  expression(weight: number): void {
    if (weight > heaviest) this.fail('it is nested too deeply');
    this.operand(weight);
    while (this.isOperator()) {
      this.next();
      this.operand(weight);
    }
    if (!this.isSymbol('?')) return;
    this.next();
    this.expression(weight + levelWeight);
    this.expect(':');
    this.expression(weight + levelWeight);
  }

  private isOperator(): boolean {
    const { kind, text } = this.token;
    return (kind === 'symbol' || kind === 'name') && binaryOperators.has(text.toLowerCase());
  }

  private operand(weight: number): void {
    let heavier = weight;
    while (this.token.kind === 'symbol' && prefixOperators.includes(this.token.text)) {
      this.next();
      heavier += 1;
    }
    this.postfix(heavier);
  }

  private postfix(weight: number): void {
    if (weight > heaviest) this.fail('it is nested too deeply');
    this.primary(weight);
    for (;;) {
      if (this.isSymbol('.')) {
        this.next();
        this.name();
      } else if (this.isSymbol('[')) {
        this.enclosed(']', () => this.expression(weight + levelWeight));
      } else if (this.isSymbol('?:')) {
        // a unless it is undefined. Since 9.x it binds like a selection and takes no prefix operator on its right.
        this.next();
        this.postfix(weight + 1);
      } else return;
    }
  }

  private primary(weight: number): void {
    const { kind, text } = this.token;
    const inner = () => this.expression(weight + levelWeight);
    if (kind === 'number' || kind === 'string') this.next();
    else if (kind === 'name' || kind === 'quotedName') this.attributeOrCall(inner);
    else if (this.isSymbol('(')) this.enclosed(')', inner);
    else if (this.isSymbol('{')) this.enclosed('}', () => this.listed('}', ',', inner));
    else if (this.isSymbol('[')) this.enclosed(']', () => this.listed(']', ';', () => this.member(inner)));
    else this.fail(kind === 'end' ? 'the expression ends too early' : `${text} cannot stand where a value is needed`);
  }

  private attributeOrCall(inner: () => void): void {
    const { kind, text } = this.token;
    const word = text.toLowerCase();
    if (kind === 'name' && literals.has(word)) {
      this.next();
      return;
    }
    this.name();
    if (kind === 'name' && this.isSymbol('(')) this.enclosed(')', () => this.listed(')', ',', inner));
    else if (!(scopes.has(word) && this.isSymbol('.'))) this.bareNames.push(kind === 'name' ? word : word.slice(1, -1));
  }

  private member(inner: () => void): void {
    this.name();
    this.expect('=');
    inner();
  }

  private name(): void {
    const { kind, text } = this.token;
    const reserved = literals.has(text.toLowerCase()) || wordOperators.has(text.toLowerCase());
    if (kind !== 'quotedName' && (kind !== 'name' || reserved)) this.fail('an attribute name is missing');
    this.next();
  }

  private enclosed(close: string, inside: () => void): void {
    this.next();
    inside();
    this.expect(close);
  }

  private listed(close: string, separator: string, item: () => void): void {
    while (!this.isSymbol(close)) {
      item();
      if (!this.isSymbol(separator)) return;
      this.next();
      if (separator === ',' && this.isSymbol(close)) this.fail('a value is missing after the comma');
    }
  }

  private isSymbol(text: string): boolean {
    return this.token.kind === 'symbol' && this.token.text === text;
  }

  private expect(text: string): void {
    if (!this.isSymbol(text)) this.fail(`${text} is missing`);
    this.next();
  }

  private fail(reason: string): never {
    throw new Mistake(this.token.at, reason);
  }

  private next(): void {
    let at = this.token.at + this.token.text.length;
    while (this.text[at] === ' ') at += 1;
    this.token = tokenAt(this.text, at);
  }
}

function tokenAt(text: string, at: number): Token {
  const rest = text.slice(at, at + 2);
  if (rest === '') return { at, text: '', kind: 'end' };
  if (rest === '//' || rest === '/*') throw new Mistake(at, 'a comment would hide what follows it');
  const first = rest[0] ?? '';
  if (first === '"') return quoted(text, at, 'string');
  if (first === "'") return quoted(text, at, 'quotedName');
  if (/\d/.test(first) || /^\.\d/.test(rest)) return number(text, at);
  const name = sticky(/[A-Za-z_][A-Za-z0-9_]*/y, text, at);
  if (name !== null) return { at, text: name, kind: 'name' };
  const symbol = symbols.find((candidate) => text.startsWith(candidate, at));
  if (symbol === undefined)
    throw new Mistake(at, `${String.fromCodePoint(text.codePointAt(at) ?? 0)} is no part of an expression`);
  return { at, text: symbol, kind: 'symbol' };
}

// The old lexer ends a string at the first quote without a backslash before it, the new one counts backslashes: only
// where each backslash stands before a quote and before nothing else do both see the same end.
function quoted(text: string, at: number, kind: 'string' | 'quotedName'): Token {
  const whole = sticky(kind === 'string' ? /"(?:[^"\\]|\\")*"/y : /'[^'\\]+'/y, text, at);
  if (whole !== null) return { at, text: whole, kind };
  const backslash = text.slice(at).search(/\\(?!")/);
  if (backslash >= 0) throw new Mistake(at + backslash, 'a backslash here is read in two ways; only \\" is safe');
  throw new Mistake(
    at,
    kind === 'string' ? 'this string is never closed' : 'this quoted name is empty or never closed',
  );
}

// Numbers such as 010 and 0x1F have one value in old ClassAds and another in new ones.
function number(text: string, at: number): Token {
  const whole = sticky(/(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[BKMGTbkmgt]?/y, text, at) ?? '';
  const following = text[at + whole.length] ?? '';
  if (/[A-Za-z0-9_.]/.test(following) || /^0\d/.test(whole)) throw new Mistake(at, 'this is no decimal number');
  return { at, text: whole, kind: 'number' };
}

function sticky(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}
