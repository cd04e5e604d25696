import { randomBytes } from 'node:crypto';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { headOf, longestTrialSeconds, nodeProgram, trialsDirectory } from '../login/node-facts.ts';
import { NodeTrial, type TrialSettings } from '../login/node-trial.ts';
import { placeWord } from '../login/trial-programs.ts';
import { pidNamespaceSwitch } from '../pilot/environment.ts';
import { poolHosts, proxyAddress, registryAddress } from '../pilot/pool-hosts.ts';
import { newTag, trialNameOf } from '../pilot/tag.ts';
import type { BatchJob } from '../schedulers/scheduler.ts';
import type { Transport } from '../transports/transport.ts';
import { broken, type CheckStep, type Verdict } from './check-steps.ts';
import { nodeStep, Waiting } from './node-wait.ts';
import type { RenderedJob } from './rendered-job.ts';
import { renderedJob } from './site-job.ts';
import { openSession } from './site-login.ts';
import { schedulerOf } from './site-scheduler.ts';

/**
 * What pilots need, tried out from a compute node by a short job: submitted, waited for, and gone again however this ends.
 * It is none of the site's pilots, and takes no lock: passes go on beside it.
 */

/** What a person says of it on the command line. */
export interface NodeOptions {
  configDir: string;
  /** The longest that the job may wait for its node. */
  waitSeconds: number;
}

/** The node's steps, in no order. Fails only when it was interrupted. */
export async function tryNode(
  transport: Transport,
  profile: Profile,
  options: NodeOptions,
  context: Context,
): Promise<Result<CheckStep[]>> {
  const settings = await trialSettings(profile, options.configDir, context);
  if (!settings.ok) return ok([nodeStep(broken(settings.failure))]);
  // What was submitted is ended first: until then an interruption is only noted.
  const guarded = new Guard(context);
  const lastsSeconds = options.waitSeconds + 3 * longestTrialSeconds;
  const opened = await openSession(transport, profile, { purpose: 'check', lastsSeconds }, guarded.context);
  if (!opened.ok) return opened.failure.kind === 'interrupted' ? opened : ok([nodeStep(broken(opened.failure))]);
  await using host = opened.value;
  const trial = new NodeTrial(host, schedulerOf(profile), settings.value);
  guarded.holdOff();
  // Awaited here: the session ends when this returns.
  return await submitAndWait(new Waiting(trial, profile, options.waitSeconds, context));
}

/** A context that an interruption does not end while it is held off. */
class Guard {
  readonly context: Context;
  private readonly stop = new AbortController();
  private isHeldOff = false;

  constructor(context: Context) {
    this.context = { ...context, signal: this.stop.signal };
    const end = () => {
      if (!this.isHeldOff) this.stop.abort();
    };
    context.signal.addEventListener('abort', end, { once: true });
    if (context.signal.aborted) end();
  }

  holdOff(): void {
    this.isHeldOff = true;
  }
}

// ---- The job ----

/** Ten minutes of one core and little memory, where the pilots go: with all else that these ask for. */
function asked(profile: Profile): Partial<BatchJob> {
  const { memoryMB, skip } = profile.scheduler;
  return {
    name: trialNameOf(profile.name),
    walltimeSeconds: longestTrialSeconds,
    ...{ nodes: 1, cores: 1, memoryMB: Math.min(memoryMB ?? smallMemoryMB, smallMemoryMB) },
    // By which each batch system would be asked for all of a node.
    skip: [...skip, 'exclusive', 'place', 'x', 'pe'],
  };
}

const smallMemoryMB = 2_000;

