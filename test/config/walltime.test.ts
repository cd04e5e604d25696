import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultDrainMinutes, longestDrainMinutes, parseWalltime } from '../../src/config/walltime.ts';

describe('parseWalltime', () => {
  it.each([
    ['00:30:00', 1_800],
    ['24:00:00', 86_400],
    ['100:00:01', 360_001],
    ['2-03:04:05', 183_845],
    ['00:00:00', 0],
  ])('reads %s', (text, seconds) => {
    expect(parseWalltime(text)).toBe(seconds);
  });

  it.each([
    '',
    '30:00',
    '1:00:00',
    '00:60:00',
    '00:00:60',
    '1-24:00:00',
    '-1:00:00',
    '24h',
    '24:00:00 ',
    '1-1-00:00:00',
    '१२:००:००',
  ])('takes %j for no wall clock', (text) => {
    expect(parseWalltime(text)).toBeNull();
  });

  it('reads back every duration that is written with days', () => {
    const part = (most: number) => fc.integer({ min: 0, max: most });
    const two = (number: number) => String(number).padStart(2, '0');
    fc.assert(
      fc.property(part(999), part(23), part(59), part(59), (days, hours, minutes, seconds) => {
        const written = `${days}-${two(hours)}:${two(minutes)}:${two(seconds)}`;
        expect(parseWalltime(written)).toBe(((days * 24 + hours) * 60 + minutes) * 60 + seconds);
      }),
    );
  });
});

describe('the drain time', () => {
  it('is an hour by default, and a quarter of a shorter wall clock', () => {
    expect(defaultDrainMinutes(4 * 3_600)).toBe(60);
    expect(defaultDrainMinutes(4 * 3_600 - 1)).toBe(59);
    expect(defaultDrainMinutes(1_800)).toBe(7);
  });

  it('is limited to whole minutes within a quarter of the wall clock', () => {
    expect(longestDrainMinutes(48 * 3_600)).toBe(720);
    expect(longestDrainMinutes(1_800)).toBe(7);
  });
});
