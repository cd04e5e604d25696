import { randomBytes } from 'node:crypto';
import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { jobsFor } from '../fleet/jobs-for.ts';
import { type JobOptions, renderedJob } from '../fleet/site-job.ts';
import { schedulerOf } from '../fleet/site-scheduler.ts';
import { newTag } from '../pilot/tag.ts';

export interface RenderOptions extends JobOptions {
  site: string;
  /** How many pilots; null: one job. */
  count: number | null;
}

/** The job as it would be submitted. `command` reads `script` on stdin, in a POSIX shell on the login host. */
export interface RenderReport {
  site: string;
  command: string;
  script: string;
  /** Who may run jobs on the pilots, in words. */
  owners: string;
  /** Whether the containers that jobs bring will work in the pilots, in words. */
  containers: string;
}

/** Renders a site's job. Opens no connection and reads no token. */
export async function renderJob(options: RenderOptions, context: Context): Promise<Result<RenderReport>> {
  const profile = await loadProfile(options.configDir, options.site);
  if (!profile.ok) return profile;
  const jobs = jobsFor(profile.value, options.count, 'render');
  if (!jobs.ok) return jobs;
  const job = await renderedJob(profile.value, options, context);
  if (!job.ok) return job;
  const submission = job.value.submission(newTag(options.site, randomBytes(10)), jobs.value);
  const script = job.value.script(submission.tag);
  if (!script.ok) return script;
  const command = schedulerOf(profile.value).submitCommand(job.value.batchJob, submission);
  const { owners, containers } = job.value;
  return ok({ site: options.site, command, script: script.value, owners, containers });
}
