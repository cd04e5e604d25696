import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, parseAssignment, valueAt } from '../../src/config/assignment.ts';
import { exampleProfile } from '../support/example-profile.ts';

function parsed(written: string) {
  const result = parseAssignment(written);
  if (!result.ok) throw new Error(result.mistake.message);
  return result.value;
}

function mistakeOf(written: string) {
  const result = parseAssignment(written);
  return result.ok ? null : result.mistake;
}

/** The example after the assignments, and what was wrong with them. */
function assigned(raw: Record<string, unknown>, ...written: string[]) {
  return assign(raw, written.map(parsed));
}

describe('parseAssignment', () => {
  it.each([
    ['target=5', ['target'], 5],
    ['connection.loginShell=false', ['connection', 'loginShell'], false],
    ['connection.timeouts={"list": 60}', ['connection', 'timeouts'], { list: 60 }],
    ['scheduler.account=abc', ['scheduler', 'account'], 'abc'],
    ['scheduler.account="a b"', ['scheduler', 'account'], 'a b'],
    ['scheduler.account=a=b', ['scheduler', 'account'], 'a=b'],
    // Numbers, true and the like are the text itself where the key takes text.
    ['scheduler.account=1234', ['scheduler', 'account'], '1234'],
    ['scheduler.account=007', ['scheduler', 'account'], '007'],
    ['pilot.startExtra=true', ['pilot', 'startExtra'], 'true'],
    ['pilot.env.FOO=5', ['pilot', 'env', 'FOO'], '5'],
    ['pilot.env.FOO=', ['pilot', 'env', 'FOO'], ''],
    ['pilot.attributes.N=5', ['pilot', 'attributes', 'N'], 5],
    ['pilot.attributes.S=five', ['pilot', 'attributes', 'S'], 'five'],
    // A list, or its one element.
    ['pilot.owners=["ada","ada@ap.example.org"]', ['pilot', 'owners'], ['ada', 'ada@ap.example.org']],
    ['pilot.owners=ada', ['pilot', 'owners'], ['ada']],
    ['pilot.owners="ada"', ['pilot', 'owners'], ['ada']],
    ['pilot.owners=1234', ['pilot', 'owners'], ['1234']],
    ['scheduler.extra=--mail-type=END', ['scheduler', 'extra'], ['--mail-type=END']],
    ['connection.prologue=[ -r x ] && . x', ['connection', 'prologue'], undefined],
    // What fits nowhere stays as it was written: the check of the profile says what is wrong.
    ['target=many', ['target'], 'many'],
    ['target=1.5', ['target'], 1.5],
    ['scheduler.gpus=4', ['scheduler', 'gpus'], 4],
  ])('reads %s', (written, path, value) => {
    if (value === undefined) expect(mistakeOf(written)?.message).toContain('is not JSON');
    else expect(parsed(written)).toEqual({ path, value });
  });

  it.each(['scheduler.account=null', 'target= null ', 'pilot.env.FOO=null', 'pilot=null'])(
    'takes a key out with %s',
    (written) => {
      expect(parsed(written).value).toBeUndefined();
    },
  );

  it('says that the shell ate the quotes of a list', () => {
    expect(mistakeOf('pilot.owners=[ada]')).toEqual({
      key: 'pilot.owners',
      message: 'the value is not JSON; put it in single quotes, so that the shell leaves its quotes alone',
    });
  });

  it.each(['target', '', '=5'])('refuses %j, which is no KEY=VALUE', (written) => {
    expect(mistakeOf(written)?.message).toContain('must be KEY=VALUE');
  });

  it.each([
    '__proto__.x=1',
    'pilot.__proto__=1',
    'pilot.env.constructor=1',
    'constructor.prototype.x=1',
    'prototype=null',
  ])('refuses %s', (written) => {
    expect(mistakeOf(written)?.message).toBe('this name cannot be used as a key');
  });

  it('gives back every value that is written as JSON for a key that takes it', () => {
    const text = fc.string().filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(text, (value) => {
        expect(parsed(`pilot.env.A=${JSON.stringify(value)}`).value).toBe(value);
        expect(parsed(`connection.prologue=${JSON.stringify([value])}`).value).toEqual([value]);
      }),
    );
  });

  it('takes text that is no JSON exactly as it is', () => {
    const text = fc.string({ minLength: 1 }).filter((value) => !value.includes('\0') && !isJson(value));
    fc.assert(
      fc.property(text, (value) => {
        expect(parsed(`pilot.env.A=${value}`).value).toBe(value);
      }),
    );
  });
});

