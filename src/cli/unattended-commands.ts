import { Option } from 'commander';
import type { Adder } from './command-adder.ts';
import type { GlobalOptions, Run } from './request.ts';
import {
  allowExpiring,
  anyOwner,
  dryRun,
  every,
  everySite,
  type JobFlags,
  jobOptions,
  refreshFlag,
} from './shared-options.ts';

/** Passes that nobody watches: `keep` as a service, and cron's line. */
export function addUnattended(program: Adder): void {
  program.add<JobFlags & { all?: boolean; every: number; refresh?: boolean }>(
    'keep [sites...]',
    'passes until it is ended, as a service; reads the profiles anew for each, and ends after the one it is at',
    (sites, flags) =>
      async ({ configDir, dataDir, context, screen }) => {
        const { keepSites } = await import('../commands/keep.ts');
        const { shownAlready } = await import('./outcome.ts');
        const { passPrinter } = await import('./pass-printing.ts');
        const { every: everySeconds, refresh = false, all = sites.length === 0 } = flags;
        const options = { configDir, dataDir, sites, all, refresh, dryRun: false };
        const how = { ...options, everySeconds, ...jobOptions(flags) };
        const kept = await keepSites(how, passPrinter(screen, dataDir, context), context);
        return kept.ok ? { ok: true, value: shownAlready } : kept;
      },
    [everySite, every('5m'), refreshFlag, anyOwner, allowExpiring],
  );
  const cron = program.group('cron', 'the line by which cron makes passes');
  cron.add<CronFlags>(
    'install [sites...]',
    'write it, or write it anew; no other line is touched',
    cronRun('installCron'),
    [everySite, every('10m'), cronTable, dryRun],
  );
  cron.add<CronFlags>('remove', 'take it out again', cronRun('removeCron'), [cronTable, dryRun]);
  const systemd = new Option('--systemd', 'print a unit for systemd instead, which runs `glidein keep`');
  cron.add<CronFlags>('show [sites...]', 'print it', cronRun('showCron'), [
    systemd,
    everySite,
    every('10m'),
    cronTable,
  ]);
}

interface CronFlags extends JobFlags, GlobalOptions {
  all?: boolean;
  every?: number;
  systemd?: boolean;
  table?: 'crontab' | 'scrontab';
}

const cronTable = new Option('--table <program>', "whose table: cron's own, or Slurm's").choices([
  'crontab',
  'scrontab',
]);

function cronRun(what: 'installCron' | 'removeCron' | 'showCron') {
  return (sites: string[], flags: CronFlags): Run =>
    async ({ configDir }) => {
      const cron = await import('../commands/cron.ts');
      const { cronOutcome, unitOutcome } = await import('./cron-outcome.ts');
      const { env, execPath: node, argv } = process;
      const askedConfigDir = flags.configDir ?? env['GLIDEIN_CONFIG_DIR'] ?? null;
      const start = { node, program: argv[1] ?? '', env, askedConfigDir };
      const { all = false, every: seconds = 600, table = null, dryRun: dry = false } = flags;
      const options = { configDir, sites, all, everyMinutes: seconds / 60, table, start, dryRun: dry };
      return flags.systemd ? unitOutcome(await cron.cronJob(options)) : cronOutcome(await cron[what](options), dry);
    };
}
