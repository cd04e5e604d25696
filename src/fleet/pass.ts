import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, ok, type Result } from '../failure.ts';
import type { Census } from '../login/census.ts';
import type { Note } from '../login/journal.ts';
import type { Diary, LoginHost, Orders } from '../login/login-host.ts';
import type { Look } from '../login/observation.ts';
import type { PlannedSubmission } from '../login/remote-programs.ts';
import type { Transport } from '../transports/transport.ts';
import { diaryFor } from './clearing.ts';
import { notesOf, plannedBy, reportOf, withOrders } from './orders.ts';
import { nodeWords, pauseWords } from './pause-words.ts';
import { endsIn } from './pilot-lives.ts';
import type { Plan } from './plan.ts';
import { limitWords } from './plan-words.ts';
import { forgetQueues } from './queue-knowledge.ts';
import { type Restraint, restraintFor } from './restraint.ts';
import { type Missing, missingThere, placesOf, type ShippingState, ship, wouldShip } from './shipping.ts';
import type { SiteAccess } from './site-connection.ts';
import type { SiteJob } from './site-job.ts';
import { openSession } from './site-login.ts';
import { type EndedPilot, failureReport, nodesOf, type PlannedShipment, type SiteReport } from './site-report.ts';
import { standing } from './standing.ts';
import {
  afterSubmitting,
  fitToSubmit,
  lostWhileSubmitting,
  pilotsIn,
  submissionsFor,
  warnOfPulling,
} from './submission.ts';
import { explainedBy, unexplained } from './unexplained-ends.ts';

/** One pass over one site: connect, lock, look, decide, act, report (docs/design.md, "The way of a pass"). */
export interface PassInput extends SiteAccess {
  /** What to do, from what is there and what may be. */
  decide(census: Census, restraint: Restraint): Plan;
  mode: 'keep' | 'once';
  /** The job and the token, or why nothing can be submitted; only a pass that submits fails for it. */
  job: Result<SiteJob>;
  dryRun: boolean;
  configDir: string;
  /** Where what is known of the queues is kept, and the images of this machine. */
  dataDir: string;
}

/** What a session ends with: a report, or what must be shipped before the pass can start again. */
type SessionEnd = { kind: 'report'; report: SiteReport } | { kind: 'ship'; missing: Missing };

/** Passes may have failed for a weekend. */
const endsToldForSeconds = 4 * 24 * 3600;
/** How often a pass looks again after others won the fence. */
const maxFenceTries = 5;

/** Makes one pass. Never throws for what can go wrong out there: the report says it. */
export async function pass(input: PassInput, context: Context): Promise<SiteReport> {
  const { profile } = input;
  const connected = await input.connect();
  if (!connected.ok) return failureReport(profile.name, profile.target, connected.failure);
  await using transport = connected.value;
  const first = await oneSession(input, transport, { shipped: false }, context);
  if (first.kind === 'report') return first.report;
  const sent = await ship(transport, first.missing, profile, input, context);
  if (!sent.ok) return failureReport(profile.name, profile.target, sent.failure);
  const second = await oneSession(input, transport, { shipped: true }, context);
  if (second.kind === 'report') return second.report;
  const what = placesOf(second.missing, profile);
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
  shipping: ShippingState,
  context: Context,
): Promise<SessionEnd> {
  const { profile } = input;
  const giveUp = (failure: Failure): SessionEnd => ({
    kind: 'report',
    report: failureReport(profile.name, profile.target, failure),
  });
  const endedSince = Math.floor(context.now() / 1000) - endsToldForSeconds;
  const purpose = input.dryRun ? 'look' : 'change';
  const opened = await openSession(transport, profile, { purpose, endedSince }, context);
  if (!opened.ok) return giveUp(opened.failure);
  await using host = opened.value;
  const locked = input.dryRun ? ok(undefined) : await host.lock();
  if (!locked.ok) return giveUp(locked.failure);
  for (let tries = 0; tries < maxFenceTries; tries += 1) {
    const look = await host.look();
    if (!look.ok) return giveUp(look.failure);
    const end = await act(input, host, look.value, shipping, context);
    if (end !== 'fenced') return withEnds(end, endsIn(look.value, endedSince));
  }
  return giveUp({ kind: 'fence-lost', site: profile.name, tries: maxFenceTries });
}

/** What is known of pilots' ends is read anyway: the history is told of them. */
function withEnds(end: SessionEnd, ended: readonly EndedPilot[]): SessionEnd {
  return end.kind === 'report' ? { ...end, report: { ...end.report, ended, endsKnown: true } } : end;
}

