import type { Profile } from '../config/schema.ts';
import type { Context, Step } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { isoTime } from '../iso-time.ts';
import type { LoginHost } from '../login/login-host.ts';
import { distributionsIn } from '../login/observation.ts';
import { registryAddress } from '../pilot/pool-hosts.ts';
import { chooseWay, openTransport } from '../transports/index.ts';
import type { LoginBrake } from '../transports/login-brake.ts';
import type { Transport } from '../transports/transport.ts';
import { type FirstConnection, tryAddresses } from './address-check.ts';
import { broken, type CheckStep, doubtful, fine, needless, type StepName, untried } from './check-steps.ts';
import { distributionToShip } from './distribution.ts';
import { hearing } from './heard-warnings.ts';
import { failedStep, type Journey, journeySteps, secondsBetween } from './journey.ts';
import { endpointOf } from './login-host-of.ts';
import { loginBrake } from './login-memory.ts';
import { tryNode } from './node-check.ts';
import { type SiteImage, siteImage } from './site-image.ts';
import { fitToken, renderedJob } from './site-job.ts';
import { judged, type SeenThere } from './site-judgement.ts';
import { openSession } from './site-login.ts';

/** Tries out everything a site's pilots need, over one connection: one try to log in, whatever comes of it. */

export interface CheckPlaces {
  configDir: string;
  dataDir: string;
  /** The longest that a job may wait for a node to try out; null: no node is. */
  nodeWaitSeconds: number | null;
}

/** The steps from the token on that somebody came to, in no order. Fails only when it was interrupted. */
export async function check(profile: Profile, places: CheckPlaces, context: Context): Promise<Result<CheckStep[]>> {
  const before = [await tokenStep(profile, context), await jobStep(profile, places, context)];
  const there = await stepsThere(profile, places, context);
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

async function jobStep(profile: Profile, places: CheckPlaces, context: Context): Promise<CheckStep> {
  const began = context.now();
  const warnings: string[] = [];
  const job = await renderedJob(profile, { ...places, anyOwner: false }, hearing(context, warnings));
  const seconds = secondsBetween(began, context.now());
  if (!job.ok) return { step: 'job', seconds, ...broken(job.failure) };
  const lines = [job.value.owners, `jobs' own containers: ${job.value.containers}`, ...warnings].join('\n');
  const verdict = warnings.length === 0 ? fine(lines) : doubtful(lines);
  return { step: 'job', seconds, ...verdict };
}

async function stepsThere(profile: Profile, places: CheckPlaces, context: Context): Promise<CheckStep[]> {
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
  const brake = heardBrake(loginBrake(profile, places.dataDir, { byPerson: true }, watched));
  const opened = await openTransport(profile.connection.transport, endpoint, watched, brake);
  if (!opened.ok) return sessionless({ ...journey, failure: opened.failure });
  const { chosen, why, transport } = opened.value;
  await using connection = transport;
  const { target, openSince } = connection;
  const onTheWay = { ...journey, choice: { chosen, why }, target, wasOpen: openSince !== undefined };
  // Awaited here: the connection is closed when this returns.
  const found = await stepsInSession(connection, profile, places.dataDir, onTheWay, watched);
  const canBeRepeated = !onTheWay.wasOpen && !brake.tookPerson();
  const first = { transport: connection, brake, canBeRepeated };
  const addresses = await addressesStep(first, profile, { chosen, found }, watched);
  return [...found, ...addresses, ...(await stepsOnNode(connection, profile, { places, found }, watched))];
}

/** The same brake, which tells afterwards whether a person had to give something. */
function heardBrake(brake: LoginBrake): LoginBrake & { tookPerson(): boolean } {
  let took = false;
  return {
    holds: () => brake.holds(),
    async learn(end) {
      if (end.kind === 'logged in' && end.person !== null) took = true;
      await brake.learn(end);
    },
    tookPerson: () => took,
  };
}

async function addressesStep(
  first: FirstConnection,
  profile: Profile,
  { chosen, found }: { chosen: string; found: readonly CheckStep[] },
  context: Context,
): Promise<CheckStep[]> {
  if (chosen === 'local') return [{ step: 'addresses', seconds: null, ...needless('this machine is the login host') }];
  return wentWell(['shell', 'directories', 'lock'], found)
    ? [await tryAddresses(first, profile, hearing(context, []))]
    : [];
}

function wentWell(names: readonly StepName[], found: readonly CheckStep[]): boolean {
  return names.every((name) =>
    found.some(({ step, state, said }) => step === name && state !== 'failed' && said !== untried.said),
  );
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
  dataDir: string,
  journey: Journey,
  context: Context,
): Promise<CheckStep[]> {
  const opened = await openSession(transport, profile, { purpose: 'check' }, context);
  const answeredAt = context.now();
  if (!opened.ok) return sessionless({ ...journey, failure: opened.failure });
  await using host = opened.value;
  const shellSeconds = secondsBetween(journey.began.hello, answeredAt);
  const seen = await seenThere(host, profile, dataDir, shellSeconds);
  return [...journeySteps({ ...journey, answeredAt }), ...judged(seen)];
}

/** What a job needs to be submitted at all; and where nobody sees the queue, none is. */
const neededForJobs: readonly StepName[] = [
  ...(['shell', 'directories', 'scheduler', 'listing', 'queue', 'account', 'cores'] as const),
];

async function stepsOnNode(
  connection: Transport,
  profile: Profile,
  { places, found }: { places: CheckPlaces; found: readonly CheckStep[] },
  context: Context,
): Promise<CheckStep[]> {
  const { configDir, dataDir, nodeWaitSeconds: waitSeconds } = places;
  if (waitSeconds === null || !wentWell(neededForJobs, found)) return [];
  // What sessions warn of the first one has told.
  const tried = await tryNode(connection, profile, { configDir, dataDir, waitSeconds }, hearing(context, []));
  return tried.ok ? tried.value : [{ step: 'node', seconds: null, ...broken(tried.failure) }];
}

/** A shell that does not answer is a step of its own. */
function sessionless(journey: Journey): CheckStep[] {
  const { failure } = journey;
  const isShell = failure !== null && failedStep(failure) === 'shell';
  const steps = journeySteps(journey);
  return isShell ? [...steps, { step: 'shell', seconds: null, ...broken(failure) }] : steps;
}

async function seenThere(
  host: LoginHost,
  profile: Profile,
  dataDir: string,
  shellSeconds: number | null,
): Promise<SeenThere> {
  const image = await siteImage(profile, { dataDir });
  const facts = await host.facts({ runtimes: runtimesOf(profile), outside: outsideOf(image) });
  const distribution = await distributionToShip(profile, distributionsIn(facts.parts));
  return { profile, facts, noise: host.noise, shellSeconds, image, distribution };
}

/** Where jobs would pull their image from; the login node itself needs nothing of the outside. */
function outsideOf(image: Result<SiteImage>) {
  return image.ok && image.value.kind === 'pulled' ? registryAddress(image.value.uri) : null;
}

function runtimesOf({ pilot }: Profile): string[] {
  return pilot.runtime === 'auto' ? ['apptainer', 'singularity'] : [pilot.runtime];
}
