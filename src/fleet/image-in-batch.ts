import { randomBytes } from 'node:crypto';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { lastWords, plainLine } from '../login/builder-words.ts';
import type { BuiltOnHost } from '../login/building.ts';
import {
  buildJob,
  buildsDirectory,
  type JobProgress,
  type RoomWanted,
  readBuildJob,
  workingWord,
} from '../login/building-job.ts';
import { headOf } from '../login/node-facts.ts';
import type { ShortJobLook, ShortJobSettings } from '../login/short-job.ts';
import { buildNameOf, newTag } from '../pilot/tag.ts';
import type { BatchJob } from '../schedulers/scheduler.ts';
import { quote } from '../shell.ts';
import type { Transport } from '../transports/transport.ts';
import { inTime, longestWaitSeconds } from './job-wait.ts';
import { runShortJob, type ShortJobEnd, submitCommandFor } from './short-job-run.ts';
import { renderedJob } from './site-job.ts';

/** An image that a batch job builds, where the login host forbids it. */

/** What is to be built there. */
export interface BatchBuild {
  name: string;
  source: string;
  /** Where the image is to be. */
  directory: string;
  uri: string;
  options: readonly string[];
  runtimes: readonly string[];
  room: RoomWanted;
  configDir: string;
  dataDir: string;
  /** The longest that the job may wait for its node. */
  waitSeconds: number;
}

/** The wall clock that is asked for, where pilots have no shorter one. */
const usualSeconds = 3_600;
/** Most of a build is one program that compresses, on as many cores as there are. */
const fewCores = 2;
const someMemoryMB = 4_000;

/** Builds it; the image is there whole, or nothing is. */
export async function buildInBatch(
  transport: Transport,
  profile: Profile,
  build: BatchBuild,
  context: Context,
): Promise<Result<BuiltOnHost>> {
  const longestSeconds = Math.min(profile.scheduler.walltimeSeconds, usualSeconds);
  const settings = await jobSettings(profile, build, asked(profile, longestSeconds), context);
  if (!settings.ok) return settings;
  const { tag, jobName } = settings.value;
  let last: JobProgress | null = null;
  const hear = ({ answer }: ShortJobLook): JobProgress | null => {
    const progress = readBuildJob(answer, tag);
    const detail = plainLine(progress?.at ?? '');
    if (detail !== '') context.emit({ kind: 'step', site: profile.name, step: 'build', detail });
    last = progress ?? last;
    return progress !== null && isOver(progress) ? progress : null;
  };
  const order = { settings: settings.value, jobName, waitSeconds: build.waitSeconds, longestSeconds, hear };
  const end = await runShortJob(transport, profile, order, context);
  tellLeftover(end, profile, context);
  if (end.kind === 'answered' && end.value.built !== null)
    return ok({ ...end.value.built, version: (end.value.runtime ?? '').replace(' version ', ' ') });
  return failed(failureOf(end, { site: profile.name, build, last, longestSeconds }));
}

function isOver({ built, failed: end, hasNoRuntime, isUnwritable, noRoom }: JobProgress): boolean {
  return built !== null || end !== null || hasNoRuntime || isUnwritable || noRoom !== null;
}

function asked({ name, scheduler }: Profile, walltimeSeconds: number): Partial<BatchJob> {
  const { cores, memoryMB, skip } = scheduler;
  return {
    ...{ name: buildNameOf(name), walltimeSeconds, nodes: 1, cores: Math.min(cores ?? fewCores, fewCores) },
    memoryMB: Math.min(memoryMB ?? someMemoryMB, someMemoryMB),
    // By which each batch system would be asked for all of a node.
    skip: [...skip, 'exclusive', 'place', 'x', 'pe'],
  };
}

