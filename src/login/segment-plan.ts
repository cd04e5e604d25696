/** A large file in pieces, each of which can be sent for itself. Pure. */

/** So many bytes are sent again at most for a channel that is cut; each starts one small program over there. */
export const segmentBytes = 8 * 1024 * 1024;

/** A piece of the file. */
export interface Segment {
  /** Counts from 0. */
  index: number;
  /** Bytes before it. */
  offset: number;
  /** Bytes of it: `segmentBytes`, of the last one maybe fewer. */
  length: number;
}

/** All pieces of a file of so many bytes. */
export function segmentsOf(bytes: number): Segment[] {
  return Array.from({ length: Math.ceil(bytes / segmentBytes) }, (_, index) => {
    const offset = index * segmentBytes;
    return { index, offset, length: Math.min(segmentBytes, bytes - offset) };
  });
}

/** How many bytes these pieces have. */
export function bytesOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}

/** What of the file's beginning is there without a gap, behind the first `from` bytes; null: nothing yet. */
export function nextStretch(
  segments: readonly Segment[],
  done: ReadonlySet<number>,
  from: number,
): { offset: number; length: number } | null {
  let end = from;
  for (const { index, offset, length } of segments.slice(Math.floor(from / segmentBytes))) {
    if (offset !== end || !done.has(index)) break;
    end += length;
  }
  return end === from ? null : { offset: from, length: end - from };
}
