import { expect } from 'vitest';
import type { ListedJob, Listing, ListQuery, Output, Scheduler } from '../../src/schedulers/scheduler.ts';

/**
 * What every batch system of the table must do with what its commands really printed. Nothing here knows a scheduler:
 * what is judged without asking its parser comes from `Traits`. Cases are values, so that a test can give them a dialect
 * that is broken on purpose, and expect them to fail.
 */

export type Role = 'submit' | 'list' | 'ask' | 'cancel' | 'end' | 'discover';

/** One run of a command, and what the dialect asked it for. */
export interface Run extends Output {
  role: Role;
  /** Where it is from, for messages. */
  where: string;
  note: string;
  command: string;
  /** The other form of the same listing, made at the same time; null: there is none. */
  secondLook: Output | null;
}

/** What can be told of a batch system's text without its parser. */
export interface Traits {
  /** The listing has a job of this submission. */
  mentions(text: string, submissionId: string): boolean;
  /** How many jobs a listing has at least: a line or a block each. */
  jobsShown(text: string): number;
  /** What fails and means that there is no job at all; null: failing always means that nothing is known. */
  noJobs: RegExp | null;
  /** Its failure means no more than that what was to be ended is over. */
  isOver(run: Run): boolean;
  /** The same listing, which has jobs, with one in the state DANCING, of which nobody has heard. */
  withUnknownState(text: string): string;
}

export interface Subject {
  /** `slurm-22.05.8`; `stand-in: slurm`. */
  name: string;
  scheduler: Scheduler;
  traits: Traits;
  query: ListQuery;
  /** In the order in which they were made. */
  runs: readonly Run[];
}

export interface Case {
  name: string;
  /** Throws where the dialect does not conform. */
  check(): void;
}

/** The cases for which this subject has something to judge. */
export function conformanceCases(subject: Subject): Case[] {
  const all = [...submitting(subject), ...listing(subject), ...askingAndEnding(subject), ...discovering(subject)];
  return all.map(({ name, check }) => ({ name, check: () => check(subject) }));
}

interface OpenCase {
  name: string;
  check(subject: Subject): void;
}

/** The case, where there are runs that it is about. */
function about(
  runs: readonly Run[],
  name: string,
  check: (subject: Subject, runs: readonly Run[]) => void,
): OpenCase[] {
  return runs.length === 0 ? [] : [{ name: `${name} (${runs.length})`, check: (subject) => check(subject, runs) }];
}

const said = ({ stdout, stderr }: Output) => `${stdout}\n${stderr}`;
const at = (run: Run) => `${run.where}: ${run.note || run.command}`;
const wasEnded = ({ code }: Output) => code === 124 || code === 137;

