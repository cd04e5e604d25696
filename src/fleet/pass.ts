import { randomBytes } from 'node:crypto';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { Census } from '../login/census.ts';
import type { Note } from '../login/journal.ts';
import type { LoginHost, Submitted } from '../login/login-host.ts';
import type { Look } from '../login/observation.ts';
import type { Forgotten, PlannedSubmission } from '../login/remote-programs.ts';
import { deliveredDigest, sendToken } from '../login/token-delivery.ts';
import { newTag } from '../pilot/tag.ts';
import type { Submission } from '../schedulers/scheduler.ts';
import type { Transport } from '../transports/transport.ts';
import type { Plan } from './plan.ts';
import type { SiteJob } from './site-job.ts';
import { connect, openSession, schedulerOf } from './site-login.ts';
import { failureReport, foundReport, type SiteReport, stateOf } from './site-report.ts';

/** One pass over one site: connect, lock, look, decide, act, report (docs/design.md, "The way of a pass"). */
export interface PassInput {
  profile: Profile;
  /** What to do, from what is there. */
  decide(census: Census): Plan;
  mode: 'keep' | 'once';
  /** The job and the token, or why nothing can be submitted; only a pass that submits fails for it. */
  job: Result<SiteJob>;
  dryRun: boolean;
}

/** What a session ends with: a report, or what must be shipped before the pass can start again. */
type SessionEnd = { kind: 'report'; report: SiteReport } | { kind: 'ship-token'; text: string };

/** How often a pass looks again after others won the fence. */
const maxFenceTries = 5;

/** Makes one pass. Never throws for what can go wrong out there: the report says it. */
export async function pass(input: PassInput, context: Context): Promise<SiteReport> {
  const { profile } = input;
  const connected = await connect(profile, context);
  if (!connected.ok) return failureReport(profile.name, profile.target, connected.failure);
  await using transport = connected.value;
  const first = await oneSession(input, transport, { shipped: false }, context);
  if (first.kind === 'report') return first.report;
  const place = { site: profile.name, jobsDirectory: profile.connection.jobDir };
  const sent = await sendToken(transport, first.text, place, context);
  if (!sent.ok) return failureReport(profile.name, profile.target, sent.failure);
  const second = await oneSession(input, transport, { shipped: true }, context);
  if (second.kind === 'report') return second.report;
  const what = `the token that was sent to ${profile.connection.jobDir} is not there`;
  return failureReport(profile.name, profile.target, {
    kind: 'login-host-unusable',
    site: profile.name,
    what,
    said: '',
  });
}

async function oneSession(
  input: PassInput,
  transport: Transport,
  token: TokenState,
  context: Context,
): Promise<SessionEnd> {
  const { profile } = input;
  const giveUp = (failure: Failure): SessionEnd => ({
    kind: 'report',
    report: failureReport(profile.name, profile.target, failure),
  });
  const opened = await openSession(transport, profile, { looksOnly: input.dryRun }, context);
  if (!opened.ok) return giveUp(opened.failure);
  await using host = opened.value;
  const locked = input.dryRun ? ok(undefined) : await host.lock();
  if (!locked.ok) return giveUp(locked.failure);
  for (let tries = 0; tries < maxFenceTries; tries += 1) {
    const look = await host.look();
    if (!look.ok) return giveUp(look.failure);
    const end = await act(input, host, look.value, token, context);
    if (end !== 'fenced') return end;
  }
  return giveUp({ kind: 'fence-lost', site: profile.name, tries: maxFenceTries });
}

async function act(
  input: PassInput,
  host: LoginHost,
  look: Look,
  token: TokenState,
  context: Context,
): Promise<SessionEnd | 'fenced'> {
  const plan = input.decide(look.census);
  const found = reportOf(input.profile, look.census);
  if (input.dryRun) return { kind: 'report', report: withPlan(found, plan, input, look) };
  if (plan.kind === 'submit') return submit(input, plan, host, look, token, context);
  const done = plan.kind === 'cancel' ? await cancel(plan.ids, host, look, found) : { report: found, notes: [] };
  return finish(host, look, done.report, plan, done.notes);
}

async function finish(
  host: LoginHost,
  look: Look,
  report: SiteReport,
  plan: Plan,
  notes: readonly Note[],
): Promise<SessionEnd> {
  const all = [...look.census.notes, ...notes];
  const busy = all.length > 0 || report.submitted > 0;
  const old = toForget(look);
  const recorded = await host.record(all, busy || old.length >= 20 ? old : []);
  const failure = report.failure ?? (recorded.ok ? null : recorded.failure);
  return { kind: 'report', report: explained({ ...report, failure }, plan, look.census) };
}

