import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { type DescribedPilot, type PilotInput, pilotValues } from '../pilot/pilot-values.ts';
import { checkToken, type TokenFacts } from '../pilot/token.ts';
import type { BatchJob } from '../schedulers/scheduler.ts';
import type { RenderedJob } from './rendered-job.ts';
import { chosenImage } from './site-image.ts';
import { readToken } from './site-token.ts';

/** What a site's pilots need before anything is connected or rendered: that the profile describes a pilot, and a token. */

/** What a submission needs: the job, not rendered before it is wanted, and a token that is fit for it. */
export interface SiteJob {
  /** The token's text. */
  token: string;
  render(avoid: readonly string[]): Promise<Result<RenderedJob>>;
}

/** What a person says of a job on the command line. */
export interface JobOptions {
  configDir: string;
  /** Where the images of this machine are. */
  dataDir: string;
  /** Typed each time; nothing remembers it. */
  anyOwner: boolean;
  allowExpiring: boolean;
}

/** The job and its token. Fails for what is wrong with the profile or the token before any connection is opened. */
export async function siteJob(profile: Profile, options: JobOptions, context: Context): Promise<Result<SiteJob>> {
  const pilot = describedPilot(profile, options, context);
  if (!pilot.ok) return pilot;
  const image = await chosenImage(profile, options);
  if (!image.ok) return image;
  const token = await fitToken(profile, options, context);
  if (!token.ok) return token;
  return ok({
    token: token.value.text,
    render: (avoid) => render(profile, pilot.value, options, { avoid }),
  });
}

/**
 * The job alone. It is rendered once here, so that no mistake in it is left for later. `asked`: what is asked of the batch
 * system otherwise than for pilots.
 */
export async function renderedJob(
  profile: Profile,
  options: Pick<JobOptions, 'configDir' | 'dataDir' | 'anyOwner'>,
  context: Context,
  asked: Partial<BatchJob> = {},
): Promise<Result<RenderedJob>> {
  const pilot = describedPilot(profile, options, context);
  return pilot.ok ? render(profile, pilot.value, options, asked) : pilot;
}

/** A pass that submits nothing has no use for templates and Handlebars. */
async function render(
  profile: Profile,
  pilot: DescribedPilot,
  places: Pick<JobOptions, 'configDir' | 'dataDir'>,
  asked: Partial<BatchJob> = {},
): Promise<Result<RenderedJob>> {
  const { rendered } = await import('./rendered-job.ts');
  return rendered(profile, pilot, places, asked);
}

function describedPilot(
  profile: Profile,
  { anyOwner }: Pick<JobOptions, 'anyOwner'>,
  context: Context,
): Result<DescribedPilot> {
  const pilot = pilotValues(pilotInput(profile, anyOwner));
  if (!pilot.ok) return pilot;
  for (const text of pilot.value.warnings) context.emit({ kind: 'warning', site: profile.name, text });
  return pilot;
}

/** Whether the pilot that a profile describes can be: what its values would be refused for, before anybody renders it. */
export function checkPilot(profile: Profile): Result<void> {
  const pilot = pilotValues(pilotInput(profile, false));
  return pilot.ok ? ok(undefined) : pilot;
}

function pilotInput(profile: Profile, anyOwner: boolean): PilotInput {
  const { owners, projects, startExtra, resource, idleMinutes, drainMinutes, squid, env, attributes, binds } =
    profile.pilot;
  return {
    site: profile.name,
    anyOwner,
    pilotSite: profile.pilot.site,
    walltimeSeconds: profile.scheduler.walltimeSeconds,
    gpus: profile.scheduler.gpus > 0,
    ...{ owners, projects, startExtra, resource, idleMinutes, drainMinutes, squid, env, attributes, binds },
    ...{ cvmfs: profile.pilot.cvmfs, cvmfsOptions: profile.pilot.cvmfsOptions },
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
