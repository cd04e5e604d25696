import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retirement } from '../../src/pilot/retirement.ts';

const of = (walltimeSeconds: number, drainMinutes: number) =>
  retirement({ site: 'anvil', walltimeSeconds, drainMinutes });

describe('the end of a pilot', () => {
  it.each([
    [86_400, 60, { drainSeconds: 3_720, stopSeconds: 120, acceptHours: 23, retireHours: 2 }],
    [1_800, 60, { drainSeconds: 450, stopSeconds: 120, acceptHours: 1, retireHours: 1 }],
    [172_800, 600, { drainSeconds: 36_120, stopSeconds: 120, acceptHours: 38, retireHours: 11 }],
    [86_400, 0, { drainSeconds: 120, stopSeconds: 120, acceptHours: 24, retireHours: 1 }],
  ])('of %i seconds with %i minutes to drain', (walltime, drain, expected) => {
    expect(of(walltime, drain)).toEqual({ ok: true, value: expected });
  });

  it.each([
    [1_799, 60, 'scheduler.walltime'],
    [Number.NaN, 60, 'scheduler.walltime'],
    [86_400, -1, 'pilot.drainMinutes'],
    [86_400, 0.5, 'pilot.drainMinutes'],
  ])('is refused for %d and %d', (walltime, drain, key) => {
    expect(of(walltime, drain)).toMatchObject({ ok: false, failure: { kind: 'value-refused', key } });
  });

  it('leaves the image no way to end before the exact times, and drains for a quarter at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_800, max: 2_000_000 }),
        fc.integer({ min: 0, max: 10_000 }),
        (walltime, drain) => {
          const result = of(walltime, drain);
          if (!result.ok) throw new Error('refused');
          const { drainSeconds, stopSeconds, acceptHours, retireHours } = result.value;
          expect(drainSeconds).toBeLessThanOrEqual(walltime / 4);
          expect(drainSeconds).toBeGreaterThanOrEqual(stopSeconds);
          expect(acceptHours * 3_600).toBeGreaterThanOrEqual(walltime - drainSeconds);
          expect((acceptHours + retireHours) * 3_600).toBeGreaterThanOrEqual(walltime);
          expect(Math.min(acceptHours, retireHours)).toBeGreaterThanOrEqual(1);
        },
      ),
    );
  });
});