describe('assign', () => {
  it('changes the named keys and nothing else, and leaves what it was given', () => {
    const raw = { ...exampleProfile(), limits: { maxPerPass: 2 } };
    const before = structuredClone(raw);
    const result = assigned(raw, 'target=5', 'limits.maxPending=1', 'pilot.env.A=b', 'connection.timeouts.list=60');
    expect(result.mistakes).toEqual([]);
    expect(result.raw).toEqual({
      ...before,
      target: 5,
      limits: { maxPerPass: 2, maxPending: 1 },
      pilot: { ...before.pilot, env: { A: 'b' } },
      connection: { ...before.connection, timeouts: { list: 60 } },
    });
    expect(raw).toEqual(before);
  });

  it('takes keys out, and does nothing for those that are not there', () => {
    const raw = { ...exampleProfile(), target: 5 };
    expect(assigned(raw, 'target=null', 'image.remotePath=null', 'pilot.env.A=null')).toEqual({
      raw: exampleProfile(),
      mistakes: [],
    });
  });

  it('makes the later of two assignments to one key count', () => {
    expect(assigned({}, 'target=1', 'target=2').raw).toEqual({ target: 2 });
  });

  it.each([
    ['pilot.owner=ada', 'pilot.owner', 'did you mean pilot.owners?'],
    ['pilot.owners.0=ada', 'pilot.owners.0', 'unknown key'],
    ['pilot.env.A.B=x', 'pilot.env.A.B', 'unknown key'],
    ['pilot..env=x', 'pilot."".env', 'unknown key'],
    ['target.x=1', 'target.x', 'unknown key'],
    ['nothing=null', 'nothing', 'unknown key'],
  ])('refuses %s', (written, key, message) => {
    const raw = exampleProfile();
    expect(assigned(raw, written)).toEqual({ raw, mistakes: [{ key, message: expect.stringContaining(message) }] });
  });

  it('takes out an unknown key that a file has', () => {
    expect(assigned({ target: 1, pilot: { owner: 'x' } }, 'pilot.owner=null')).toEqual({
      raw: { target: 1, pilot: {} },
      mistakes: [],
    });
  });

  it('replaces null by a section, and refuses to go below any other value', () => {
    expect(assigned({ demand: null }, 'demand.host=x').raw).toEqual({ demand: { host: 'x' } });
    expect(assigned({ pilot: [1] }, 'pilot.token=/t')).toEqual({
      raw: { pilot: [1] },
      mistakes: [{ key: 'pilot', message: 'must be an object' }],
    });
  });

  it('never changes a prototype, whatever the key is', () => {
    const segment = fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'pilot',
      'env',
      'toString',
      'hasOwnProperty',
      'polluted',
    );
    const known = Object.getOwnPropertyNames(Object.prototype).sort();
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.jsonValue(), (path, value) => {
        const result = parseAssignment(`${path.join('.')}=${JSON.stringify(value)}`);
        if (result.ok) assign(exampleProfile(), [result.value]);
        expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(known);
        expect(valueAt({}, path)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe('valueAt', () => {
  it('sees own keys only', () => {
    expect(valueAt({ a: { b: 1 } }, ['a', 'b'])).toBe(1);
    expect(valueAt({ a: 1 }, ['a', 'b'])).toBeUndefined();
    expect(valueAt({}, ['toString'])).toBeUndefined();
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
