import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesOf, nextStretch, segmentBytes, segmentsOf } from '../../src/login/segment-plan.ts';

const someBytes = fc.oneof(
  fc.constantFrom(1, segmentBytes - 1, segmentBytes, segmentBytes + 1),
  fc.integer({ min: 1, max: 1e9 }),
);

it('covers a file without a gap, none of it twice', () => {
  fc.assert(
    fc.property(someBytes, (bytes) => {
      const segments = segmentsOf(bytes);
      let end = 0;
      for (const [position, { index, offset, length }] of segments.entries()) {
        expect([index, offset]).toEqual([position, end]);
        expect(length > 0 && length <= segmentBytes).toBe(true);
        end += length;
      }
      expect(end).toBe(bytes);
      expect(bytesOf(segments)).toBe(bytes);
    }),
    { numRuns: 100 },
  );
  expect(segmentsOf(0)).toEqual([]);
});

it('tells the file’s beginning bit by bit, in whatever order the segments come, each byte once', () => {
  const orders = fc.integer({ min: 1, max: 12 * segmentBytes }).chain((bytes) => {
    const indices = segmentsOf(bytes).map(({ index }) => index);
    return fc.record({
      bytes: fc.constant(bytes),
      order: fc.shuffledSubarray(indices, { minLength: indices.length, maxLength: indices.length }),
    });
  });
  fc.assert(
    fc.property(orders, ({ bytes, order }) => {
      const segments = segmentsOf(bytes);
      const done = new Set<number>();
      let told = 0;
      for (const index of order) {
        done.add(index);
        const stretch = nextStretch(segments, done, told);
        if (stretch === null) continue;
        expect(stretch.offset).toBe(told);
        told += stretch.length;
        for (const { index: one, offset } of segments) if (offset < told) expect(done.has(one)).toBe(true);
      }
      expect(told).toBe(bytes);
      expect(nextStretch(segments, done, bytes)).toBeNull();
    }),
    { numRuns: 200 },
  );
});
