import { InvalidArgumentError, Option } from 'commander';
import type { Adder } from './command-adder.ts';
import { everySite, jobWait, usualJobWait } from './shared-options.ts';

/** What looks at a site and changes nothing there: its pilots, their logs, what they need, its queues. */
export function addLooks(program: Adder): void {
  program.add<{ all?: boolean; watch?: boolean | number }>(
    'status [sites...]',
    'what is there, against the target, and how pilots ended lately; changes nothing',
    (sites, flags) => async (world) => {
      const { statusOfSites, watchSites } = await import('../commands/status.ts');
      const { context, screen } = world;
      const { configDir, dataDir } = world;
      const options = { configDir, dataDir, sites, all: flags.all ?? false };
      if (flags.watch === undefined) {
        const reports = await statusOfSites(options, context);
        const { statusOutcome } = await import('./status-outcome.ts');
        return statusOutcome(reports, context.now());
      }
      const { watchOutcome } = await import('./status-outcome.ts');
      const { lookShower } = await import('./watch-screen.ts');
      const everySeconds = flags.watch === true ? watchSeconds : Number(flags.watch);
      return watchOutcome(await watchSites({ ...options, everySeconds }, lookShower(screen, context.now), context));
    },
    [
      everySite,
      new Option('--watch [seconds]', `look again every so many seconds (${watchSeconds}) until Ctrl-C`).argParser(
        watchInterval,
      ),
    ],
  );
  program.add<{ follow?: boolean }>(
    'logs <site> [id]',
    'what a pilot said; without ID the newest one, finished or not',
    ([site = '', id = null], flags) =>
      async (world) => {
        const { showLogs } = await import('../commands/logs.ts');
        const { logsOutcome } = await import('./logs-outcome.ts');
        const { logPrinter } = await import('./log-printing.ts');
        const { configDir, dataDir } = world;
        const options = { configDir, dataDir, site, id, follow: flags.follow ?? false };
        return logsOutcome(await showLogs(options, logPrinter(world.screen, options), world.context));
      },
    [new Option('-f, --follow', 'go on as the log grows, until the pilot ends or Ctrl-C')],
  );
  addCheck(program);
  program.add(
    'discover <site>',
    'the queues of the cluster, with what they offer and allow; changes nothing',
    ([site = '']) =>
      async ({ configDir, dataDir, context }) => {
        const { discoverSite } = await import('../commands/discover.ts');
        const { discoverOutcome } = await import('./discover-outcome.ts');
        return discoverOutcome(await discoverSite({ configDir, dataDir, site }, context));
      },
  );
}

function addCheck(program: Adder): void {
  program.add<{ node?: boolean; wait?: number }>(
    'check <site>',
    'everything a pilot needs, tried out over one connection; submits nothing without --node',
    ([site = ''], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { checkSite } = await import('../commands/check.ts');
        const { checkOutcome } = await import('./check-outcome.ts');
        const nodeWaitSeconds = flags.node ? (flags.wait ?? usualJobWait) : null;
        return checkOutcome(await checkSite({ configDir, dataDir, site, nodeWaitSeconds }, context));
      },
    [
      new Option('--node', 'from a compute node, too: submits a short job, waits for it, leaves nothing of it'),
      jobWait('node'),
    ],
  );
}

/** How often `status --watch` looks when nobody says. */
const watchSeconds = 30;

/** The word behind `--watch` is taken for its seconds, also where a site was meant. */
function watchInterval(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds. Sites stand before --watch.');
}
