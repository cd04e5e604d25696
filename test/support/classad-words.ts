/** ClassAd text in words, to compare what HTCondor prints with what was meant: its spacing and its spelling do not count. */

/** Text outside strings, without blanks; or a string's content. */
export type Word = string | { text: string };

/**
 * The words of an expression as HTCondor 25 prints it: it puts a backslash before what a string must not hold as it is, and
 * writes bytes above 127 in octal.
 */
export function classAdWords(expression: string): Word[] {
  const literal = /"((?:[^"\\]|\\.)*)"/su;
  const words: Word[] = [];
  let rest = expression;
  for (let found = literal.exec(rest); found !== null; found = literal.exec(rest)) {
    words.push(code(rest.slice(0, found.index)), { text: decoded(found[1] ?? '') });
    rest = rest.slice(found.index + found[0].length);
  }
  return [...words, code(rest)].filter((word) => word !== '');
}

function code(text: string): string {
  return text.replaceAll(/\s/g, '');
}

function decoded(content: string): string {
  const pieces = [...content.matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/gsu)];
  const bytes = pieces.map(([, octal, escaped, plain]) =>
    octal === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from([Number.parseInt(octal, 8)]),
  );
  return Buffer.concat(bytes).toString();
}
