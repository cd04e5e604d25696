import type { Profile } from '../config/schema.ts';
import { loadTemplate, type Template } from '../config/templates.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { type PilotInput, type PilotValues, pilotValues } from '../pilot/pilot-values.ts';
import { jobNameOf, newTag } from '../pilot/tag.ts';
import { checkToken, type TokenFacts } from '../pilot/token.ts';
import type { BatchJob, Submission } from '../schedulers/scheduler.ts';
import { renderScript } from '../script/render.ts';
import { type ScriptValues, usualPace } from '../script/values.ts';
import { quotePath } from '../shell.ts';
import { schedulerOf } from './site-login.ts';
import { readToken } from './site-token.ts';

/** A profile's job: how it becomes a script and a submission. */
export interface RenderedJob {
  batchJob: BatchJob;
  submission(tag: string, count: number): Submission;
  script(tag: string): Result<string>;
  /** Who may run jobs on the pilots, in words: `only jobs of ada`. */
  owners: string;
}

/** A job that can be submitted: it is rendered, and the token is fit for it. */
export interface SiteJob extends RenderedJob {
  /** The token's text. */
  token: string;
}

/** What a person says of a job on the command line. */
export interface JobOptions {
  configDir: string;
  /** Typed each time; nothing remembers it. */
  anyOwner: boolean;
  allowExpiring: boolean;
}

/** The job and its token. Fails for what is wrong with either before any connection is opened. */
export async function siteJob(profile: Profile, options: JobOptions, context: Context): Promise<Result<SiteJob>> {
  const job = await renderedJob(profile, options, context);
  if (!job.ok) return job;
  const token = await fitToken(profile, options, context);
  return token.ok ? ok({ ...job.value, token: token.value.text }) : token;
}

/** The job alone. It is rendered once here, so that no mistake in it is left for later. */
export async function renderedJob(
  profile: Profile,
  options: Pick<JobOptions, 'configDir' | 'anyOwner'>,
  context: Context,
): Promise<Result<RenderedJob>> {
  const template = await loadTemplate(options.configDir, profile.scheduler.kind);
  if (!template.ok) return template;
  const pilot = pilotValues(pilotInput(profile, options.anyOwner));
  if (!pilot.ok) return pilot;
  for (const text of pilot.value.warnings) context.emit({ kind: 'warning', site: profile.name, text });
  const batchJob = batchJobOf(profile);
  const common = {
    ...commonValues(profile),
    ...pilot.value.values,
    directives: schedulerOf(profile).directives(batchJob),
  };
  const script = (tag: string) => renderScript(templateSource(template.value), { ...common, tag });
  const trial = script(newTag(profile.name, new Uint8Array(10)));
  if (!trial.ok) return trial;
  const submission = (tag: string, count: number): Submission => ({
    tag,
    count,
    array: profile.scheduler.arrays,
    logDirWord: quotePath(profile.pilot.logDir),
  });
  return ok({ batchJob, submission, script, owners: pilot.value.words });
}

/** Whether the pilot that a profile describes can be: what its values would be refused for, before anybody renders it. */
export function checkPilot(profile: Profile): Result<void> {
  const pilot = pilotValues(pilotInput(profile, false));
  return pilot.ok ? ok(undefined) : pilot;
}

function templateSource(template: Template) {
  return {
    template: { name: template.file, text: template.text },
    partials: { pilot: { name: template.partials.pilot.file, text: template.partials.pilot.text } },
  };
}

function batchJobOf(profile: Profile): BatchJob {
  const { walltimeSeconds, queue, account, project, qos, constraint, reservation } = profile.scheduler;
  const { cores, memoryMB, extra, skip } = profile.scheduler;
  const name = jobNameOf(profile.name);
  return { name, walltimeSeconds, queue, account, project, qos, constraint, reservation, cores, memoryMB, extra, skip };
}

function pilotInput(profile: Profile, anyOwner: boolean): PilotInput {
  const { owners, projects, startExtra, resource, idleMinutes, drainMinutes, squid, env, attributes, binds, cvmfs } =
    profile.pilot;
  return {
    site: profile.name,
    anyOwner,
    pilotSite: profile.pilot.site,
    walltimeSeconds: profile.scheduler.walltimeSeconds,
    ...{ owners, projects, startExtra, resource, idleMinutes, drainMinutes, squid, env, attributes, binds, cvmfs },
  };
}

type CommonValues = Omit<ScriptValues, 'tag' | 'directives' | keyof PilotValues>;

function commonValues(profile: Profile): CommonValues {
  const { connection, pilot, image } = profile;
  return {
    site: profile.name,
    jobDir: connection.jobDir,
    logDir: pilot.logDir,
    image: image.remotePath ?? image.source,
    cpus: pilot.cpus,
    memoryMB: pilot.memoryMB,
    modules: pilot.modules,
    runtime: pilot.runtime,
    scratch: pilot.scratch,
    gpus: false,
    ...usualPace,
  };
}

/** A token that a submission may use. */
export interface FitToken {
  file: string;
  text: string;
  facts: TokenFacts;
}

/** Reads and checks the site's token: it must be there, private, a token, and outlive a pilot that starts now. */
export async function fitToken(
  profile: Profile,
  { allowExpiring }: { allowExpiring: boolean },
  context: Context,
): Promise<Result<FitToken>> {
  const token = await readToken(profile);
  if (!token.ok) return token;
  const { file, text } = token.value;
  const nowSeconds = Math.floor(context.now() / 1000);
  const wallClockEndSeconds = nowSeconds + profile.scheduler.walltimeSeconds;
  const check = checkToken(text, { nowSeconds, wallClockEndSeconds, allowExpiring });
  if (check.ok) return ok({ file, text, facts: check.facts });
  return failed({ kind: 'token-unusable', site: profile.name, file, problem: check.problem, detail: check.detail });
}
