import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expressionSyntax } from '../../src/pilot/classad-syntax.ts';
import { type StartLimits, startExpression } from '../../src/pilot/start-expression.ts';

function limits(changes: Partial<StartLimits>): StartLimits {
  return { site: 'anvil', owners: ['ada'], projects: [], startExtra: null, anyOwner: false, ...changes };
}

function expression(changes: Partial<StartLimits>): string {
  const result = startExpression(limits(changes));
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return result.value.expression;
}

function refusal(changes: Partial<StartLimits>): { key: string; reason: string } {
  const result = startExpression(limits(changes));
  if (result.ok || result.failure.kind !== 'value-refused') throw new Error(`not refused: ${JSON.stringify(result)}`);
  return { key: result.failure.key, reason: result.failure.reason };
}

describe('the start expression', () => {
  it.each([
    [{}, '(TARGET.Owner =?= "ada")'],
    [{ owners: ['ada@ap.example.org'] }, '((TARGET.Owner =?= "ada") && (TARGET.User =?= "ada@ap.example.org"))'],
    [{ owners: ['ada', 'bob'] }, '((TARGET.Owner =?= "ada") || (TARGET.Owner =?= "bob"))'],
    [
      { owners: ['ada', 'bob@ap'] },
      '((TARGET.Owner =?= "ada") || ((TARGET.Owner =?= "bob") && (TARGET.User =?= "bob@ap")))',
    ],
    [{ projects: ['P1'] }, '((TARGET.Owner =?= "ada") && (TARGET.ProjectName =?= "P1"))'],
    [
      { projects: ['P1', 'P2'] },
      '((TARGET.Owner =?= "ada") && ((TARGET.ProjectName =?= "P1") || (TARGET.ProjectName =?= "P2")))',
    ],
    [{ startExtra: 'A || B' }, '((TARGET.Owner =?= "ada") && ((A || B) =?= true))'],
    [{ anyOwner: true, owners: [] }, '(TARGET.Owner =!= undefined)'],
    [{ anyOwner: true, projects: ['P'] }, '((TARGET.Owner =!= undefined) && (TARGET.ProjectName =?= "P"))'],
    [{ owners: ['a"d'] }, '(TARGET.Owner =?= "a\\"d")'],
  ])('of %j is %s', (changes, expected) => {
    expect(expression(changes)).toBe(expected);
  });

  it.each([
    [{ owners: [] }, 'pilot.owners', 'no owner'],
    [{ owners: [''] }, 'pilot.owners', 'neither'],
    [{ owners: ['a@b@c'] }, 'pilot.owners', 'neither'],
    [{ owners: ['ada@'] }, 'pilot.owners', 'neither'],
    [{ owners: ['@ap'] }, 'pilot.owners', 'neither'],
    [{ owners: ['ada '] }, 'pilot.owners', 'blank'],
    [{ owners: ['DOMAIN\\ada'] }, 'pilot.owners', 'backslash'],
    [{ owners: ['ada\\'] }, 'pilot.owners', 'backslash'],
    [{ owners: ['a\nb'] }, 'pilot.owners', 'line break'],
    [{ owners: ['$(START)'] }, 'pilot.owners', '$('],
    [{ owners: ['$$(x)'] }, 'pilot.owners', '$('],
    [{ owners: ['ada@$(HOST)'] }, 'pilot.owners', '$('],
    [{ owners: ['\ud800'] }, 'pilot.owners', 'Unicode'],
    [{ owners: ['a'.repeat(40_000)] }, 'pilot', 'too long'],
    [{ projects: [''] }, 'pilot.projects', 'empty'],
    [{ projects: ['$ENV(HOME)'] }, 'pilot.projects', '$('],
    [{ startExtra: '' }, 'pilot.startExtra', 'too early'],
    [{ startExtra: 'A\n|| B' }, 'pilot.startExtra', 'line break'],
    [{ startExtra: 'A\t' }, 'pilot.startExtra', 'control'],
    [{ startExtra: '$(START)' }, 'pilot.startExtra', '$('],
    [{ startExtra: '"x$RANDOM_CHOICE(1,2)"' }, 'pilot.startExtra', '$('],
    [{ startExtra: 'true) || (true' }, 'pilot.startExtra', 'at character 5, ) does not belong here'],
    [{ startExtra: 'A ||' }, 'pilot.startExtra', 'at character 5, the expression ends too early'],
  ])('refuses %j', (changes, key, reason) => {
    expect(refusal(changes)).toEqual({ key, reason: expect.stringContaining(reason) });
  });

  it('says in words whose jobs run', () => {
    const words = (changes: Partial<StartLimits>) => {
      const result = startExpression(limits(changes));
      return result.ok ? result.value.words : null;
    };
    expect(words({ owners: ['ada@ap.example.org'] })).toBe('only jobs of ada@ap.example.org');
    expect(words({ owners: ['ada', 'bob', 'eve'], projects: ['P'] })).toBe(
      'only jobs of ada, bob and eve in project P',
    );
    expect(words({ anyOwner: true })).toBe('jobs of every owner');
    expect(words({ startExtra: 'X' })).toBe('only jobs of ada where X');
  });

  it('warns of a bare name, of everybody, and of nothing else', () => {
    const warnings = (changes: Partial<StartLimits>) => {
      const result = startExpression(limits(changes));
      return result.ok ? result.value.warnings : [];
    };
    expect(warnings({ owners: ['ada', 'bob@ap'] })).toEqual([
      expect.stringContaining('ada is unique on one access point'),
    ]);
    expect(warnings({ owners: ['bob@ap'] })).toEqual([]);
    expect(warnings({ anyOwner: true })).toEqual([expect.stringContaining('every owner')]);
  });

  it('always holds the word Owner, is one well-formed expression, and gives the owner back', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab@"\\$() =\'') }));
    fc.assert(
      fc.property(
        text,
        fc.array(text, { maxLength: 2 }),
        fc.option(text),
        fc.boolean(),
        (owner, projects, extra, any) => {
          const result = startExpression(limits({ owners: [owner], projects, startExtra: extra, anyOwner: any }));
          if (!result.ok) return;
          expect(result.value.expression).toMatch(/Owner/);
          expect(expressionSyntax(result.value.expression).ok).toBe(true);
          if (any) return;
          const literal = /TARGET\.Owner =\?= "((?:[^"\\]|\\")*)"/.exec(result.value.expression)?.[1];
          expect(literal?.replaceAll('\\"', '"')).toBe(owner.split('@')[0]);
        },
      ),
    );
  });
});
