import type { Event, Step } from '../context.ts';
import { cut } from './report.ts';

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
      return doing({ ...progress, over }, event.site, { step: null, words: null }, now);
    }
    case 'step': {
      const { site, step, detail } = event;
      const words = step === 'ship' && detail !== undefined ? `${stepWords.ship} ${detail}` : stepWords[step];
      return progress.over.has(site) ? progress : doing(progress, site, { step, words }, now);
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

function without(sites: ReadonlySet<string>, site: string): ReadonlySet<string> {
  return new Set([...sites].filter((one) => one !== site));
}

function doing(progress: Progress, site: string, doing: Omit<Waiting, 'since'>, now: number): Progress {
  const before = progress.waiting.get(site);
  if (before !== undefined && before.words === doing.words) return progress;
  // A step that goes on is still waited for since it began.
  const since = before !== undefined && before.step === doing.step ? before.since : now;
  return { ...progress, waiting: new Map(progress.waiting).set(site, { ...doing, since }) };
}

/** The line, at most so many characters wide; null where nothing is waited for. */
export function progressText(progress: Progress, now: number, columns: number): string | null {
  const { over, waiting } = progress;
  if (waiting.size === 0) return null;
  const parts = [...waiting].flatMap(([site, { words, since }]) =>
    words === null ? [] : [{ site, words, seconds: Math.floor((now - since) / 1000) }],
  );
  const total = over.size + waiting.size;
  if (total === 1) {
    return parts.map(({ site, words, seconds }) => cut(`${site}: ${words} …${waited(seconds)}`, columns))[0] ?? null;
  }
  const each = parts.map(({ site, words, seconds }) => `${site}: ${words}${waited(seconds)}`);
  return cut([`${over.size} of ${total} sites done`, ...each].join(' · '), columns);
}

/** Less than a second is not worth a number. */
function waited(seconds: number): string {
  return seconds < 1 ? '' : ` ${seconds} s`;
}
