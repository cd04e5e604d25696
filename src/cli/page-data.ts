/** What a report's page is given: everything it shows, in words where there are words for it. The page itself is in `page/`. */
export interface PageData {
  /** ISO 8601. */
  madeAt: string;
  /** The whole first, where there are several sites. */
  views: readonly PageView[];
}

/** One site, or all together. */
export interface PageView {
  name: string;
  /** Over which time, and what passes made of it. */
  period: string;
  tiles: readonly Tile[];
  samples: readonly PageSample[];
  days: readonly PageDay[];
  waits: readonly Bar[];
  waitsWords: string;
  lifetimes: readonly Bar[];
  lifetimesWords: string;
  ends: readonly (Bar & { isBad: boolean })[];
  nodeHoursWords: string;
  account: { spent: number; committed: number; limit: number | null } | null;
}

/** One number that says how things stand. */
export interface Tile {
  name: string;
  value: string;
  note: string;
  isBad: boolean;
}

/** How many pilots there were; null where no pass looked. `at` is milliseconds since the epoch. */
export interface PageSample {
  at: number;
  target: number | null;
  running: number | null;
  waiting: number | null;
  other: number | null;
}

export interface PageDay extends Omit<PageSample, 'at'> {
  /** `2026-11-20` */
  day: string;
  submitted: number;
  started: number;
  ended: number;
  nodeHours: number;
}

export interface Bar {
  label: string;
  count: number;
}
