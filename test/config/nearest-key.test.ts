import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestKey } from '../../src/config/nearest-key.ts';
import { editDistance } from '../../src/edit-distance.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['owner', 'owners', 1],
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
  ])('from %j to %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is a metric: zero only for equals, the same both ways, no longer by a detour', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
      }),
      { numRuns: 200 },
    );
  });
});

describe('nearestKey', () => {
  const known = [
    'name',
    'scheduler',
    'scheduler.walltime',
    'scheduler.memoryMB',
    'pilot',
    'pilot.owners',
    'pilot.memoryMB',
    'connection.host',
    'pilot.cvmfsOptions',
    'pilot.cvmfsOptions.quotaMB',
    'pilot.idleMinutes',
    'limits.maxAgeHours',
  ];

  it.each([
    ['nmae', 'name'],
    ['pilot.owner', 'pilot.owners'],
    ['owners', 'pilot.owners'],
    ['pilot.walltime', 'scheduler.walltime'],
    ['pilot.memorymb', 'pilot.memoryMB'],
    ['scheduler.memorymb', 'scheduler.memoryMB'],
    ['PILOT', 'pilot'],
    ['pilot.cvmfsOptions.qouta', 'pilot.cvmfsOptions.quotaMB'],
    ['pilot.quota', 'pilot.cvmfsOptions.quotaMB'],
    ['pilot.qouta', 'pilot.cvmfsOptions.quotaMB'],
    ['pilot.idel', 'pilot.idleMinutes'],
    ['maxAge', 'limits.maxAgeHours'],
  ])('takes %s for %s', (wanted, meant) => {
    expect(nearestKey(wanted, known)?.key).toBe(meant);
  });

  it('knows none where no key is known', () => {
    expect(nearestKey('name', [])).toBeNull();
  });
});