function submitting({ runs, traits }: Subject): OpenCase[] {
  const submissions = runs.filter(({ role }) => role === 'submit');
  return [
    ...about(
      submissions.filter(({ code }) => code === 0),
      'what was taken has an id, and its pilots have ids that lead back to it',
      ({ scheduler }, taken) => {
        for (const run of taken) {
          const outcome = scheduler.parseSubmit(run);
          expect(outcome, at(run)).toMatchObject({ kind: 'accepted', id: expect.stringMatching(/\S/) });
          if (outcome.kind !== 'accepted') continue;
          expect(run.stdout).toContain(outcome.id);
          for (const index of [scheduler.firstIndex, scheduler.firstIndex + 12, null])
            expect(scheduler.submissionIdOf(scheduler.pilotId(outcome.id, index)), at(run)).toBe(outcome.id);
        }
      },
    ),
    ...about(
      submissions.filter(({ code }) => code !== 0),
      'what failed is never taken for accepted, and is refused only in the scheduler’s own words',
      ({ scheduler }, refused) => {
        for (const run of refused) {
          const outcome = scheduler.parseSubmit(run);
          expect(outcome.kind, at(run)).not.toBe('accepted');
          if (outcome.kind === 'accepted') continue;
          if (wasEnded(run) || said(run).trim() === '') expect(outcome.kind, at(run)).toBe('inDoubt');
          if (outcome.kind === 'refused') expect(outcome.text.trim(), at(run)).not.toBe('');
        }
      },
    ),
    ...about(
      submissions,
      'the same words after a time limit or a lost signal leave it in doubt',
      ({ scheduler }, each) => {
        for (const run of each) {
          for (const code of [124, 137]) {
            expect(scheduler.parseSubmit({ ...run, stdout: '', code }).kind, at(run)).toBe('inDoubt');
          }
        }
      },
    ),
    ...about(
      submissions.filter(({ code, stdout }) => code === 0 && stdout !== ''),
      'an answer that is cut is in doubt, or the id is whole',
      ({ scheduler }, taken) => {
        for (const run of taken) {
          const whole = scheduler.parseSubmit(run);
          for (let length = 0; length < run.stdout.trimEnd().length; length += 1) {
            const outcome = scheduler.parseSubmit({ ...run, stdout: run.stdout.slice(0, length), code: 137 });
            expect(outcome.kind === 'accepted' ? outcome : whole, at(run)).toEqual(whole);
            expect(outcome.kind, at(run)).not.toBe('refused');
          }
        }
      },
    ),
    ...about(
      listingsThatMention(runs, traits).map(({ run }) => run),
      'a listing shows each submission that it mentions',
      ({ scheduler, query }) => {
        for (const { run, ids } of listingsThatMention(runs, traits)) {
          const found = new Set(complete(scheduler.parseList(run, query), run).map((job) => job.submissionId));
          const known = ids.map((id) => acceptedId(scheduler, id));
          for (const id of known) expect([...found], at(run)).toContain(id);
        }
      },
    ),
  ];

  function acceptedId(scheduler: Scheduler, run: Run): string {
    const outcome = scheduler.parseSubmit(run);
    return outcome.kind === 'accepted' ? outcome.id : `none for ${at(run)}`;
  }
}

/** Listings with the earlier submissions whose ids stand in their text. The id is what the client printed. */
function listingsThatMention(runs: readonly Run[], traits: Traits): { run: Run; ids: Run[] }[] {
  return runs.flatMap((run, place) => {
    if (run.role !== 'list' || run.code !== 0) return [];
    const earlier = runs.slice(0, place).filter(({ role, code }) => role === 'submit' && code === 0);
    const ids = earlier.filter(({ stdout }) => {
      const id = idIn(stdout);
      return id !== null && traits.mentions(run.stdout, id);
    });
    return ids.length === 0 ? [] : [{ run, ids }];
  });
}

/** Every client prints its number before anything else that is a number. */
function idIn(stdout: string): string | null {
  return /\d+/.exec(stdout)?.[0] ?? null;
}

function complete(listing: Listing, run: Run): readonly ListedJob[] {
  if (listing.kind === 'incomplete') throw new Error(`${at(run)}: ${listing.reason}`);
  return listing.jobs;
}

