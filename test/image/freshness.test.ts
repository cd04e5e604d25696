import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freshnessOf } from '../../src/image/freshness.ts';
import type { RegistryAnswer } from '../../src/image/registry.ts';

const builtAt = '2026-11-01T12:00:00.000Z';
const hours = (count: number) => Date.parse(builtAt) + count * 3_600_000;
const known = (digest: string): RegistryAnswer => ({ kind: 'known', digest, compressedBytes: null });
const silent: RegistryAnswer = { kind: 'silent', reason: 'it is closed' };
const judged = (digest: string | null, answer: RegistryAnswer, age: number) =>
  freshnessOf({ builtAt, digest }, answer, { nowMilliseconds: hours(age), maxAgeHours: 72 });

describe('how fresh an image is', () => {
  it('is what the tag says, whatever its age', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (age) => {
        expect(judged('sha256:a', known('sha256:a'), age)).toMatchObject({
          state: 'current',
          reason: null,
          ageHours: age,
        });
        expect(judged('sha256:a', known('sha256:b'), age)).toMatchObject({
          state: 'newer',
          registryDigest: 'sha256:b',
        });
      }),
    );
  });

  it('is its age where the tag says nothing, or nobody knows what it was', () => {
    expect(judged('sha256:a', silent, 72)).toMatchObject({
      state: 'unknown',
      reason: 'it is closed',
      registryDigest: null,
    });
    expect(judged('sha256:a', silent, 73)).toMatchObject({ state: 'old', reason: 'it is closed' });
    expect(judged(null, known('sha256:a'), 71)).toMatchObject({ state: 'unknown', registryDigest: 'sha256:a' });
    expect(judged(null, known('sha256:a'), 73)).toMatchObject({ state: 'old' });
  });

  it('is not negative when the clock was set back', () => {
    expect(judged('sha256:a', silent, -5)).toMatchObject({ state: 'unknown', ageHours: 0 });
  });
});
