import { failed, ok, type Result } from '../failure.ts';
import type { Finished, ListedJob, ListQuery, Scheduler } from '../schedulers/scheduler.ts';
import { type Census, census } from './census.ts';
import { type EndedPilot, type EndsKnown, endedPilots } from './ended-pilots.ts';
import { readDrains, readEnds, readIntents, readNotes, readOutcomes, readSeen, readSequences } from './journal.ts';
import type { Part } from './remote-programs.ts';

/** What the observing program's output means. Pure. */

export interface Look {
  census: Census;
  /** SHA-256 of the token there; null when there is none. */
  tokenDigest: string | null;
  /** False when the image that must be there cannot be read. */
  imageThere: boolean;
  /** The names of the images that were shipped. */
  images: ReadonlySet<string>;
  distributions: Distributions;
  /** By the login host's clock. */
  nowSeconds: number;
  /** Pilots that ended lately, where they were asked for. */
  ended: readonly EndedPilot[];
}

/** CVMFS distributions on the login host. */
export interface Distributions {
  /** The names of those that were shipped. */
  shipped: ReadonlySet<string>;
  /** Whether there is something to read where the profile's own path leads there. */
  isAtItsPath: boolean;
}

/** What one program read. */
export interface Observed {
  text(part: string): string;
  jobs: readonly ListedJob[];
  nowSeconds: number;
  imageThere: boolean;
  images: ReadonlySet<string>;
  distributions: Distributions;
  /** Null: the accounting was not asked. */
  finished: Finished | null;
}

/** The scheduler's word on pilots that it was asked for by id. */
export type Answers = ReadonlyMap<string, 'exists' | 'gone'>;

/** The site, as far as an observation is about it. */
interface ObservedSite {
  site: string;
  timeouts: { listSeconds: number; submitSeconds: number };
  arrays: boolean;
  /** Ends before that are not told; null: none are. */
  endedSince: number | null;
}

type Parts = ReadonlyMap<string, Part>;

/** The jobs of the listing. Several listings, in different forms, must show the same jobs; else none is complete. */
export function listedJobs(
  parts: Parts,
  queries: readonly ListQuery[],
  scheduler: Scheduler,
  { site, timeouts }: ObservedSite,
): Result<readonly ListedJob[]> {
  let jobs: readonly ListedJob[] | null = null;
  for (const [position, query] of queries.entries()) {
    const incomplete = (said: string) =>
      failed({ kind: 'listing-incomplete', site, command: scheduler.listCommand(query), said });
    const part = parts.get(`listing${position}`);
    if (part === undefined) return incomplete('its end is missing');
    if (part.code === 124) return incomplete(`no answer within ${timeouts.listSeconds} s`);
    const listing = scheduler.parseList(part, query);
    if (listing.kind === 'incomplete') return incomplete(listing.reason);
    if (jobs !== null && !sameJobs(jobs, listing.jobs)) {
      return incomplete('two listings, each in another form, do not show the same jobs');
    }
    jobs = listing.jobs;
  }
  return ok(jobs ?? []);
}

function sameJobs(one: readonly ListedJob[], other: readonly ListedJob[]): boolean {
  const ids = new Set(one.map((job) => job.id));
  return ids.size === new Set(other.map((job) => job.id)).size && other.every((job) => ids.has(job.id));
}

/** All parts of an observation; a part that is missing or failed makes it useless. */
export function observedFrom(
  parts: Parts,
  jobs: readonly ListedJob[],
  scheduler: Scheduler,
  site: string,
): Result<Observed> {
  const unusable = (what: string, said: string) =>
    failed({ kind: 'login-host-unusable', site, what, said: said.trim().slice(0, 400) });
  for (const name of ['clock', 'sequences', 'intents', 'outcomes', 'notes', 'seen', 'ends', 'drains', 'token']) {
    const part = parts.get(name);
    if (part?.code !== 0) return unusable(`reading the site's ${name} failed`, part?.stderr ?? 'the answer is cut');
  }
  const text = (name: string) => parts.get(name)?.stdout ?? '';
  const nowSeconds = Number(text('clock').trim());
  if (!Number.isSafeInteger(nowSeconds) || nowSeconds <= 0) return unusable('`date +%s` gave no time', text('clock'));
  const accounting = parts.get('finished');
  const finished = accounting === undefined ? null : scheduler.parseFinished(accounting, { site });
  const imageThere = parts.get('image')?.code === 0;
  const [images, distributions] = [namesIn(parts, 'images'), distributionsIn(parts)];
  return ok({ text, jobs, nowSeconds, imageThere, images, distributions, finished });
}

/** What the parts on CVMFS distributions say. */
export function distributionsIn(parts: Parts): Distributions {
  return { shipped: namesIn(parts, 'shipped'), isAtItsPath: parts.get('distribution')?.code === 0 };
}

/** The names of the files whose paths a part lists, a line each. */
export function namesIn(parts: Parts, part: string): ReadonlySet<string> {
  const paths = (parts.get(part)?.stdout ?? '').split('\n');
  return new Set(paths.map((path) => path.slice(path.lastIndexOf('/') + 1)));
}

/** Takes the census of what was observed. */
export function lookFrom(observed: Observed, asked: Answers, scheduler: Scheduler, site: ObservedSite): Look {
  const { text, jobs, nowSeconds, imageThere, images, distributions, finished } = observed;
  const [seen, ends] = [readSeen(text('seen')), readEnds(text('ends'))];
  const taken = census({
    site: site.site,
    nowSeconds,
    // The client's time to end after TERM, and a slow disk.
    attemptSeconds: site.timeouts.submitSeconds + 60,
    sequences: readSequences(text('sequences')),
    intents: readIntents(text('intents')),
    outcomes: readOutcomes(text('outcomes')),
    notes: readNotes(text('notes')),
    seen,
    ends,
    drains: readDrains(text('drains')),
    jobs,
    asked,
    parseOutcome: (outcome) => scheduler.parseSubmit(outcome.output),
    firstIndex: scheduler.firstIndex,
    pilotId: (submissionId, index) => scheduler.pilotId(submissionId, site.arrays ? index : null),
    submissionIdOf: (id) => scheduler.submissionIdOf(id),
  });
  const tokenDigest = /^[0-9a-f]{64}/.exec(text('token'))?.[0] ?? null;
  const ended =
    site.endedSince === null
      ? []
      : endedPilots({
          marks: ends,
          seen,
          idOf: idsIn(taken, scheduler, site),
          finished: finished?.kind === 'known' ? finished.jobs : [],
          sinceSeconds: site.endedSince,
        });
  return { census: taken, tokenDigest, imageThere, images, distributions, nowSeconds, ended };
}

/** The ids of pilots that left no word of their start, from the others of their submission. */
function idsIn({ pilots, over }: Census, scheduler: Scheduler, { arrays }: ObservedSite): EndsKnown['idOf'] {
  const submissions = new Map<string, string>();
  for (const { tag, id } of pilots) if (tag !== null) submissions.set(tag, scheduler.submissionIdOf(id));
  for (const { intent, pilotIds } of over) {
    const [first] = pilotIds;
    if (first !== undefined) submissions.set(intent.tag, scheduler.submissionIdOf(first));
  }
  return (tag, index) => {
    const submission = submissions.get(tag);
    return submission === undefined ? null : scheduler.pilotId(submission, arrays ? index : null);
  };
}
