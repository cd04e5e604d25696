import { Option } from 'commander';
import type { Adder } from './command-adder.ts';
import { everySite, lastDays } from './shared-options.ts';

/** What passes found and did before: `history` of one site, `report` of several. */
export function addPast(program: Adder): void {
  program.add<{ days: number }>(
    'history <site>',
    'what passes from this machine found and did: pilots against the target, waits, lifetimes, ends',
    ([site = ''], { days }) =>
      async ({ configDir, dataDir, context }) => {
        const { siteHistory } = await import('../commands/history.ts');
        const { historyOutcome } = await import('./history-outcome.ts');
        return historyOutcome(await siteHistory({ configDir, dataDir, site, days }, context));
      },
    [lastDays(7)],
  );
  program.add<{ all?: boolean; days: number; html?: string }>(
    'report [sites...]',
    'the same of several sites, each and together; with --html as a page with charts',
    (sites, { all = false, days, html = null }) =>
      async ({ configDir, dataDir, context }) => {
        const { reportSites } = await import('../commands/report.ts');
        const { reportOutcome } = await import('./report-outcome.ts');
        const { reportPage } = await import('./report-page.ts');
        const options = { configDir, dataDir, sites, all, days, html };
        return reportOutcome(await reportSites(options, reportPage, context));
      },
    [
      everySite,
      lastDays(30),
      new Option('--html <file>', 'write one page that needs nothing else, and print its name'),
    ],
  );
}
