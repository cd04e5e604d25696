import { randomBytes } from 'node:crypto';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { Submitted } from '../login/login-host.ts';
import type { Look } from '../login/observation.ts';
import type { PlannedSubmission } from '../login/remote-programs.ts';
import { newTag } from '../pilot/tag.ts';
import type { Submission } from '../schedulers/scheduler.ts';
import { pullingWords } from './pulling-words.ts';
import { type Load, type QueueInquiry, type Room, roomInQueues } from './queue-knowledge.ts';
import { siteImage } from './site-image.ts';
import type { SiteJob } from './site-job.ts';
import type { SiteReport } from './site-report.ts';
import { schedulerOf } from './site-scheduler.ts';

/** What is submitted, and what the answers come to. */

/** What submissions are made of, and where their queues are asked about. */
interface Submitting extends QueueInquiry {
  job: SiteJob;
  mode: 'keep' | 'once';
  /** Nodes that it is kept off. */
  avoid: readonly string[];
}

/** Job, token and image, or what is wrong with them. */
export function fitToSubmit({ profile, job }: { profile: Profile; job: Result<SiteJob> }, look: Look): Result<SiteJob> {
  if (!job.ok) return job;
  const { remotePath } = profile.image;
  if (remotePath !== null && !look.imageThere)
    return failed({ kind: 'image-missing', site: profile.name, path: remotePath });
  return job;
}

/** Without an image on the cluster every node fetches and converts it, often into the quota of the home directory. */
export async function warnOfPulling(
  { profile, dataDir }: { profile: Profile; dataDir: string },
  context: Context,
): Promise<void> {
  const image = await siteImage(profile, { dataDir });
  if (!image.ok || image.value.kind !== 'pulled') return;
  context.emit({ kind: 'warning', site: profile.name, text: pullingWords(profile) });
}

/** Jobs in one array where the site has arrays, or in as few as its largest allows; else one submission a job. */
function sizesOf(count: number, profile: Profile, room: Room): number[] {
  const largest = profile.scheduler.arrays ? Math.max(1, room.largestArray ?? count) : 1;
  return Array.from({ length: Math.ceil(count / largest) }, (_, at) => Math.min(largest, count - at * largest));
}

/** What is to be submitted, and why it is less than was wanted; null: it is all of it. */
export interface Submissions {
  planned: readonly PlannedSubmission[];
  heldBack: Failure | null;
}

/**
 * The submissions that come to so many pilots, in whole jobs, or to as many as a user's jobs in the queues are known to
 * be allowed; or why they would fail: in the queues, or in the template.
 */
export async function submissionsFor(
  asking: Submitting,
  count: number,
  look: Look,
  context: Context,
): Promise<Result<Submissions>> {
  const { profile } = asking;
  const load = { count: Math.floor(count / profile.scheduler.nodesPerJob), there: jobsThere(look) };
  const room = await roomInQueues(asking, load, context);
  if (!room.ok) return room;
  const { jobs, heldBack } = allowed(load, room.value, profile);
  const planned = await plannedSubmissions(asking, sizesOf(jobs, profile, room.value), look);
  return planned.ok ? ok({ planned: planned.value, heldBack }) : planned;
}

/** Those that the scheduler has for sure: what is missing or in doubt may not be there. */
function jobsThere({ census }: Look): number {
  return census.pilots.filter(({ state }) => state !== 'unknown' && state !== 'ending').length;
}

function allowed(
  { count, there }: Load,
  { jobs: limit }: Room,
  { name: site }: Profile,
): { jobs: number; heldBack: Failure | null } {
  const jobs = limit === null ? count : Math.min(count, Math.max(0, limit.most - there));
  if (limit === null || jobs === count) return { jobs, heldBack: null };
  return { jobs, heldBack: { kind: 'queue-full', site, ...limit, there, wanted: count - jobs } };
}

async function plannedSubmissions(
  asking: Submitting,
  sizes: readonly number[],
  look: Look,
): Promise<Result<PlannedSubmission[]>> {
  const { profile, mode } = asking;
  const { nodesPerJob: nodes } = profile.scheduler;
  const rendered = await asking.job.render(asking.avoid);
  if (!rendered.ok) return rendered;
  const job = rendered.value;
  const submissions: PlannedSubmission[] = [];
  for (const [position, size] of sizes.entries()) {
    const submission: Submission = job.submission(newTag(profile.name, randomBytes(10)), size);
    const script = job.script(submission.tag);
    if (!script.ok) return script;
    const command = schedulerOf(profile).submitCommand(job.batchJob, submission);
    const sequence = look.census.nextSequence + position;
    submissions.push({ sequence, tag: submission.tag, count: size, nodes, mode, script: script.value, command });
  }
  return ok(submissions);
}

/** How many pilots these submissions come to. */
export function pilotsIn({ planned }: Submissions): number {
  return planned.reduce((sum, { count, nodes }) => sum + count * nodes, 0);
}

/** The remote program goes on without us: what it did, the next pass reads. */
export function lostWhileSubmitting(found: SiteReport, count: number, failure: Failure): SiteReport {
  const counts = { ...found.counts, inDoubt: found.counts.inDoubt + count };
  return {
    ...found,
    state: 'doubt',
    counts,
    failure,
    reason: 'the answer to a submission was lost; the next pass finds out what became of it',
  };
}

/** The report after these answers. */
export function afterSubmitting(found: SiteReport, answers: readonly Submitted[], profile: Profile): SiteReport {
  return answers.reduce((report, answer) => afterAnswer(report, answer, profile), found);
}

function afterAnswer(report: SiteReport, answer: Submitted, profile: Profile): SiteReport {
  const site = profile.name;
  if (answer.kind === 'fenced') return report;
  if (answer.kind === 'unwritable') {
    const what = `nothing can be written to ${profile.connection.remoteDir} (is the disk or the quota full?); nothing was submitted`;
    return { ...report, failure: { kind: 'login-host-unusable', site, what, said: answer.said } };
  }
  const scheduler = schedulerOf(profile);
  const outcome = scheduler.parseSubmit(answer.output);
  const pilots = answer.count * answer.nodes;
  switch (outcome.kind) {
    case 'accepted': {
      const ids = Array.from({ length: answer.count }, (_, position) =>
        scheduler.pilotId(outcome.id, profile.scheduler.arrays ? position + scheduler.firstIndex : null),
      );
      const counts = { ...report.counts, pending: report.counts.pending + pilots };
      return { ...report, counts, submitted: report.submitted + pilots, ids: [...report.ids, ...ids] };
    }
    case 'refused':
      return { ...report, failure: { kind: 'submit-refused', site, refusal: outcome.refusal, said: outcome.text } };
    case 'inDoubt': {
      const counts = { ...report.counts, inDoubt: report.counts.inDoubt + pilots };
      return { ...report, counts, failure: { kind: 'in-doubt', site, tag: answer.tag, said: outcome.text } };
    }
  }
}