async function act(
  input: PassInput,
  host: LoginHost,
  seen: Look,
  shipping: ShippingState,
  context: Context,
): Promise<SessionEnd | 'fenced'> {
  const look = await judged(input, host, seen);
  const plan = input.decide(look.census, look.restraint);
  const found = foundIn(look, input.profile);
  if (input.dryRun) return { kind: 'report', report: await withPlan(found, plan, input, host, look, context) };
  if (plan.kind === 'submit') return submit(input, plan, host, look, shipping, context);
  if (plan.kind === 'shrink') return shrink(plan, host, look, found);
  return finish(host, look, found, plan);
}

/** A look, and what may be submitted then. */
interface JudgedLook extends Look {
  restraint: Restraint;
}

/** A new pause goes into the journal with what else was found out, with the end of the dead pilot's log. */
async function judged({ profile, mode, dryRun }: PassInput, host: LoginHost, seen: Look): Promise<JudgedLook> {
  const look = { ...seen, census: await withAccounts(seen, host, profile) };
  const restraint = restraintFor(profile, look.census, look.nowSeconds);
  const { brake } = restraint;
  if (brake.kind !== 'paused' || !brake.isNew || dryRun || mode === 'once') return { ...look, restraint };
  const said = brake.pause.id === null ? brake.pause.said : await host.lastWords(brake.pause.id);
  const pause = { ...brake.pause, said };
  const census = { ...look.census, notes: [...look.census.notes, pause] };
  return { ...look, census, restraint: { ...restraint, brake: { ...brake, pause } } };
}

/** Further back than passes are apart, and clocks. */
const accountsBeforeSeconds = 24 * 3600;

/** Of a pilot that was found to be over without a word, the accounting is asked, once: a program more in such a pass. */
async function withAccounts({ census, nowSeconds }: Look, host: LoginHost, { target }: Profile): Promise<Census> {
  const lost = unexplained(census);
  if (lost.length === 0 || target === 0) return census;
  const since = Math.min(...lost.map(({ startedAt, endedAt }) => startedAt ?? endedAt)) - accountsBeforeSeconds;
  const finished = await host.finished(since);
  return finished.kind === 'known' ? explainedBy(census, finished.jobs, nowSeconds) : census;
}

function foundIn({ census, restraint }: JudgedLook, profile: Profile): SiteReport {
  return { ...reportOf(profile, census), restraint };
}

/** Ends a session in which nothing is done about the site, or nothing can be: what was found out is written down. */
async function finish(host: LoginHost, look: JudgedLook, report: SiteReport, plan: Plan): Promise<SessionEnd> {
  const recorded = await host.record(diaryOf(look, { acts: false }));
  const failure = report.failure ?? (recorded.ok ? null : recorded.failure);
  return ended({ ...report, failure }, plan, look);
}

function ended(report: SiteReport, plan: Plan, look: JudgedLook): SessionEnd {
  return { kind: 'report', report: explained(report, plan, look) };
}

function diaryOf({ census, nowSeconds }: Look, how: { acts: boolean }): Diary {
  return diaryFor(census, nowSeconds, how);
}

async function submit(
  input: PassInput,
  plan: Plan & { kind: 'submit' },
  host: LoginHost,
  look: JudgedLook,
  shipping: ShippingState,
  context: Context,
): Promise<SessionEnd | 'fenced'> {
  const found = foundIn(look, input.profile);
  const fit = fitToSubmit(input, look);
  if (!fit.ok) return finish(host, look, { ...found, failure: fit.failure }, plan);
  const missing = await missingThere(input.profile, fit.value, look, shipping, input);
  if (!missing.ok) return finish(host, look, { ...found, failure: missing.failure }, plan);
  if (missing.value !== null) return { kind: 'ship', missing: missing.value };
  const asking = { ...input, job: fit.value, host, keeps: true, avoid: look.restraint.avoided };
  const submissions = await submissionsFor(asking, plan.count, look, context);
  if (!submissions.ok) return finish(host, look, { ...found, failure: submissions.failure }, plan);
  const { planned, heldBack } = submissions.value;
  if (planned.length === 0) return finish(host, look, { ...found, failure: heldBack }, plan);
  await warnOfPulling(input, context);
  warnOfPause(input.profile, look, context);
  const diary = withWalltimes(diaryOf(look, { acts: true }), planned, input.profile, look);
  const answers = await host.submit(planned, look.census.abandoned, diary);
  if (!answers.ok)
    return { kind: 'report', report: lostWhileSubmitting(found, pilotsIn(submissions.value), answers.failure) };
  if (answers.value[0]?.kind === 'fenced') {
    context.emit({ kind: 'note', site: input.profile.name, text: 'another pass submitted meanwhile; looking again' });
    return 'fenced';
  }
  const after = afterSubmitting({ ...found, failure: heldBack }, answers.value, input.profile);
  if (after.failure?.kind === 'submit-refused' && after.failure.refusal !== 'transient') await forgetQueues(input);
  return ended(after, plan, look);
}