async function jobSettings(
  profile: Profile,
  build: BatchBuild,
  asks: Partial<BatchJob>,
  context: Context,
): Promise<Result<ShortJobSettings>> {
  // Of the pilots' script the directives alone are wanted, and no image that there may not be yet.
  const imageless = { ...profile, image: { ...profile.image, name: null, remotePath: `${build.directory}/none.sif` } };
  const quiet = { ...context, emit: () => {} };
  const job = await renderedJob(imageless, { ...build, anyOwner: false }, quiet, asks);
  if (!job.ok) return job;
  const site = `${buildsDirectory}-${profile.name}`;
  const place = { kind: buildsDirectory, tag: newTag(site, randomBytes(10)) };
  const pilots = job.value.script(place.tag);
  if (!pilots.ok) return pilots;
  const { connection, pilot } = profile;
  const { submit: submitSeconds, list: listSeconds } = connection.timeouts;
  const head = headOf(pilots.value);
  const { jobDir } = connection;
  return ok({
    ...{ ...place, site, jobName: buildNameOf(profile.name), listSeconds, submitSeconds },
    leavings: [workingWord(build.directory, place.tag)],
    script: buildJob({ ...build, head, tag: place.tag, jobDir, modules: pilot.modules, scratch: pilot.scratch }),
    submitCommand: submitCommandFor(profile, job.value, place),
  });
}

function tellLeftover(end: ShortJobEnd<JobProgress>, { name: site }: Profile, context: Context): void {
  if (end.kind === 'failed' || end.became !== 'unknown') return;
  const text = `whether the job ${end.job} was ended is not known: it ends by itself`;
  context.emit({ kind: 'warning', site, text });
}

function cancelledWords({ became }: { became: string }): string {
  return became === 'cancelled' ? '; it was cancelled' : '';
}

// ---- What went wrong ----

interface Built {
  site: string;
  build: BatchBuild;
  /** The last that was heard of it. */
  last: JobProgress | null;
  longestSeconds: number;
}

function failureOf(end: ShortJobEnd<JobProgress>, built: Built): Failure {
  const { site, build, last, longestSeconds } = built;
  const again = `glidein image build --on ${site} --batch --source ${quote(build.source)}`;
  switch (end.kind) {
    case 'failed':
      return end.failure;
    case 'answered':
      return nodesFailure(end.value, built);
    case 'unseen': {
      const said = `the scheduler did not say whether it took the job, and does not list it: ${end.said}`;
      return notBuilt(built, said, `${again}   (later; should the job turn up, that ends it)`);
    }
    case 'not started': {
      const said = `the job ${end.job} did not start within ${inTime(build.waitSeconds)}: it ${end.standing}${cancelledWords(end)}`;
      const longer = inTime(Math.min(build.waitSeconds * 6, longestWaitSeconds));
      return notBuilt(built, said, `${again} --wait ${longer}   (or when the queue is shorter)`);
    }
    case 'not ended':
      return notBuilt(
        built,
        `the job ${end.job} was not done in ${inTime(longestSeconds)}${cancelledWords(end)}`,
        again,
      );
    case 'mute': {
      const where = end.node === null ? '' : ` on ${end.node}`;
      const said = end.words === '' ? '' : `: ${end.words}`;
      if (last !== null) return notBuilt(built, `the job ${end.job} was ended${where}${said}`, again);
      const hint = `glidein check ${site} --node   (whether nodes see connection.jobDir)`;
      return notBuilt(built, `the job ${end.job} ended${where} without a word${said}`, hint);
    }
  }
}

function notBuilt({ site, build: { name, source } }: Built, said: string, hint?: string): Failure {
  return { kind: 'build-failed', site, name, source, said, ...(hint === undefined ? {} : { hint }) };
}

/** What a job has said that did not come to an image. */
function nodesFailure({ node, failed: end, hasNoRuntime, noRoom }: JobProgress, built: Built): Failure {
  const { site, build } = built;
  if (noRoom !== null) {
    const { key, ...room } = noRoom;
    return { kind: 'no-space', site, what: `building ${build.name}`, node: { name: node, key }, ...room };
  }
  if (hasNoRuntime) {
    const what = `there is none of ${build.runtimes.join(', ')} on the node ${node}`;
    const hint = `glidein site set ${site} pilot.runtime=/path/to/apptainer   (or pilot.modules)`;
    return { kind: 'login-host-unusable', site, what, said: '', hint };
  }
  if (end === null) {
    const what = `an image cannot be built in ${build.directory} on the node ${node} (is the disk or the quota full?)`;
    return { kind: 'login-host-unusable', site, what, said: '' };
  }
  return notBuilt(
    built,
    lastWords(end.log.split(/[\r\n]+/)) || `it ended with ${end.code}`,
    `glidein image build --on ${site} --batch --source ${quote(build.source)} --verbose`,
  );
}
