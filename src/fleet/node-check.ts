import { randomBytes } from 'node:crypto';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { headOf, longestTrialSeconds, nodeProgram, readAnswer, trialsDirectory } from '../login/node-facts.ts';
import type { ShortJobLook, ShortJobSettings } from '../login/short-job.ts';
import { pidNamespaceSwitch } from '../pilot/environment.ts';
import { poolHosts, proxyAddress, registryAddress } from '../pilot/pool-hosts.ts';
import { newTag, trialNameOf } from '../pilot/tag.ts';
import type { BatchJob } from '../schedulers/scheduler.ts';
import type { Transport } from '../transports/transport.ts';
import { broken, type CheckStep } from './check-steps.ts';
import { type NodeAnswer, nodeStep, stepsOf } from './node-steps.ts';
import { runShortJob, submitCommandFor } from './short-job-run.ts';
import { imageInJob, type SiteImage, siteImage } from './site-image.ts';
import { renderedJob } from './site-job.ts';

/** What pilots need, tried out from a compute node by a short job of ten minutes. */

/** What a person says of it on the command line. */
export interface NodeOptions {
  configDir: string;
  dataDir: string;
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
  const image = await siteImage(profile, options);
  if (!image.ok) return ok([nodeStep(broken(image.failure))]);
  const settings = await trialSettings(profile, image.value, options, context);
  if (!settings.ok) return ok([nodeStep(broken(settings.failure))]);
  const { tag, jobName } = settings.value;
  const { waitSeconds } = options;
  const hear = ({ answer, atSeconds: readAtSeconds }: ShortJobLook): NodeAnswer | null => {
    const facts = readAnswer(answer, tag);
    return facts === null ? null : { facts, readAtSeconds };
  };
  const order = { settings: settings.value, jobName, waitSeconds, longestSeconds: longestTrialSeconds, hear };
  const end = await runShortJob(transport, profile, order, context);
  if (end.kind === 'failed' && end.failure.kind === 'interrupted') return failed(end.failure);
  return ok(stepsOf(end, { profile, image: image.value, waitSeconds }));
}

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

async function trialSettings(
  profile: Profile,
  image: SiteImage,
  { configDir, dataDir }: NodeOptions,
  context: Context,
): Promise<Result<ShortJobSettings>> {
  const job = await renderedJob(profile, { configDir, dataDir, anyOwner: false }, context, asked(profile));
  if (!job.ok) return job;
  const site = `${trialsDirectory}-${profile.name}`;
  const tag = newTag(site, randomBytes(10));
  const script = job.value.script(tag);
  if (!script.ok) return script;
  const { submit, list } = profile.connection.timeouts;
  return ok({
    ...{
      kind: trialsDirectory,
      tag,
      leavings: [],
      site,
      jobName: trialNameOf(profile.name),
      listSeconds: list,
      submitSeconds: submit,
    },
    script: nodeProgram({ ...wantedOf(profile, image), tag, head: headOf(script.value) }),
    submitCommand: submitCommandFor(profile, job.value, { kind: trialsDirectory, tag }),
  });
}

function wantedOf({ connection, pilot, image: { source }, scheduler }: Profile, image: SiteImage) {
  const registry = registryAddress(source);
  return {
    ...{ jobDir: connection.jobDir, logDir: pilot.logDir, image: imageInJob(image) },
    ...{ modules: pilot.modules, runtime: pilot.runtime, scratch: pilot.scratch, gpus: scheduler.gpus > 0 },
    pidNamespaces: scheduler.gpus === 0 && pilot.env[pidNamespaceSwitch] !== 'true',
    repositories: pilot.cvmfsOptions?.repos ?? [],
    squid: pilot.squid === null ? null : proxyAddress(pilot.squid),
    pool: poolHosts(pilot.env),
    registry: registry === null ? [] : [registry],
  };
}