async function trialSettings(profile: Profile, configDir: string, context: Context): Promise<Result<TrialSettings>> {
  const job = await renderedJob(profile, { configDir, anyOwner: false }, context, asked(profile));
  if (!job.ok) return job;
  const site = `${trialsDirectory}-${profile.name}`;
  const tag = newTag(site, randomBytes(10));
  const script = job.value.script(tag);
  if (!script.ok) return script;
  const { submit, list } = profile.connection.timeouts;
  return ok({
    ...{ tag, site, jobName: trialNameOf(profile.name), listSeconds: list, submitSeconds: submit },
    script: nodeProgram({ ...wantedOf(profile), tag, head: headOf(script.value) }),
    submitCommand: submitCommandFor(profile, job.value, tag),
  });
}

/** What the batch system prints goes where the answer does: nothing of it stays. */
function submitCommandFor(profile: Profile, job: RenderedJob, tag: string): string {
  const submission = { ...job.submission(tag, 1), array: false, logDirWord: placeWord(tag) };
  return schedulerOf(profile).submitCommand(job.batchJob, submission);
}

function wantedOf({ connection, pilot, image, scheduler }: Profile) {
  const registry = registryAddress(image.source);
  return {
    ...{ jobDir: connection.jobDir, logDir: pilot.logDir, image: image.remotePath ?? image.source },
    ...{ modules: pilot.modules, runtime: pilot.runtime, scratch: pilot.scratch, gpus: scheduler.gpus > 0 },
    pidNamespaces: scheduler.gpus === 0 && pilot.env[pidNamespaceSwitch] !== 'true',
    repositories: pilot.cvmfsOptions?.repos ?? [],
    squid: pilot.squid === null ? null : proxyAddress(pilot.squid),
    pool: poolHosts(pilot.env),
    registry: registry === null ? [] : [registry],
  };
}

// ---- The wait ----

async function submitAndWait(waiting: Waiting): Promise<Result<CheckStep[]>> {
  const { trial, profile, context } = waiting;
  context.emit({ kind: 'step', site: profile.name, step: 'submit' });
  const submitted = await trial.submit();
  if (!submitted.ok) return ok([nodeStep(broken(submitted.failure))]);
  const refused = refusalIn(submitted.value, profile);
  if (refused !== null) {
    await trial.end({ cancels: false });
    return ok([nodeStep(refused)]);
  }
  if (submitted.value.kind === 'inDoubt') waiting.doubt = submitted.value.text;
  context.emit({ kind: 'step', site: profile.name, step: 'node' });
  const outcome = await waiting.untilOver();
  if (outcome.kind === 'lost') return ok(outcome.steps);
  const ended = await trial.end({ cancels: outcome.cancels && !(await waiting.isOver(outcome)) });
  if (outcome.kind === 'interrupted') return failed({ kind: 'interrupted' });
  const isEnded =
    ended.ok && ended.value.kind === 'done' && (trial.id !== null || !outcome.cancels || outcome.isAnswered);
  if (!isEnded) return ok(outcome.steps.map(withEnding(leftover(trial))));
  return ok(outcome.cancels && !outcome.isAnswered ? outcome.steps.map(withEnding('it was cancelled')) : outcome.steps);
}

type Submitted = Extract<Awaited<ReturnType<NodeTrial['submit']>>, { ok: true }>['value'];

function refusalIn(outcome: Submitted, profile: Profile): Verdict | null {
  const site = profile.name;
  switch (outcome.kind) {
    case 'unwritable': {
      const what = `nothing can be written to ${profile.connection.jobDir}`;
      return broken({ kind: 'login-host-unusable', site, what, said: outcome.said });
    }
    case 'refused':
      return broken({ kind: 'submit-refused', site, refusal: outcome.refusal, said: outcome.text });
    default:
      return null;
  }
}

/** What is told of a job that may still be there. */
function leftover({ id }: NodeTrial): string {
  return `whether ${id === null ? 'it' : `the job ${id}`} was ended is not known: it ends by itself`;
}

/** What became of the job is told with the step that is about it. */
function withEnding(words: string): (step: CheckStep) => CheckStep {
  return (step) => {
    if (step.step !== 'node' || 'failure' in step.said) return step;
    return { ...step, said: { ...step.said, message: `${step.said.message}; ${words}` } };
  };
}
