import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expressionSyntax } from '../../src/pilot/classad-syntax.ts';

describe('one ClassAd expression', () => {
  it.each([
    'true',
    'Owner == "ada"',
    'TARGET.RequestMemory <= 4096 && MY.Cpus >= 2',
    'regexp("^a.*z$", TARGET.JobName, "i")',
    "'an odd name' =?= 1",
    "TARGET.'odd' =!= undefined",
    'a ?: b',
    'a ?: b ?: -1 == 2 ? c : d'.replace('-1', '1'),
    'x ? y : z ? 1 : 2',
    '{1, 2.5, "three"}[0] isnt error',
    '[a = 1; b = {}; c = [ ]].a IS 1',
    '!(~1 ^ 2 | 3 & 4) << 5 >>> 6',
    '-1.5e-3K + .5',
    'time() - 5 % 3',
    '"a \\" quote"',
    '"$HOME"',
    '"☃"',
    ' spaces ',
    'ifThenElse(a, b, c)[1].d',
  ])('is %s', (text) => {
    expect(expressionSyntax(text)).toMatchObject({ ok: true });
  });

  it.each([
    ['', 1],
    ['   ', 4],
    ['a b', 3],
    ['a == ', 6],
    ['== a', 1],
    ['(a', 3],
    ['a)', 2],
    ['a) || (b', 2],
    ['f(a,', 5],
    ['f(a,)', 5],
    ['f(,a)', 3],
    ['{1,}', 4],
    ['[a]', 3],
    ['[a=1', 5],
    ['[is=1]', 2],
    ['a ? b', 6],
    ['a ? b :', 8],
    ['a : b', 3],
    ['a ?: !b', 6],
    ['a ?: -1', 6],
    ['a ? : b', 5],
    ['TARGET.', 8],
    ['TARGET.true', 8],
    ['TARGET.1', 7],
    ['.Owner', 1],
    ['true()', 5],
    ['is', 1],
    ['a = b', 3],
    ['a; b', 2],
    ['"open', 1],
    ['"a" "b"', 5],
    ['"a""b"', 4],
    ['"back\\slash"', 6],
    ['"\\\\"', 2],
    ['"\\"', 1],
    ["''", 1],
    ["'open", 1],
    ["'a\\b'", 3],
    ['a // b', 3],
    ['a /* b */', 3],
    ['0x1F', 1],
    ['010', 1],
    ['1.', 1],
    ['1.x', 1],
    ['1e', 1],
    ['12abc', 1],
    ['a # b', 3],
    ['a $ b', 3],
    ['a\tb', 2],
    ['a\u00a0b', 2],
    ['ünï', 1],
    ['a @ b', 3],
    ['('.repeat(200) + ')'.repeat(200), 134],
    [`${'!'.repeat(500)}a`, 501],
    [`a${'?:a'.repeat(500)}`, null],
  ])('is not %s (character %s)', (text, position) => {
    expect(expressionSyntax(text)).toMatchObject({ ok: false, ...(position === null ? {} : { position }) });
  });

  // The two strings change places for a lexer that takes backslash-quote for a quote wherever it stands.
  it('is not what the old and the new lexer cut in different places', () => {
    expect(expressionSyntax('"\\\\" == " ) || true || ( "')).toMatchObject({ ok: false, position: 2 });
  });

  it('names the attributes that stand without a scope', () => {
    expect(expressionSyntax("Rack == 1 && TARGET.Owner == MY.x && f(Deep.y) && 'Odd Name'")).toEqual({
      ok: true,
      bareNames: ['rack', 'deep', 'odd name'],
    });
  });

  it('has balanced brackets, whatever is tried', () => {
    const piece = fc.constantFrom(
      'a',
      '1',
      '"s"',
      '(',
      ')',
      '{',
      '}',
      '[',
      ']',
      '&&',
      '=?=',
      ',',
      '?',
      ':',
      '!',
      '.',
      '=',
      ';',
      '"',
      "'",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join(' ');
        if (!expressionSyntax(text).ok) return;
        const bare = text.replaceAll(/"[^"]*"|'[^']*'/g, '');
        let depth = 0;
        for (const character of bare) {
          if ('([{'.includes(character)) depth += 1;
          if (')]}'.includes(character)) depth -= 1;
          expect(depth).toBeGreaterThanOrEqual(0);
        }
        expect(depth).toBe(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
