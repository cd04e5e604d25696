import type { SiteReport } from '../fleet/site-report.ts';
import type { Outcome } from './outcome.ts';
import { failureLines, forTerminal, type Printing } from './report.ts';
import type { Screen } from './screen.ts';
import { ofLook } from './status-outcome.ts';

/** How `status --watch` shows one look after another. */

/**
 * Shows looks: with `--json` one object a line, on a terminal each in the place of the last, else one below the other.
 */
export function lookShower(screen: Screen, now: () => number): (reports: readonly SiteReport[]) => void {
  let isFirst = true;
  return (reports) => {
    const { results } = screen;
    const look = ofLook(reports, now());
    if (results.json) screen.write(`${JSON.stringify(look.json)}\n`);
    else if (results.columns === null) screen.write(`${blockOf(look, results, now())}\n\n`);
    else
      screen.write(
        redrawn(
          pictureOf(look, results, now()),
          { columns: results.columns, rows: process.stdout.rows || 24 },
          isFirst,
        ),
      );
    isFirst = false;
    if (results.json || results.columns === null) sayFailures(look, screen);
  };
}

function sayFailures(look: Outcome, screen: Screen): void {
  for (const { site, failure } of look.failures) screen.say(failureLines(failure, site, screen.asides));
}

/** One look below the time at which it was taken. */
function blockOf(look: Outcome, printing: Printing, nowMilliseconds: number): string {
  const time = `${new Date(nowMilliseconds).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return [time, look.text(printing)].filter((text) => text !== null).join('\n');
}

/** The same with what failed, since on a terminal the next look is drawn over all that is there. */
function pictureOf(look: Outcome, printing: Printing, nowMilliseconds: number): string {
  const failures = look.failures.map(({ site, failure }) => forTerminal(failureLines(failure, site, printing)));
  return [blockOf(look, printing, nowMilliseconds), ...failures].join('\n');
}

const control = '\u001b[';

/**
 * What draws a picture over the last one in one write, so that nothing flickers: each line is written over the old one
 * and what is left of that is wiped, then what was below. Of a picture that is too tall the end is left out, since a
 * terminal that scrolls would no longer begin where the last one did.
 */
export function redrawn(picture: string, size: { columns: number; rows: number }, isFirst: boolean): string {
  const lines = picture.split('\n');
  const shown = fitting(lines, size);
  if (shown.length < lines.length) shown.push(`… ${lines.length - shown.length} more lines`);
  const start = isFirst ? `${control}2J${control}H` : `${control}H`;
  return `${start}${shown.map((line) => `${line}${control}K\n`).join('')}${control}J`;
}

/** The first lines, as many as fit on the screen with one for each of: what is left out, the progress, the cursor. */
function fitting(lines: readonly string[], { columns, rows }: { columns: number; rows: number }): string[] {
  let room = rows - 2;
  const heights = lines.map((line) => Math.max(1, Math.ceil(withoutColours(line).length / columns)));
  if (heights.reduce((sum, height) => sum + height, 0) <= room) return [...lines];
  room -= 1;
  const end = heights.findIndex((height) => {
    room -= height;
    return room < 0;
  });
  return lines.slice(0, end);
}

const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

function withoutColours(line: string): string {
  return line.replace(colours, '');
}