function listing({ runs, traits }: Subject): OpenCase[] {
  const listings = runs.filter(({ role }) => role === 'list');
  const good = listings.filter(({ code }) => code === 0);
  const withJobs = good.filter(({ stdout }) => traits.jobsShown(stdout) > 0);
  const failures = listings.filter((run) => run.code !== 0 && !(traits.noJobs?.test(said(run)) ?? false));
  const empty = listings.filter((run) => run.code !== 0 && (traits.noJobs?.test(said(run)) ?? false));
  return [
    ...about(
      withJobs,
      'every job of a listing is there, with ids that agree, a node and times that can be',
      (subject, each) => {
        for (const run of each) checkJobs(subject, run);
      },
    ),
    ...about(
      withJobs.filter(({ secondLook }) => secondLook !== null && secondLook.code === 0),
      'both looks show the same jobs',
      ({ scheduler, query }, each) => {
        const ids = (output: Output, secondLook: boolean) => {
          const list = scheduler.parseList(output, { ...query, secondLook });
          return list.kind === 'complete' ? list.jobs.map((job) => job.id).sort() : list.reason;
        };
        for (const run of each) {
          if (run.secondLook !== null) expect(ids(run.secondLook, true), at(run)).toEqual(ids(run, false));
        }
      },
    ),
    ...about(failures, 'a listing that failed is incomplete, and says why', ({ scheduler, query }, each) => {
      for (const run of each) expectIncomplete(scheduler.parseList(run, query), at(run));
    }),
    ...about(empty, 'the answer that there is no job is complete and empty', ({ scheduler, query }, each) => {
      for (const run of each) expect(scheduler.parseList(run, query), at(run)).toEqual({ kind: 'complete', jobs: [] });
    }),
    ...about(good, 'the same text after a time limit or a signal is incomplete', ({ scheduler, query }, each) => {
      for (const run of each) {
        for (const code of [124, 137]) expectIncomplete(scheduler.parseList({ ...run, code }, query), at(run));
      }
    }),
    ...about(withJobs, 'cut inside a line it is incomplete or the same, and never shows what is not there', checkCuts),
    ...about(withJobs, 'a foreign line, anywhere, makes it incomplete and is named', checkForeignLines),
    ...about(withJobs, 'a state that nobody knows makes it incomplete and is named, or counts as unknown', checkStates),
  ];
}

function expectIncomplete(list: Listing, where: string): void {
  expect(list.kind, where).toBe('incomplete');
  if (list.kind === 'incomplete') expect(list.reason.trim(), where).not.toBe('');
}

function checkJobs({ scheduler, query, traits }: Subject, run: Run): void {
  const jobs = complete(scheduler.parseList(run, query), run);
  expect(jobs.length, at(run)).toBeGreaterThanOrEqual(traits.jobsShown(run.stdout));
  expect(new Set(jobs.map((job) => job.id)).size, at(run)).toBe(jobs.length);
  for (const job of jobs) {
    expect(scheduler.submissionIdOf(job.id), at(run)).toBe(job.submissionId);
    // A job that is no array may have an index, and none in its id.
    const ids = [job.index, null].map((index) => scheduler.pilotId(job.submissionId, index));
    expect(ids, at(run)).toContain(job.id);
    expect(traits.mentions(run.stdout, idIn(job.submissionId) ?? job.submissionId), at(run)).toBe(true);
    expect(job.tag ?? '', at(run)).toMatch(/^(?:[A-Za-z0-9._-]+)?$/);
    expect(job.nodes, at(run)).toBeGreaterThan(0);
    if (job.state === 'running') expect(job.node, at(run)).toMatch(/^[\w.-]+$/);
    for (const time of [job.submittedAt, job.startedAt, job.endsAt]) {
      if (time !== null) expect(Number.isInteger(time) && time > 1_500_000_000, `${at(run)}: ${time}`).toBe(true);
    }
  }
}

/** Some places of a long text, all of a short one. */
function places(length: number): number[] {
  const step = Math.max(1, Math.floor(length / 400));
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
}

function checkCuts({ scheduler, query }: Subject, runs: readonly Run[]): void {
  for (const run of runs) {
    const whole = new Map(complete(scheduler.parseList(run, query), run).map((job) => [job.id, job]));
    for (const length of places(run.stdout.length)) {
      const stdout = run.stdout.slice(0, length);
      const list = scheduler.parseList({ ...run, stdout }, query);
      if (list.kind === 'incomplete') continue;
      const where = `${at(run)}, cut at ${length}`;
      for (const job of list.jobs) expect(job, where).toEqual(whole.get(job.id));
      // What ends where a line ends is told by the session, which has a mark behind every answer.
      if (!stdout.endsWith('\n') && stdout !== '') expect(list.jobs.length, where).toBe(whole.size);
    }
  }
}

