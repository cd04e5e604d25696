import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogLines } from '../../src/login/log-lines.ts';
import type { LogSource } from '../../src/login/pilot-log.ts';

/** What is shown of these pieces, one after the other. */
function shown(...pieces: (readonly [LogSource, string | Buffer])[]): string {
  const lines = new LogLines();
  const parts = pieces.map(([source, text]) => lines.take(source, Buffer.from(text)));
  return Buffer.concat([...parts, lines.rest('pilot'), lines.rest('batch')]).toString('latin1');
}

describe('the lines of two files', () => {
  it('are shown once where both have them, whichever came first', () => {
    expect(shown(['batch', 'glidein: a\n'], ['pilot', 'glidein: a\nb\n'])).toBe('glidein: a\nb\n');
    expect(shown(['pilot', 'glidein: a\nb\n'], ['batch', 'glidein: a\n'])).toBe('glidein: a\nb\n');
    expect(shown(['pilot', 'glidein: a'], ['batch', 'glidein: a'])).toBe('glidein: a');
  });

  it('are shown as often as the file has them that has them more often', () => {
    expect(shown(['batch', 'glidein: a\nglidein: a\n'], ['pilot', 'glidein: a\n'])).toBe('glidein: a\nglidein: a\n');
    expect(shown(['batch', 'glidein: a\n'], ['pilot', 'glidein: a\nglidein: a\n'])).toBe('glidein: a\nglidein: a\n');
  });

  it('are all shown where they are not the script’s own', () => {
    expect(shown(['batch', 'same\n glidein: a\n'], ['pilot', 'same\n glidein: a\n'])).toBe(
      'same\n glidein: a\nsame\n glidein: a\n',
    );
  });

  it('are held back until they are whole, but not without bounds', () => {
    const lines = new LogLines();
    expect(lines.take('pilot', Buffer.from('glidein: a')).toString()).toBe('');
    expect(lines.take('batch', Buffer.from('glidein: a\n')).toString()).toBe('glidein: a\n');
    expect(lines.take('pilot', Buffer.from('\nb')).toString()).toBe('');
    expect(lines.take('pilot', Buffer.alloc(70_000, 'x')).length).toBe(70_001);
  });

  it('do not fill the memory when a pilot imitates the script', () => {
    const lines = new LogLines();
    const many = Array.from({ length: 5_000 }, (_, index) => `glidein: ${index}\n`);
    lines.take('pilot', Buffer.from(many.join('')));
    // The oldest are forgotten, the newest are not.
    expect(lines.take('batch', Buffer.from('glidein: 0\nglidein: 4999\n')).toString()).toBe('glidein: 0\n');
  });

  it('of one file are its bytes, however they arrive', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (pieces) => {
        const all = Buffer.concat(pieces);
        expect(shown(...pieces.map((one) => ['pilot', Buffer.from(one)] as const))).toBe(all.toString('latin1'));
      }),
      { numRuns: 200 },
    );
  });
});
