/** When nothing moves for so long, the connection is dead, or the disk over there is stuck. */
export const stallSeconds = 60;
/** A disk that is slower is taken to be stuck. */
const slowestBytesPerSecond = 2_000_000;

/** How long the far side may be silent while it reads so many bytes for their digest. */
export function readingSeconds(bytes: number): number {
  return stallSeconds + Math.ceil(bytes / slowestBytesPerSecond);
}

/** Aborts when nothing has moved for longer than allowed. */
export class StallWatch {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  /** What was allowed last. */
  seconds = stallSeconds;

  constructor() {
    this.allow(stallSeconds);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  allow(seconds: number): void {
    this.seconds = seconds;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(), seconds * 1000);
  }

  end(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.controller.abort();
  }
}