async function submit(
  input: PassInput,
  plan: Plan & { kind: 'submit' },
  host: LoginHost,
  look: Look,
  token: TokenState,
  context: Context,
): Promise<SessionEnd | 'fenced'> {
  const found = reportOf(input.profile, look.census);
  const fit = fitToSubmit(input, look);
  if (!fit.ok) return finish(host, look, { ...found, failure: fit.failure }, plan, []);
  if (mustShip(token, look, fit.value)) return { kind: 'ship-token', text: fit.value.token };
  warnOfPulling(input.profile, context);
  const submissions = submissionsFor(input, plan.count, look, fit.value);
  if (!submissions.ok) return finish(host, look, { ...found, failure: submissions.failure }, plan, []);
  const answers = await host.submit(submissions.value, look.census.abandoned);
  if (!answers.ok) return { kind: 'report', report: lostWhileSubmitting(found, plan.count, answers.failure) };
  if (answers.value[0]?.kind === 'fenced') {
    context.emit({ kind: 'note', site: input.profile.name, text: 'another pass submitted meanwhile; looking again' });
    return 'fenced';
  }
  return finish(host, look, afterSubmitting(found, answers.value, input.profile), plan, []);
}

/** Without an image on the cluster every node fetches and converts it, often into the quota of the home directory. */
function warnOfPulling(profile: Profile, context: Context): void {
  if (profile.image.remotePath !== null) return;
  const { source } = profile.image;
  const text = `every node pulls and converts ${source} (1 to 3 GB); put a SIF on the cluster and set image.remotePath`;
  context.emit({ kind: 'warning', site: profile.name, text });
}

/** Whether this pass has put its token there already. */
interface TokenState {
  shipped: boolean;
}

// After ours was put there, another one is another client's, who checked it as we did: two clients with different
// tokens must not keep each other from submitting.
function mustShip(token: TokenState, look: Look, job: SiteJob): boolean {
  if (look.tokenDigest === null) return true;
  return !token.shipped && look.tokenDigest !== deliveredDigest(job.token);
}

/** Job, token and image, or what is wrong with them. */
function fitToSubmit(input: PassInput, look: Look): Result<SiteJob> {
  if (!input.job.ok) return input.job;
  const { remotePath } = input.profile.image;
  if (remotePath !== null && !look.imageThere)
    return failed({ kind: 'image-missing', site: input.profile.name, path: remotePath });
  return input.job;
}

/** One array where the site has arrays, else one submission a pilot. */
function submissionsFor(input: PassInput, count: number, look: Look, job: SiteJob): Result<PlannedSubmission[]> {
  const { profile } = input;
  const sizes = profile.scheduler.arrays ? [count] : Array.from({ length: count }, () => 1);
  const submissions: PlannedSubmission[] = [];
  for (const [position, size] of sizes.entries()) {
    const submission: Submission = job.submission(newTag(profile.name, randomBytes(10)), size);
    const script = job.script(submission.tag);
    if (!script.ok) return script;
    const command = schedulerOf(profile).submitCommand(job.batchJob, submission);
    const sequence = look.census.nextSequence + position;
    submissions.push({ sequence, tag: submission.tag, count: size, mode: input.mode, script: script.value, command });
  }
  return ok(submissions);
}

/** The remote program goes on without us: what it did, the next pass reads. */
function lostWhileSubmitting(found: SiteReport, count: number, failure: Failure): SiteReport {
  const counts = { ...found.counts, inDoubt: found.counts.inDoubt + count };
  return {
    ...found,
    state: 'doubt',
    counts,
    failure,
    reason: 'the answer to a submission was lost; the next pass finds out what became of it',
  };
}

function afterSubmitting(found: SiteReport, answers: readonly Submitted[], profile: Profile): SiteReport {
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
  switch (outcome.kind) {
    case 'accepted': {
      const ids = Array.from({ length: answer.count }, (_, position) =>
        scheduler.pilotId(outcome.id, profile.scheduler.arrays ? position + scheduler.firstIndex : null),
      );
      const counts = { ...report.counts, pending: report.counts.pending + answer.count };
      return { ...report, counts, submitted: report.submitted + answer.count, ids: [...report.ids, ...ids] };
    }
    case 'refused':
      return { ...report, failure: { kind: 'submit-refused', site, refusal: outcome.refusal, said: outcome.text } };
    case 'inDoubt': {
      const counts = { ...report.counts, inDoubt: report.counts.inDoubt + answer.count };
      return { ...report, counts, failure: { kind: 'in-doubt', site, tag: answer.tag, said: outcome.text } };
    }
  }
}

