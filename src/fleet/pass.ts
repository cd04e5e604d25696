import type { Context } from '../context.ts';
import { type Failure, ok, type Result } from '../failure.ts';
import type { Census } from '../login/census.ts';
import type { Diary, LoginHost, Orders } from '../login/login-host.ts';
import type { Look } from '../login/observation.ts';
import type { Forgotten } from '../login/remote-programs.ts';
import type { Transport } from '../transports/transport.ts';
import { notesOf, plannedBy, reportOf, withOrders } from './orders.ts';
import type { Plan } from './plan.ts';
import { doubtWords, limitWords } from './plan-words.ts';
import { forgetQueues } from './queue-knowledge.ts';
import { type Missing, missingThere, placesOf, type ShippingState, ship, wouldShip } from './shipping.ts';
import type { SiteAccess } from './site-connection.ts';
import type { SiteJob } from './site-job.ts';
import { openSession } from './site-login.ts';
import { failureReport, nodesOf, type PlannedShipment, type SiteReport, stateOf } from './site-report.ts';
import {
  afterSubmitting,
  fitToSubmit,
  lostWhileSubmitting,
  pilotsIn,
  submissionsFor,
  warnOfPulling,
} from './submission.ts';

/** One pass over one site: connect, lock, look, decide, act, report (docs/design.md, "The way of a pass"). */
export interface PassInput extends SiteAccess {
  /** What to do, from what is there. */
  decide(census: Census): Plan;
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
  const opened = await openSession(transport, profile, { purpose: input.dryRun ? 'look' : 'change' }, context);
  if (!opened.ok) return giveUp(opened.failure);
  await using host = opened.value;
  const locked = input.dryRun ? ok(undefined) : await host.lock();
  if (!locked.ok) return giveUp(locked.failure);
  for (let tries = 0; tries < maxFenceTries; tries += 1) {
    const look = await host.look();
    if (!look.ok) return giveUp(look.failure);
    const end = await act(input, host, look.value, shipping, context);
    if (end !== 'fenced') return end;
  }
  return giveUp({ kind: 'fence-lost', site: profile.name, tries: maxFenceTries });
}

async function act(
  input: PassInput,
  host: LoginHost,
  look: Look,
  shipping: ShippingState,
  context: Context,
): Promise<SessionEnd | 'fenced'> {
  const plan = input.decide(look.census);
  const found = reportOf(input.profile, look.census);
  if (input.dryRun) return { kind: 'report', report: await withPlan(found, plan, input, host, look, context) };
  if (plan.kind === 'submit') return submit(input, plan, host, look, shipping, context);
  if (plan.kind === 'shrink') return shrink(plan, host, look, found);
  return finish(host, look, found, plan);
}

/** Ends a session in which nothing is done about the site, or nothing can be: what was found out is written down. */
async function finish(host: LoginHost, look: Look, report: SiteReport, plan: Plan): Promise<SessionEnd> {
  const recorded = await host.record(diaryOf(look, { acts: false }));
  const failure = report.failure ?? (recorded.ok ? null : recorded.failure);
  return ended({ ...report, failure }, plan, look);
}

function ended(report: SiteReport, plan: Plan, look: Look): SessionEnd {
  return { kind: 'report', report: explained(report, plan, look.census) };
}

/** What is written down anyway also clears away what is old; for that alone, only when it is worth a program. */
function diaryOf(look: Look, { acts }: { acts: boolean }): Diary {
  const { notes } = look.census;
  const old = toForget(look);
  return { notes, forget: acts || notes.length > 0 || old.length >= 20 ? old : [] };
}

async function submit(
  input: PassInput,
  plan: Plan & { kind: 'submit' },
  host: LoginHost,
  look: Look,
  shipping: ShippingState,
  context: Context,
): Promise<SessionEnd | 'fenced'> {
  const found = reportOf(input.profile, look.census);
  const fit = fitToSubmit(input, look);
  if (!fit.ok) return finish(host, look, { ...found, failure: fit.failure }, plan);
  const missing = await missingThere(input.profile, fit.value, look, shipping, input);
  if (!missing.ok) return finish(host, look, { ...found, failure: missing.failure }, plan);
  if (missing.value !== null) return { kind: 'ship', missing: missing.value };
  const asking = { ...input, job: fit.value, host, keeps: true };
  const submissions = await submissionsFor(asking, plan.count, look, context);
  if (!submissions.ok) return finish(host, look, { ...found, failure: submissions.failure }, plan);
  const { planned, heldBack } = submissions.value;
  if (planned.length === 0) return finish(host, look, { ...found, failure: heldBack }, plan);
  await warnOfPulling(input, context);
  const answers = await host.submit(planned, look.census.abandoned, diaryOf(look, { acts: true }));
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

async function shrink(
  plan: Plan & { kind: 'shrink' },
  host: LoginHost,
  look: Look,
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

async function withPlan(
  found: SiteReport,
  plan: Plan,
  input: PassInput,
  host: LoginHost,
  look: Look,
  context: Context,
): Promise<SiteReport> {
  const submitting = plan.kind === 'submit' ? plan.count : 0;
  const shrinking = plan.kind === 'shrink' ? ordersOf(plan) : { drain: [], end: [], cancel: [] };
  const fit = submitting > 0 ? await wouldFit(input, host, submitting, look, context) : ok(nothingNew);
  const { submit, ship, heldBack } = fit.ok ? fit.value : { ...nothingNew, submit: submitting };
  const planned = { ...plannedBy(shrinking), submit, ship };
  const failure = fit.ok ? heldBack : fit.failure;
  const state = failure === null ? stateAfter(found) : stateOf(failure);
  return { ...found, planned, failure, state, reason: limitWords(plan, drainedBy(plan, found)) };
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
  look: Look,
  context: Context,
): Promise<Result<Foreseen>> {
  const fit = fitToSubmit(input, look);
  if (!fit.ok) return fit;
  const missing = await missingThere(input.profile, fit.value, look, { shipped: false }, input);
  if (!missing.ok) return missing;
  const submissions = await submissionsFor({ ...input, job: fit.value, host, keeps: false }, count, look, context);
  if (!submissions.ok) return submissions;
  const { heldBack } = submissions.value;
  return ok({ submit: pilotsIn(submissions.value), ship: wouldShip(missing.value), heldBack });
}

/** State and reason, from what was found and done. */
function explained(report: SiteReport, plan: Plan, census: Census): SiteReport {
  const state = report.failure === null ? stateAfter(report) : stateOf(report.failure);
  return { ...report, state, reason: report.reason ?? doubtWords(census) ?? limitWords(plan, drainedBy(plan, report)) };
}

function drainedBy(plan: Plan, { pilots }: SiteReport): number {
  return plan.kind === 'shrink' ? nodesOf(pilots.filter(({ id }) => plan.drain.includes(id))) : 0;
}

function stateAfter(report: SiteReport): SiteReport['state'] {
  return report.counts.inDoubt > 0 ? 'doubt' : 'ok';
}