/** A person may try what passes do not: whether it is mended shows when somebody submits. */
function warnOfPause({ name }: Profile, { restraint }: JudgedLook, context: Context): void {
  if (restraint.brake.kind !== 'paused') return;
  context.emit({ kind: 'warning', site: name, text: pauseWords(name, 'breaker', restraint) });
}

/** How long these jobs may run is known only now: the profile may say something else when they are paid for. */
function withWalltimes(
  diary: Diary,
  submissions: readonly PlannedSubmission[],
  { scheduler }: Profile,
  { nowSeconds: at }: Look,
): Diary {
  const seconds = scheduler.walltimeSeconds;
  const notes = submissions.map(({ tag }): Note => ({ kind: 'walltime', tag, seconds, at }));
  return { ...diary, notes: [...diary.notes, ...notes] };
}

async function shrink(
  plan: Plan & { kind: 'shrink' },
  host: LoginHost,
  look: JudgedLook,
  found: SiteReport,
): Promise<SessionEnd> {
  const orders = ordersOf(plan);
  const done = await host.tell(orders, { ...diaryOf(look, { acts: true }), ...notesOf(orders, look) });
  if (!done.ok) return ended({ ...found, failure: done.failure }, plan, look);
  return ended({ ...withOrders(found, orders), failure: done.value.unrecorded }, plan, look);
}

function ordersOf({ drain, cancel }: Plan & { kind: 'shrink' }): Orders {
  return { drain, end: [], cancel, onlyPending: true };
}

async function withPlan(
  found: SiteReport,
  plan: Plan,
  input: PassInput,
  host: LoginHost,
  look: JudgedLook,
  context: Context,
): Promise<SiteReport> {
  const submitting = plan.kind === 'submit' ? plan.count : 0;
  const shrinking = plan.kind === 'shrink' ? ordersOf(plan) : { drain: [], end: [], cancel: [] };
  const fit = submitting > 0 ? await wouldFit(input, host, submitting, look, context) : ok(nothingNew);
  const { submit, ship, heldBack } = fit.ok ? fit.value : { ...nothingNew, submit: submitting };
  const planned = { ...plannedBy(shrinking), submit, ship };
  const failure = fit.ok ? heldBack : fit.failure;
  return explained({ ...found, planned, failure }, plan, look);
}

/** What a submission would come to: pilots, what is sent before, and why they are fewer than were wanted. */
interface Foreseen {
  submit: number;
  ship: readonly PlannedShipment[];
  heldBack: Failure | null;
}

const nothingNew: Foreseen = { submit: 0, ship: [], heldBack: null };

/** What a submission would come to, or fail for: on this side, for what is in neither place, or in the queues. */
async function wouldFit(
  input: PassInput,
  host: LoginHost,
  count: number,
  look: JudgedLook,
  context: Context,
): Promise<Result<Foreseen>> {
  const fit = fitToSubmit(input, look);
  if (!fit.ok) return fit;
  const missing = await missingThere(input.profile, fit.value, look, { shipped: false }, input);
  if (!missing.ok) return missing;
  const asking = { ...input, job: fit.value, host, keeps: false, avoid: look.restraint.avoided };
  const submissions = await submissionsFor(asking, count, look, context);
  if (!submissions.ok) return submissions;
  const { heldBack } = submissions.value;
  return ok({ submit: pilotsIn(submissions.value), ship: wouldShip(missing.value), heldBack });
}

/** State and reason, from what was found and done. */
function explained(report: SiteReport, plan: Plan, { census, restraint }: JudgedLook): SiteReport {
  const { state, reason } = standing(report, plan, census, restraint);
  const why = report.reason ?? reason ?? limitWords(plan, drainedBy(plan, report));
  const words = [why, nodeWords(restraint)].filter((one) => one !== null);
  return { ...report, state, reason: words.length === 0 ? null : words.join('; ') };
}

function drainedBy(plan: Plan, { pilots }: SiteReport): number {
  return plan.kind === 'shrink' ? nodesOf(pilots.filter(({ id }) => plan.drain.includes(id))) : 0;
}
