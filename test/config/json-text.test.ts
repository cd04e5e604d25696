import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/config/json-text.ts';

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n', '\uFEFF'), (text, before) => {
        expect(parseJson(before + text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  it.each([
    ['{\n  "a": 1,\n  "b": 2,\n}\n', 4, 'expected a key in double quotes, found "}"'],
    ['{\n  "a": 1\n  "b": 2\n}\n', 3, 'expected "," or a closing bracket, found text without a closing quote'],
    ["{\n  'a': 1\n}", 2, 'expected a key in double quotes or "}", found "\'"'],
    ['{\n  "a": tru\n}', 2, 'expected a value, found "t"'],
    ['{\n  "a": 01\n}', 2, 'expected "," or a closing bracket, found "1"'],
    ['{\n  "a": "x\n}', 2, 'expected a value, found text without a closing quote'],
    ['{\n  "a": [1, 2,\n  ]}', 3, 'expected a value, found "]"'],
    ['{\n  "a": [1, 2}', 2, 'expected "," or a closing bracket, found "}"'],
    ['{"a" 1}', 1, 'expected ":", found "1"'],
    ['{\n"a": 1', 2, 'expected "," or a closing bracket, found the end of the file'],
    ['{}\n\n// done', 3, 'expected nothing more, found "/"'],
    ['', 1, 'expected a value, found an empty file'],
    ['\n\n', 3, 'expected a value, found an empty file'],
    ['\u001b[31m', 1, 'expected a value, found "\\u001b"'],
  ])('says of %j that line %i is wrong', (text, line, reason) => {
    const result = parseJson(text);
    expect(result).toMatchObject({ ok: false, line });
    expect(!result.ok && result.reason).toContain(reason);
  });

  it('finds the line in every JSON text that is cut or has a character put in', () => {
    const damaged = fc.tuple(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom(null, '}', ']', ',', '"', 'x', '\n', '0'),
    );
    fc.assert(
      fc.property(damaged, ([text, where, put]) => {
        const at = where % (text.length + 1);
        const broken = put === null ? text.slice(0, at) : text.slice(0, at) + put + text.slice(at);
        const result = parseJson(broken);
        // A first error is never before the damage begins to show, and never in a line that is not there.
        if (!result.ok) expect(result.line).toBeLessThanOrEqual(broken.split('\n').length);
        expect(result.ok).toBe(isJson(broken));
      }),
      { numRuns: 1_000 },
    );
  });

  it('agrees with the position that Node tells, where it tells one', () => {
    let told = 0;
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), (compact, where) => {
        const text = JSON.stringify(JSON.parse(compact), null, 2);
        const broken = text.slice(0, where % (text.length + 1));
        const position = nodePosition(broken);
        if (position === null) return;
        told += 1;
        const result = parseJson(broken);
        // Node points into text that does not end, we at its opening quote: on the same line either way.
        expect(!result.ok && result.line).toBe(broken.slice(0, position).split('\n').length);
      }),
      { numRuns: 1_000 },
    );
    expect(told).toBeGreaterThan(0);
  });

  it('does not run out of stack on brackets that never close', () => {
    expect(parseJson('['.repeat(200_000))).toMatchObject({ ok: false, line: 1 });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function nodePosition(text: string): number | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const match = /at position (\d+)/.exec(String(error));
    return match ? Number(match[1]) : null;
  }
}
