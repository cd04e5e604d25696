import type { Event } from '../context.ts';
import { afterEvent, noProgress, progressText } from './progress.ts';

/** Keeps the live line of progress on a terminal: draws it, and takes it away before anything else is written. */

/** What the line needs of a terminal. */
export interface LineTerminal {
  write(text: string): unknown;
  /** Its width now; 0 or nothing where it does not say. */
  readonly columns?: number;
}

export interface ProgressLine {
  take(event: Event): void;
  /** Takes the line away for as long as `work` runs, and draws it again afterwards. */
  aside<T>(work: () => T): T;
  /** The same while something waits: a question to the person. */
  asideUntil<T>(work: () => Promise<T>): Promise<T>;
  /** Takes the line away for good. */
  end(): void;
}

/** Quick things do not flicker. */
const firstShownAfterMilliseconds = 400;
const redrawMilliseconds = 200;

/** A line on this terminal. Its timer keeps no program alive. */
export function openProgressLine(
  terminal: LineTerminal,
  now: () => number,
  style: (text: string) => string,
): ProgressLine {
  return new Line(terminal, now, style);
}

class Line implements ProgressLine {
  private readonly terminal: LineTerminal;
  private readonly now: () => number;
  private readonly style: (text: string) => string;
  private progress = noProgress;
  /** When what is under way began; null while nothing is. */
  private since: number | null = null;
  private drawn: string | null = null;
  private hidden = 0;
  private over = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(terminal: LineTerminal, now: () => number, style: (text: string) => string) {
    this.terminal = terminal;
    this.now = now;
    this.style = style;
  }

  take(event: Event): void {
    if (this.over) return;
    this.progress = afterEvent(this.progress, event, this.now());
    if (this.progress.waiting.size === 0) this.since = null;
    else this.since ??= this.now();
    this.timer ??= setInterval(() => this.draw(), redrawMilliseconds).unref();
    this.draw();
  }

  aside<T>(work: () => T): T {
    this.hide();
    try {
      return work();
    } finally {
      this.show();
    }
  }

  async asideUntil<T>(work: () => Promise<T>): Promise<T> {
    this.hide();
    try {
      return await work();
    } finally {
      this.show();
    }
  }

  end(): void {
    this.over = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.clear();
  }

  private hide(): void {
    this.hidden += 1;
    this.clear();
  }

  private show(): void {
    this.hidden -= 1;
    this.draw();
  }

  private draw(): void {
    if (this.over || this.hidden > 0) return;
    const text = this.text();
    if (text === null) this.clear();
    else if (text !== this.drawn) this.terminal.write(`\r${this.style(text)}\u001b[K`);
    this.drawn = text;
  }

  private text(): string | null {
    const now = this.now();
    if (this.since === null || now - this.since < firstShownAfterMilliseconds) return null;
    // One column is left free: a line that fills the last one makes some terminals go on to the next.
    return progressText(this.progress, now, (this.terminal.columns || 80) - 1);
  }

  private clear(): void {
    if (this.drawn === null) return;
    this.terminal.write('\r\u001b[K');
    this.drawn = null;
  }
}