function checkForeignLines({ scheduler, query }: Subject, runs: readonly Run[]): void {
  const foreign = 'Welcome to campus, where the disk is full';
  for (const run of runs) {
    const whole = scheduler.parseList(run, query);
    const lines = run.stdout.split('\n');
    for (const place of new Set([0, Math.floor((lines.length - 1) / 2), lines.length - 1])) {
      const stdout = [...lines.slice(0, place), foreign, ...lines.slice(place)].join('\n');
      const list = scheduler.parseList({ ...run, stdout }, query);
      if (list.kind === 'complete') expect(list, `${at(run)}, line ${place}`).toEqual(whole);
      else expect(list.reason, `${at(run)}, line ${place}`).toContain('Welcome to campus');
    }
  }
}

function checkStates({ scheduler, query, traits }: Subject, runs: readonly Run[]): void {
  for (const run of runs) {
    const list = scheduler.parseList({ ...run, stdout: traits.withUnknownState(run.stdout) }, query);
    if (list.kind === 'incomplete') expect(list.reason, at(run)).toContain('DANCING');
    else
      expect(
        list.jobs.map(({ state }) => state),
        at(run),
      ).toContain('unknown');
  }
}

function askingAndEnding({ runs, traits }: Subject): OpenCase[] {
  const ofRole = (role: Role) => runs.filter((run) => run.role === role);
  const cancels = [...ofRole('cancel'), ...ofRole('end')];
  const outcome = ({ scheduler }: Subject, run: Run) =>
    run.role === 'end' ? scheduler.parseEnd(run) : scheduler.parseCancel(run, []);
  return [
    ...about(
      cancels.filter(({ code }) => code === 0),
      'what was cancelled is done',
      (subject, each) => {
        for (const run of each) expect(outcome(subject, run), at(run)).toEqual({ kind: 'done' });
      },
    ),
    ...about(
      cancels.filter((run) => run.code !== 0 && !traits.isOver(run)),
      'a cancel that failed is refused, in the scheduler’s words',
      (subject, each) => {
        for (const run of each) {
          const judged = outcome(subject, run);
          expect(judged.kind, at(run)).toBe('refused');
          const [word] = /\S.*/.exec(said(run)) ?? [];
          const isNamed = judged.kind === 'refused' && word !== undefined && !wasEnded(run);
          if (isNamed) expect(judged.text, at(run)).toContain(word.trim());
        }
      },
    ),
    ...about(ofRole('ask'), 'asked for by id, a pilot exists, is gone, or nothing is known', ({ scheduler }, each) => {
      const answers = each.map((run) => [...scheduler.parseAsk(run).values()]);
      expect(answers.flat().length).toBeGreaterThan(0);
      expect(answers.flat()).toContain('exists');
      expect(answers.flat()).toContain('gone');
    }),
    ...about(ofRole('ask'), 'an answer to that which is cut or timed out makes nobody gone', ({ scheduler }, each) => {
      for (const run of each) {
        const whole = scheduler.parseAsk(run);
        for (const length of places(run.stdout.length)) {
          const cut = scheduler.parseAsk({ stdout: run.stdout.slice(0, length), stderr: '', code: 124 });
          for (const [id, answer] of cut) {
            if (answer === 'gone') expect(whole.get(id), `${at(run)}, cut at ${length}: ${id}`).toBe('gone');
          }
        }
      }
    }),
  ];
}

function discovering({ runs }: Subject): OpenCase[] {
  const discoveries = runs.filter(({ role }) => role === 'discover');
  return [
    ...about(discoveries, 'queues are known with what they offer, or nothing is', ({ scheduler }, each) => {
      for (const run of each) {
        const found = scheduler.parseDiscovery(run);
        if (found.kind === 'unknown') expect(found.reason.trim(), at(run)).not.toBe('');
        else {
          expect(found.queues.length, at(run)).toBeGreaterThan(0);
          for (const queue of found.queues) expect(run.stdout, at(run)).toContain(queue.name);
        }
      }
      expect(each.some((run) => scheduler.parseDiscovery(run).kind === 'known')).toBe(true);
    }),
    ...about(discoveries, 'without an answer the queues are unknown', ({ scheduler }) => {
      for (const code of [0, 1, 124, 255]) {
        const found = scheduler.parseDiscovery({ stdout: '', stderr: 'nobody answers', code });
        expect(found).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(/\S/) });
      }
    }),
  ];
}
