import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Note, readNotes, writeNote } from '../../src/login/journal.ts';
import { pastIn } from '../../src/login/past.ts';

const at = fc.integer({ min: 0, max: 4_000_000_000 });
const tag = fc.constant('campus-0123456789');
const member = fc.constantFrom('campus-0123456789.0', 'campus-0123456789.17');
const word = fc.stringMatching(/^[A-Za-z0-9_.[\]:+-]{1,12}$/).filter((text) => text !== '-');
const end = fc.record({
  exitCode: fc.option(fc.integer({ min: 0, max: 255 })),
  state: word,
  node: fc.option(word),
  startedAt: fc.option(at),
  endedAt: fc.option(at),
});
const anyNote: fc.Arbitrary<Note> = fc.oneof(
  fc.record({ kind: fc.constant('walltime' as const), tag, seconds: at, at }),
  fc.record({ kind: fc.constant('spent' as const), tag, nodeSeconds: at, at }),
  fc.record({ kind: fc.constant('ended' as const), member, end, at }),
  fc.record({
    kind: fc.constant('paused' as const),
    cause: fc.constantFrom('refused' as const, 'forbidden' as const, 'died' as const, 'guard' as const),
    id: fc.option(word),
    said: fc.string({ unit: 'grapheme' }),
    at,
  }),
  fc.record({ kind: fc.constant('resumed' as const), sequence: at, at }),
);

describe('notes on pauses and on what was used', () => {
  it('are read as they were written, whatever was said', () => {
    fc.assert(
      fc.property(anyNote, (note) => {
        expect(readNotes(`\n${writeNote(note)}\n`)).toEqual([note]);
      }),
      { numRuns: 500 },
    );
  });

  it('are passed over where they are cut', () => {
    fc.assert(
      fc.property(anyNote, fc.nat(), (note, length) => {
        const line = writeNote(note);
        expect(readNotes(line.slice(0, length % line.length))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('are one line each, and carry what a batch system may say as one word', () => {
    const state = 'NODE FAIL; rm -rf /\n';
    const odd: Note = {
      kind: 'ended',
      member: 'campus-0123456789.0',
      end: { exitCode: null, state, node: '', startedAt: null, endedAt: null },
      at: 1,
    };
    expect(writeNote(odd)).toBe('ended campus-0123456789.0 - NODE_FAIL__rm_-rf___ - - - 1 .');
  });
});

describe('a pause', () => {
  const paused: Note = { kind: 'paused', cause: 'died', id: '7_0', said: 'no', at: 500 };
  const resumed = (sequence: number, at: number): Note => ({ kind: 'resumed', sequence, at });

  it('is taken back by what stands after it, whatever the clocks said', () => {
    expect(pastIn([paused]).pause).toEqual(paused);
    expect(pastIn([paused, resumed(3, 100)])).toMatchObject({ pause: null, resumedUpTo: 3 });
    expect(pastIn([resumed(3, 900), paused])).toMatchObject({ pause: paused, resumedUpTo: 3 });
  });

  it('is the first one, when two machines write it at once', () => {
    expect(pastIn([paused, { ...paused, at: 501 }]).pause).toEqual(paused);
  });

  it('never goes back behind a later resume', () => {
    expect(pastIn([resumed(9, 1), resumed(3, 2)]).resumedUpTo).toBe(9);
  });

  it('counts what was cleared away once a submission', () => {
    const spent: Note = { kind: 'spent', tag: 'campus-0123456789', nodeSeconds: 60, at: 1 };
    expect([...pastIn([spent, spent]).spent.values()]).toEqual([60]);
  });
});
