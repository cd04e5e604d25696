import { describe, expect, it } from 'vitest';
import { afterEvent, noProgress, progressText } from '../../src/cli/progress.ts';
import { openProgressLine } from '../../src/cli/progress-line.ts';
import type { Event, Step } from '../../src/context.ts';

const begins = (site: string): Event => ({ kind: 'site-begins', site });
const ends = (site: string): Event => ({ kind: 'site-ends', site });
const step = (site: string, name: Step): Event => ({ kind: 'step', site, step: name });

function progressAfter(events: readonly (readonly [at: number, event: Event])[]) {
  return events.reduce((progress, [at, event]) => afterEvent(progress, event, at), noProgress);
}

describe('the text of the progress', () => {
  it('says what one site waits for, and for how long', () => {
    const some = progressAfter([
      [0, begins('campus')],
      [10, step('campus', 'connect')],
      [1000, step('campus', 'list')],
    ]);
    expect(progressText(some, 1900, 80)).toBe('campus: reading the queue …');
    expect(progressText(some, 4000, 80)).toBe('campus: reading the queue … 3 s');
  });

  it('counts on through the steps of one submission', () => {
    const names = ['fence', 'intent', 'submit', 'outcome'] as const;
    const some = progressAfter(names.map((name, at) => [at * 1000, step('campus', name)] as const));
    expect(progressText(some, 4000, 80)).toBe('campus: submitting … 4 s');
  });

  it('says how far a large file is, and counts from its beginning', () => {
    const shipping = (detail: string): Event => ({ kind: 'step', site: 'campus', step: 'ship', detail });
    const some = progressAfter([
      [1000, shipping('the CVMFS distribution, 0 of 80 MB')],
      [9000, shipping('the CVMFS distribution, 12 of 80 MB')],
    ]);
    expect(progressText(some, 11_000, 80)).toBe('campus: sending the CVMFS distribution, 12 of 80 MB … 10 s');
    const then = afterEvent(some, step('campus', 'list'), 12_000);
    expect(progressText(then, 14_000, 80)).toBe('campus: reading the queue … 2 s');
  });

  it('shows how fast something large goes, and how long it still takes, from where it went on', () => {
    const moved = (bytes: number): Event => ({
      ...{ kind: 'step', site: 'campus', step: 'ship' },
      ...{ detail: `the image, ${bytes / 1e6} of 900 MB`, moved: { bytes, of: 900e6 } },
    });
    const begun = progressAfter([[1000, moved(450e6)]]);
    expect(progressText(begun, 1500, 120)).toBe('campus: sending the image, 450 of 900 MB …');
    const going = afterEvent(begun, moved(540e6), 4000);
    expect(progressText(going, 4500, 120)).toBe(
      'campus: sending the image, 540 of 900 MB [############--------] 30 MB/s, 12s left',
    );
    const done = afterEvent(going, moved(990e6), 5000);
    expect(progressText(done, 5000, 120)).toContain('[####################] 135 MB/s, 0s left');
  });

  it('says how many of several sites are done, and what the others wait for', () => {
    const some = progressAfter([
      ...['alpha', 'beta', 'gamma', 'delta'].map((site) => [0, begins(site)] as const),
      [100, step('alpha', 'list')],
      [100, step('beta', 'connect')],
      [2100, step('gamma', 'lock')],
      [2200, ends('alpha')],
    ]);
    expect(progressText(some, 4200, 120)).toBe(
      '1 of 4 sites done · beta: connecting 4 s · gamma: waiting for the lock 2 s',
    );
    expect(progressText(some, 4200, 40)).toHaveLength(40);
    expect(progressText(some, 4200, 40)).toMatch(/^1 of 4 sites done · .*…$/);
  });

  it('ends with the last site, whose late steps change nothing, and begins afresh with the next look', () => {
    const look: (readonly [number, Event])[] = [
      [0, begins('alpha')],
      [0, begins('beta')],
      [1, ends('alpha')],
      [2, step('alpha', 'report')],
      [3, ends('beta')],
    ];
    expect(progressText(progressAfter(look), 5000, 80)).toBeNull();
    const again = progressAfter([...look, [10, begins('alpha')], [10, begins('beta')], [11, step('beta', 'list')]]);
    expect(progressText(again, 11, 80)).toBe('0 of 2 sites done · beta: reading the queue');
  });
});

describe('the line of the progress', () => {
  function line(columns = 80) {
    const written: string[] = [];
    let now = 0;
    const terminal = { write: (text: string) => written.push(text), columns };
    const progress = openProgressLine(
      terminal,
      () => now,
      (text) => text,
    );
    const at = (time: number, event: Event) => {
      now = time;
      progress.take(event);
    };
    return { written, progress, at };
  }
  const cleared = '\r\u001b[K';

  it('does not flicker for what is quick', () => {
    const { written, progress, at } = line();
    at(0, begins('campus'));
    at(100, step('campus', 'connect'));
    at(399, step('campus', 'list'));
    progress.end();
    expect(written).toEqual([]);
  });

  it('gives way to other lines and to questions, comes back, and is gone at the end', async () => {
    const { written, progress, at } = line();
    at(0, step('campus', 'connect'));
    at(500, step('campus', 'handshake'));
    const drawn = '\rcampus: logging in …\u001b[K';
    expect(written).toEqual([drawn]);
    progress.aside(() => written.push('a warning\n'));
    expect(written).toEqual([drawn, cleared, 'a warning\n', drawn]);
    const question = progress.asideUntil(async () => {
      at(600, step('campus', 'list'));
      await Promise.resolve();
      return written.push('a question');
    });
    expect(written.slice(4)).toEqual([cleared]);
    await question;
    const later = '\rcampus: reading the queue …\u001b[K';
    expect(written.slice(4)).toEqual([cleared, 'a question', later]);
    progress.end();
    at(9000, step('campus', 'submit'));
    expect(written.slice(7)).toEqual([cleared]);
  });

  it('leaves the last column free, and is taken for 80 columns where the terminal does not say', () => {
    for (const [columns, width] of [
      [30, 29],
      [0, 79],
    ] as const) {
      const { written, at, progress } = line(columns);
      at(0, begins('a'.repeat(32)));
      at(0, begins('b'.repeat(32)));
      at(0, step('a'.repeat(32), 'list'));
      at(500, step('b'.repeat(32), 'list'));
      progress.end();
      expect(written[0]?.replace('\r', '').replace('\u001b[K', '')).toHaveLength(width);
    }
  });
});
