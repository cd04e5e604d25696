import { Buffer } from 'node:buffer';
import type { LogSource } from './pilot-log.ts';

/**
 * Two files of one pilot read as one. What the job script itself says stands in both: at once in what the batch system
 * caught, later in the copy of the pilot's own log. Here each such line is passed on once, from where it came first.
 */

/** What the job script puts before its own lines. */
const ownPrefix = 'glidein: ';
/** Longer ones are not the script's. */
const longestOwnLine = 2_000;
/** So many lines are remembered of each file; of a pilot that imitates the script the oldest are forgotten. */
const remembered = 2_000;
/** A line that is not over by then is passed on in parts. */
const longestHeld = 64 * 1024;

/** Passes lines on, each once. Bytes are kept as they are, whatever they are. */
export class LogLines {
  private readonly unmatched: Record<LogSource, Map<string, number>> = { pilot: new Map(), batch: new Map() };
  private readonly held: Record<LogSource, string> = { pilot: '', batch: '' };

  /** What to show of new bytes; the beginning of a line that is not over is held back until it is. */
  take(source: LogSource, bytes: Buffer): Buffer {
    const lines = (this.held[source] + bytes.toString('latin1')).split('\n');
    const open = lines.pop() ?? '';
    const shown = lines.filter((line) => this.isNew(source, line)).map((line) => `${line}\n`);
    const isLong = open.length > longestHeld;
    this.held[source] = isLong ? '' : open;
    return Buffer.from(shown.join('') + (isLong ? open : ''), 'latin1');
  }

  /** What was held back: nothing more comes, or not here. */
  rest(source: LogSource): Buffer {
    const open = this.held[source];
    this.held[source] = '';
    return Buffer.from(this.isNew(source, open) ? open : '', 'latin1');
  }

  private isNew(source: LogSource, line: string): boolean {
    if (!line.startsWith(ownPrefix) || line.length > longestOwnLine) return true;
    const other = this.unmatched[source === 'pilot' ? 'batch' : 'pilot'];
    const there = other.get(line) ?? 0;
    if (there > 1) other.set(line, there - 1);
    else if (there === 1) other.delete(line);
    else this.remember(this.unmatched[source], line);
    return there === 0;
  }

  private remember(lines: Map<string, number>, line: string): void {
    lines.set(line, (lines.get(line) ?? 0) + 1);
    const [oldest] = lines.keys();
    if (lines.size > remembered && oldest !== undefined) lines.delete(oldest);
  }
}
