import type { Profile } from '../config/schema.ts';
import { loadTemplate, type Template } from '../config/templates.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { DescribedPilot, PilotValues } from '../pilot/pilot-values.ts';
import { newTag } from '../pilot/tag.ts';
import { directiveRefusal } from '../schedulers/directive-line.ts';
import type { BatchJob, Submission } from '../schedulers/scheduler.ts';
import { openTemplate } from '../script/open-template.ts';
import { renderScript } from '../script/render.ts';
import type { TemplateSource } from '../script/template-source.ts';
import { type ScriptValues, usualPace } from '../script/values.ts';
import { quotePath } from '../shell.ts';
import { distributionOnCluster } from './distribution.ts';
import { imageInJob, siteImage } from './site-image.ts';
import { batchJobOf, schedulerOf } from './site-scheduler.ts';

/** A profile's job: how it becomes a script and a submission. */
export interface RenderedJob {
  batchJob: BatchJob;
  submission(tag: string, count: number): Submission;
  script(tag: string): Result<string>;
  /** Who may run jobs on the pilots, in words: `only jobs of ada`. */
  owners: string;
  /** Whether the containers that jobs bring will work in the pilots, in words. */
  containers: string;
}

/**
 * Renders the job. It is rendered once here, so that no mistake in a template is left for later. `asked`: what is asked of
 * the batch system otherwise than for pilots.
 */
export async function rendered(
  profile: Profile,
  pilot: DescribedPilot,
  places: { configDir: string; dataDir: string },
  asked: Partial<BatchJob> = {},
): Promise<Result<RenderedJob>> {
  const text = await loadTemplate(places.configDir, profile.scheduler.kind);
  if (!text.ok) return text;
  const template = await openTemplate(templateSource(text.value));
  if (!template.ok) return template;
  const distribution = await distributionOnCluster(profile);
  if (!distribution.ok) return distribution;
  const image = await siteImage(profile, places);
  if (!image.ok) return image;
  const batchJob = { ...batchJobOf(profile), ...asked };
  const directives = carriedDirectives(profile, batchJob);
  if (!directives.ok) return directives;
  const common = {
    ...commonValues(profile),
    ...pilot.values,
    image: imageInJob(image.value),
    cvmfsDistribution: distribution.value,
    directives: directives.value,
  };
  const script = (tag: string) => renderScript(template.value, { ...common, tag });
  const trial = script(newTag(profile.name, new Uint8Array(10)));
  if (!trial.ok) return trial;
  const submission = (tag: string, count: number): Submission => ({
    tag,
    count,
    array: profile.scheduler.arrays,
    logDirWord: quotePath(profile.pilot.logDir),
    scriptWord: quotePath(`${profile.connection.remoteDir}/jobs/${tag}.sh`),
  });
  return ok({ batchJob, submission, script, owners: pilot.words, containers: pilot.containers });
}

/** The directives, each of which the batch system reads as it is written. */
function carriedDirectives(profile: Profile, batchJob: BatchJob): Result<readonly string[]> {
  const scheduler = schedulerOf(profile);
  const directives = scheduler.directives(batchJob);
  for (const line of directives) {
    const refusal = directiveRefusal(scheduler, line);
    const reason = `the directive ${line} cannot be carried exactly: ${refusal}`;
    if (refusal !== null) return failed({ kind: 'value-refused', site: profile.name, key: 'scheduler', reason });
  }
  return ok(directives);
}

function templateSource(template: Template): TemplateSource {
  const { pilot, cvmfs } = template.partials;
  return {
    template: { name: template.file, text: template.text },
    partials: {
      pilot: { name: pilot.file, text: pilot.text },
      cvmfs: { name: cvmfs.file, text: cvmfs.text },
    },
  };
}

type CommonValues = Omit<ScriptValues, 'tag' | 'directives' | 'image' | 'cvmfsDistribution' | keyof PilotValues>;

function commonValues(profile: Profile): CommonValues {
  const { connection, pilot } = profile;
  return {
    site: profile.name,
    severalNodes: profile.scheduler.nodesPerJob > 1,
    jobDir: connection.jobDir,
    logDir: pilot.logDir,
    cpus: pilot.cpus,
    memoryMB: pilot.memoryMB,
    modules: pilot.modules,
    runtime: pilot.runtime,
    scratch: pilot.scratch,
    ...usualPace,
  };
}
