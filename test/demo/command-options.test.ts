import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../src/demo/command-options.ts';

const table = {
  array: { short: 'r', takes: 'nothing' },
  format: { short: 'o', takes: 'value' },
  exclusive: { takes: 'perhaps' },
} as const;

const parsed = (args: string[], more = {}) => {
  const { options, operands, mistake } = parseOptions(args, table, more);
  return { options: Object.fromEntries(options), operands, mistake };
};

describe('the options of a command', () => {
  it.each([
    [['--format=%i', 'x'], { format: '%i' }, ['x']],
    [['--format', '%i'], { format: '%i' }, []],
    [['-ro%i'], { array: '', format: '%i' }, []],
    [['-o', '%i', '-r'], { format: '%i', array: '' }, []],
    [['--exclusive', 'x'], { exclusive: '' }, ['x']],
    [['--exclusive=user'], { exclusive: 'user' }, []],
    [['x', '--array', '--', '--format'], { array: '' }, ['x', '--format']],
  ])('%j are understood', (args, options, operands) => {
    expect(parsed(args)).toEqual({ options, operands, mistake: null });
  });

  it.each([[['--nosuch']], [['-z']], [['--array=3']], [['--format']], [['-o']]])('%j are a mistake', (args) => {
    expect(parsed(args).mistake).toBe(args[0]);
  });

  it('belong to a script from its name on', () => {
    expect(parsed(['-r', 'job.sh', '--nosuch'], { stopsAtOperand: true })).toEqual({
      options: { array: '' },
      operands: ['job.sh', '--nosuch'],
      mistake: null,
    });
  });

  it('that may come again are all kept', () => {
    const table = { l: { short: 'l', takes: 'values' as const } };
    expect(parseOptions(['-l', 'a=1', '-lb=2', 'x'], table)).toMatchObject({
      options: new Map([['l', 'a=1,b=2']]),
      operands: ['x'],
    });
  });
});
