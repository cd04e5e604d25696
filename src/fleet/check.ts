import type { Profile } from '../config/schema.ts';
import type { Context, Step } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { isoTime } from '../iso-time.ts';
import type { LoginHost } from '../login/login-host.ts';
import { distributionsIn } from '../login/observation.ts';
import { chooseWay, openTransport } from '../transports/index.ts';
import type { Transport } from '../transports/transport.ts';
import { broken, type CheckStep, doubtful, fine } from './check-steps.ts';
import { distributionToShip } from './distribution.ts';
import { failedStep, type Journey, journeySteps, secondsBetween } from './journey.ts';
import { endpointOf } from './login-host-of.ts';
import { loginBrake } from './login-memory.ts';
import { fitToken, renderedJob } from './site-job.ts';
import { judged, type SeenThere } from './site-judgement.ts';
import { openSession } from './site-login.ts';

/** Tries out everything a site's pilots need, over one connection: one try to log in, whatever comes of it. */

export interface CheckPlaces {
  configDir: string;
  dataDir: string;
}

/** The steps from the token on that somebody came to, in no order. Fails only when it was interrupted. */
export async function check(profile: Profile, places: CheckPlaces, context: Context): Promise<Result<CheckStep[]>> {
  const before = [await tokenStep(profile, context), await jobStep(profile, places.configDir, context)];
  const there = await stepsThere(profile, places.dataDir, context);
  const found = [...before, ...there];
  const interrupted = found.map(({ said }) => ('failure' in said ? said.failure : null)).find(isInterruption);
  if (context.signal.aborted || interrupted !== undefined) return failed({ kind: 'interrupted' });
  return ok(found);
}

function isInterruption(failure: Failure | null): boolean {
  return failure?.kind === 'interrupted';
}

async function tokenStep(profile: Profile, context: Context): Promise<CheckStep> {
  const began = context.now();
  const token = await fitToken(profile, { allowExpiring: false }, context);
  const seconds = secondsBetween(began, context.now());
  if (!token.ok) return { step: 'token', seconds, ...broken(token.failure) };
  const { file, facts } = token.value;
  const end = isoTime(facts.expiresAt);
  return {
    step: 'token',
    seconds,
    ...fine(`${file}: for ${facts.issuer}, ${end === null ? 'without an end' : `good until ${end}`}`),
  };
}

async function jobStep(profile: Profile, configDir: string, context: Context): Promise<CheckStep> {
  const began = context.now();
  const warnings: string[] = [];
  const job = await renderedJob(profile, { configDir, anyOwner: false }, hearing(context, warnings));
  const seconds = secondsBetween(began, context.now());
  if (!job.ok) return { step: 'job', seconds, ...broken(job.failure) };
  const lines = [job.value.owners, `jobs' own containers: ${job.value.containers}`, ...warnings].join('\n');
  const verdict = warnings.length === 0 ? fine(lines) : doubtful(lines);
  return { step: 'job', seconds, ...verdict };
}

/** The same context, whose warnings are told elsewhere. */
function hearing(context: Context, warnings: string[]): Context {
  const emit: Context['emit'] = (event) =>
    event.kind === 'warning' ? void warnings.push(event.text) : context.emit(event);
  return { ...context, emit };
}

async function stepsThere(profile: Profile, dataDir: string, context: Context): Promise<CheckStep[]> {
  const began: Partial<Record<Step, number>> = {};
  const watched = noting(context, began);
  const endpoint = endpointOf(profile);
  const way = await chooseWay(profile.connection.transport, endpoint, watched);
  const journey: Journey = {
    ...{ choice: way.ok ? way.value : null, began, answeredAt: null, wasOpen: false },
    ...{ target: null, failure: way.ok ? null : way.failure },
  };
  if (!way.ok) return journeySteps(journey);
  // A person asks: what was refused before may be tried once more, and is forgotten when it goes well.
  const brake = loginBrake(profile, dataDir, { byPerson: true }, watched);
  const opened = await openTransport(profile.connection.transport, endpoint, watched, brake);
  if (!opened.ok) return sessionless({ ...journey, failure: opened.failure });
  const { chosen, why, transport } = opened.value;
  await using connection = transport;
  const { target, openSince } = connection;
  const onTheWay = { ...journey, choice: { chosen, why }, target, wasOpen: openSince !== undefined };
  // Awaited here: the connection is closed when this returns.
  return await stepsInSession(connection, profile, onTheWay, watched);
}

/** Notes when steps begin for the first time. */
function noting(context: Context, began: Partial<Record<Step, number>>): Context {
  const emit: Context['emit'] = (event) => {
    if (event.kind === 'step') began[event.step] ??= context.now();
    context.emit(event);
  };
  return { ...context, emit };
}

async function stepsInSession(
  transport: Transport,
  profile: Profile,
  journey: Journey,
  context: Context,
): Promise<CheckStep[]> {
  const opened = await openSession(transport, profile, { purpose: 'check' }, context);
  const answeredAt = context.now();
  if (!opened.ok) return sessionless({ ...journey, failure: opened.failure });
  await using host = opened.value;
  const shellSeconds = secondsBetween(journey.began.hello, answeredAt);
  const seen = await seenThere(host, profile, shellSeconds);
  return [...journeySteps({ ...journey, answeredAt }), ...judged(seen)];
}

/** A shell that does not answer is a step of its own. */
function sessionless(journey: Journey): CheckStep[] {
  const { failure } = journey;
  const isShell = failure !== null && failedStep(failure) === 'shell';
  const steps = journeySteps(journey);
  return isShell ? [...steps, { step: 'shell', seconds: null, ...broken(failure) }] : steps;
}

async function seenThere(host: LoginHost, profile: Profile, shellSeconds: number | null): Promise<SeenThere> {
  const facts = await host.facts(runtimesOf(profile));
  const distribution = await distributionToShip(profile, distributionsIn(facts.parts));
  return { profile, facts, noise: host.noise, shellSeconds, distribution };
}

function runtimesOf({ pilot }: Profile): string[] {
  return pilot.runtime === 'auto' ? ['apptainer', 'singularity'] : [pilot.runtime];
}
