import type { Event, Moved, Step } from '../context.ts';
import { cut } from './report.ts';
import { duration } from './status-table.ts';

/** One live line on a terminal that says what each site waits for. */

/** What is known of the work under way, from its events. Times are milliseconds of one clock. */
export interface Progress {
  /** The sites that are over. */
  over: ReadonlySet<string>;
  /** The sites under way, the one that began first in front. `words` is null before its first step. */
  waiting: ReadonlyMap<string, Waiting>;
}

/** What a site waits for, and since when. */
interface Waiting {
  step: Step | null;
  words: string | null;
  since: number;
  /** How fast something large goes; null where nothing does. */
  moving: Moving | null;
}

/** How much of something large is there, and how much was when that was first told. */
interface Moving {
  bytes: number;
  of: number;
  firstBytes: number;
  firstAt: number;
  at: number;
}

/** Before the first event. */
export const noProgress: Progress = { over: new Set(), waiting: new Map() };

const stepWords: Readonly<Record<Step, string>> = {
  connect: 'connecting',
  handshake: 'logging in',
  hello: 'starting a shell',
  lock: 'waiting for the lock',
  list: 'reading the queue',
  settle: 'writing the journal',
  discover: 'asking what the queues offer',
  token: 'sending the token',
  ship: 'sending',
  build: 'building',
  fence: 'submitting',
  intent: 'submitting',
  submit: 'submitting',
  outcome: 'submitting',
  cancel: 'cancelling',
  node: 'waiting for the job on a node',
  logs: 'reading the log',
  report: 'writing the history',
};

/**
 * The progress after one more event. A step of a site that nobody announced announces it. When a site begins and none is
 * under way, all starts afresh: the next look of a watch.
 */
export function afterEvent(progress: Progress, event: Event, now: number): Progress {
  switch (event.kind) {
    case 'site-begins': {
      const over = progress.waiting.size === 0 ? new Set<string>() : without(progress.over, event.site);
      return doing({ ...progress, over }, event.site, { step: null, words: null, moved: null }, now);
    }
    case 'step': {
      const { site, step, detail, moved = null } = event;
      const words = wordsOf(step, detail);
      return progress.over.has(site) ? progress : doing(progress, site, { step, words, moved }, now);
    }
    case 'site-ends': {
      const waiting = new Map(progress.waiting);
      waiting.delete(event.site);
      return { over: new Set(progress.over).add(event.site), waiting };
    }
    default:
      return progress;
  }
}

function wordsOf(step: Step, detail: string | undefined): string {
  if (detail === undefined) return stepWords[step];
  if (step === 'build') return `${stepWords.build}: ${detail}`;
  return step === 'ship' ? `${stepWords.ship} ${detail}` : stepWords[step];
}

function without(sites: ReadonlySet<string>, site: string): ReadonlySet<string> {
  return new Set([...sites].filter((one) => one !== site));
}

function doing(
  progress: Progress,
  site: string,
  { step, words, moved }: Pick<Waiting, 'step' | 'words'> & { moved: Moved | null },
  now: number,
): Progress {
  const before = progress.waiting.get(site);
  if (before !== undefined && before.words === words && moved === null) return progress;
  // A step that goes on is still waited for since it began.
  const same = before !== undefined && before.step === step ? before : null;
  const moving = moved === null ? null : movingOn(same?.moving ?? null, moved, now);
  return {
    ...progress,
    waiting: new Map(progress.waiting).set(site, { step, words, moving, since: same?.since ?? now }),
  };
}

function movingOn(before: Moving | null, { bytes, of }: Moved, at: number): Moving {
  const { firstBytes, firstAt } = before ?? { firstBytes: bytes, firstAt: at };
  return { bytes, of, firstBytes, firstAt, at };
}

/** The line, at most so many characters wide; null where nothing is waited for. */
export function progressText(progress: Progress, now: number, columns: number): string | null {
  const { over, waiting } = progress;
  if (waiting.size === 0) return null;
  const parts = [...waiting].flatMap(([site, { words, since, moving }]) =>
    words === null ? [] : [{ site, words, moving, seconds: Math.floor((now - since) / 1000) }],
  );
  const total = over.size + waiting.size;
  if (total === 1) {
    return parts.map((part) => cut(oneSite(part), columns))[0] ?? null;
  }
  const each = parts.map(({ site, words, seconds }) => `${site}: ${words}${waited(seconds)}`);
  return cut([`${over.size} of ${total} sites done`, ...each].join(' · '), columns);
}

function oneSite({
  site,
  words,
  moving,
  seconds,
}: Pick<Waiting, 'moving'> & { site: string; words: string; seconds: number }) {
  const course = moving === null ? null : courseOf(moving);
  return course === null ? `${site}: ${words} …${waited(seconds)}` : `${site}: ${words} ${course}`;
}

const barWidth = 20;

/** A bar, the rate and the time that is left; null before anything has moved. */
function courseOf({ bytes, of, firstBytes, firstAt, at }: Moving): string | null {
  const rate = (bytes - firstBytes) / ((at - firstAt) / 1000);
  if (!(rate > 0) || !Number.isFinite(rate)) return null;
  const full = Math.min(barWidth, Math.floor((bytes / of) * barWidth));
  const left = Math.ceil(Math.max(0, of - bytes) / rate);
  return `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}] ${(rate / 1e6).toFixed(rate < 1e7 ? 1 : 0)} MB/s, ${duration(left)} left`;
}

/** Less than a second is not worth a number. */
function waited(seconds: number): string {
  return seconds < 1 ? '' : ` ${seconds} s`;
}
