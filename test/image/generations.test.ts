import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dispensable, type ImageWish, imageInUse } from '../../src/image/generations.ts';
import type { StoredImage } from '../../src/image/stored-image.ts';

const image = (name: string, source: string, day: number): StoredImage => ({
  name,
  source,
  digest: null,
  sha256: `${name}${day}`,
  bytes: 1,
  builtAt: `2026-11-${String(day).padStart(2, '0')}T00:00:00.000Z`,
  builtBy: 'apptainer 1.4.5',
  path: '/x',
});
const wish = (more: Partial<ImageWish>): ImageWish => ({ source: 'docker://a', name: null, remotePath: null, ...more });
const days = (images: readonly StoredImage[]) => images.map(({ sha256 }) => sha256);

const five = [3, 1, 5, 2, 4].map((day) => image('a', 'docker://a', day));

describe('what goes when images are pruned', () => {
  it('is all but the one in use and the two before it', () => {
    expect(days(dispensable([wish({})], five))).toEqual(['a1', 'a2']);
    expect(days(dispensable([wish({ name: 'a', source: 'docker://other' })], five))).toEqual(['a1', 'a2']);
  });

  it('is everything that no profile uses', () => {
    expect(days(dispensable([], five))).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
    expect(days(dispensable([wish({ remotePath: '/on/the/cluster.sif' })], five))).toHaveLength(5);
    expect(days(dispensable([wish({ name: 'b' })], five))).toHaveLength(5);
  });

  it('is never the one that a profile uses, nor more of its generations than are left over', () => {
    const names = fc.constantFrom('a', 'b');
    const sources = fc.constantFrom('docker://a', 'docker://b');
    const images = fc.uniqueArray(fc.tuple(names, sources, fc.integer({ min: 1, max: 28 })), {
      selector: String,
      maxLength: 12,
    });
    const wishes = fc.array(fc.record({ source: sources, name: fc.option(names), remotePath: fc.constant(null) }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(images, wishes, (triples, wanted) => {
        const all = triples.map(([name, source, day]) => image(name, source, day));
        const gone = dispensable(wanted, all);
        const left = all.filter((one) => !gone.includes(one));
        for (const one of wanted) {
          expect(imageInUse(one, left)).toBe(imageInUse(one, all));
          const meant = (many: readonly StoredImage[]) =>
            many.filter(({ name, source }) => (one.name === null ? source === one.source : name === one.name)).length;
          expect(meant(left)).toBeGreaterThanOrEqual(Math.min(3, meant(all)));
        }
        if (wanted.length === 0) expect(left).toEqual([]);
        if (wanted.length === 1) expect(left.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 300 },
    );
  });
});
