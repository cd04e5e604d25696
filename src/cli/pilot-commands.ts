import { Option } from 'commander';
import type { Result } from '../failure.ts';
import type { SiteReport } from '../fleet/site-report.ts';
import type { Adder } from './command-adder.ts';
import type { Outcome } from './outcome.ts';
import type { GlobalOptions } from './request.ts';
import {
  allowExpiring,
  anyOwner,
  dryRun,
  everySite,
  howMany,
  type JobFlags,
  jobOptions,
  refreshFlag,
} from './shared-options.ts';

/** What there is to do with pilots: render, submit, top up, drain, cancel; and to let a paused site go on. */
export function addPilotCommands(program: Adder): void {
  program.add<JobFlags & { count?: number }>(
    'render <site>',
    'print exactly the job script; the submit command goes to stderr; opens no connection',
    ([site = ''], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { renderJob } = await import('../commands/render.ts');
        const { renderOutcome } = await import('./job-outcomes.ts');
        const options = { configDir, dataDir, site, count: flags.count ?? null, ...jobOptions(flags) };
        return renderOutcome(await renderJob(options, context));
      },
    [howMany, anyOwner],
  );
  addSubmissions(program);
  addDrain(program);
  addResume(program);
  program.add<JobFlags & { all?: boolean; pending?: boolean }>(
    'cancel <site> [ids...]',
    'end pilots at once: running jobs die with them (drain lets them finish)',
    ([site = '', ...ids], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { cancelPilots } = await import('../commands/cancel.ts');
        const { pending = false, all = false, dryRun: dry = false } = flags;
        return worded(cancelPilots({ configDir, dataDir, site, ids, pending, all, dryRun: dry }, context));
      },
    [
      new Option('--pending', 'all that have not started'),
      new Option('--all', 'all of the site, running ones too'),
      dryRun,
    ],
  );
}

function addSubmissions(program: Adder): void {
  program.add<JobFlags & { count?: number }>(
    'submit <site>',
    'submit pilots once, now, whatever the target',
    ([site = ''], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { submitPilots } = await import('../commands/submit.ts');
        const options = {
          configDir,
          dataDir,
          site,
          count: flags.count ?? null,
          dryRun: flags.dryRun ?? false,
          ...jobOptions(flags),
        };
        return worded(submitPilots(options, context));
      },
    [howMany, anyOwner, allowExpiring, dryRun],
  );
  program.add<JobFlags & GlobalOptions & { all?: boolean; refresh?: boolean }>(
    'top-up [sites...]',
    'one pass: bring each site nearer its target, never above; what cron calls',
    (sites, flags) =>
      async ({ configDir, dataDir, context }) => {
        const { topUpSites } = await import('../commands/top-up.ts');
        const options = {
          configDir,
          dataDir,
          sites,
          all: flags.all ?? false,
          dryRun: flags.dryRun ?? false,
          refresh: flags.refresh ?? false,
          ...jobOptions(flags),
        };
        if (!flags.quiet || flags.dryRun || flags.json) return worded(topUpSites(options, context));
        const reports = await topUpSites(options, context);
        const { quietOutcome } = await import('./quiet-outcome.ts');
        return quietOutcome(reports, dataDir, context);
      },
    [everySite, refreshFlag, anyOwner, allowExpiring, dryRun],
  );
}

function addDrain(program: Adder): void {
  program.add<JobFlags & { all?: boolean }>(
    'drain <site> [ids...]',
    'let pilots finish their jobs and take no new ones; those that have not started are cancelled',
    ([site = '', ...ids], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { drainPilots } = await import('../commands/drain.ts');
        const { all = false, dryRun: dry = false } = flags;
        return worded(drainPilots({ configDir, dataDir, site, ids, all, dryRun: dry }, context));
      },
    [new Option('--all', 'all of the site'), dryRun],
  );
}

function addResume(program: Adder): void {
  program.add<JobFlags>(
    'resume <site>',
    'submit again after the site was paused because submissions were refused or pilots died',
    ([site = ''], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { resumeSite } = await import('../commands/resume.ts');
        return worded(resumeSite({ configDir, dataDir, site, dryRun: flags.dryRun ?? false }, context));
      },
    [dryRun],
  );
}

/** The words for it are loaded when the work is done: before, they would only hold it up. */
async function worded(work: Promise<Result<SiteReport[]>>): Promise<Result<Outcome>> {
  const reports = await work;
  const { sitesOutcome } = await import('./pass-outcome.ts');
  return sitesOutcome(reports);
}