async function cancel(
  ids: readonly string[],
  host: LoginHost,
  look: Look,
  found: SiteReport,
): Promise<{ report: SiteReport; notes: Note[] }> {
  const done = await host.cancel(ids, { onlyPending: true });
  if (!done.ok) return { report: { ...found, failure: done.failure }, notes: [] };
  return { report: withCancelled(found, ids), notes: closedNotes(ids, look) };
}

/** The report once these pilots have been told to end. */
export function withCancelled(found: SiteReport, ids: readonly string[]): SiteReport {
  const gone = new Set(ids);
  const counts = { ...found.counts };
  for (const pilot of found.pilots) {
    if (gone.has(pilot.id) && pilot.state !== 'ending') counts[pilot.state] -= 1;
  }
  return { ...found, counts, cancelled: ids.length, ids };
}

/** What the journal needs to know of pilots that were told to end: from then on, not to be listed is to be over. */
export function closedNotes(ids: readonly string[], look: Look): Note[] {
  const gone = new Set(ids);
  return look.census.pilots.flatMap((pilot) =>
    gone.has(pilot.id) && pilot.member !== null
      ? [{ kind: 'closed' as const, member: pilot.member, at: look.nowSeconds }]
      : [],
  );
}

/** Nothing of a submission is read after this long. */
const keepOverSeconds = 7 * 24 * 3600;

// The newest sequence stays: it is what fences off a pass that looked before it.
function toForget(look: Look): Forgotten[] {
  const newest = look.census.nextSequence - 1;
  return look.census.over
    .filter(({ intent, lastEventAt }) => intent.sequence !== newest && lastEventAt < look.nowSeconds - keepOverSeconds)
    .slice(0, 100)
    .map(({ intent, pilotIds }) => ({ sequence: intent.sequence, tag: intent.tag, marks: pilotIds }));
}

/** What was found at a site, before anything was done about it. */
export function reportOf(profile: Profile, census: Census): SiteReport {
  return foundReport(profile.name, profile.target, census);
}

function withPlan(found: SiteReport, plan: Plan, input: PassInput, look: Look): SiteReport {
  const submitting = plan.kind === 'submit' ? plan.count : 0;
  const planned = { submit: submitting, cancel: plan.kind === 'cancel' ? plan.ids : [] };
  const fit = submitting > 0 ? fitToSubmit(input, look) : input.job;
  const failure = submitting > 0 && !fit.ok ? fit.failure : null;
  const state = failure === null ? stateAfter(found) : stateOf(failure);
  return { ...found, planned, failure, state, reason: limitWords(plan) };
}

/** State and reason, from what was found and done. */
function explained(report: SiteReport, plan: Plan, census: Census): SiteReport {
  const state = report.failure === null ? stateAfter(report) : stateOf(report.failure);
  return { ...report, state, reason: report.reason ?? doubtWords(census) ?? limitWords(plan) };
}

function stateAfter(report: SiteReport): SiteReport['state'] {
  return report.counts.inDoubt > 0 ? 'doubt' : 'ok';
}

/** What is in doubt, and when it will not be any more. */
export function doubtWords(census: Census): string | null {
  const [first] = census.inDoubt;
  if (first === undefined) return null;
  const count = census.inDoubt.reduce((sum, doubt) => sum + doubt.count, 0);
  const when = new Date(Math.max(...census.inDoubt.map((doubt) => doubt.settlesAt)) * 1000).toISOString();
  return `${count} in doubt (${first.said.split('\n')[0]}); later passes settle it: when a listing shows it, else with two looks, the second after ${when}`;
}

function limitWords(plan: Plan): string | null {
  switch (plan.kind) {
    case 'wait':
      return plan.limitedBy === 'maxPending'
        ? 'as many pilots wait in the queue as limits.maxPending allows'
        : `held back by ${plan.limitedBy}`;
    case 'submit':
      if (plan.limitedBy === 'capacity') return 'the scheduler refused more at once before; the next pass tries more';
      return plan.limitedBy === null ? null : `limits.${plan.limitedBy} allows no more in this pass`;
    case 'cancel':
      return plan.remaining > 0 ? surplusWords(plan.remaining) : null;
    case 'nothing':
      return plan.surplus > 0 ? surplusWords(plan.surplus) : null;
  }
}

function surplusWords(count: number): string {
  return `${count} above the target run already or were asked for by hand; they end by themselves, or with \`glidein cancel\``;
}
