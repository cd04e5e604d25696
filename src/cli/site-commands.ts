import type { Adder } from './command-adder.ts';
import { dryRun, type JobFlags } from './shared-options.ts';

/** `site`: profiles. */
export function addSiteCommands(program: Adder): void {
  const site = program.group('site', 'profiles: where pilots run, and for whom');
  site.add('list', 'the sites that have a profile', () => async ({ configDir }) => {
    const { siteList } = await import('../commands/site-list.ts');
    const { listOutcome } = await import('./site-outcomes.ts');
    return listOutcome(await siteList({ configDir }));
  });
  site.add(
    'show <site>',
    'a profile as it is understood, with its defaults',
    ([name = '']) =>
      async ({ configDir }) => {
        const { siteShow } = await import('../commands/site-show.ts');
        const { showOutcome } = await import('./site-outcomes.ts');
        return showOutcome(await siteShow({ configDir, site: name }));
      },
  );
  site.add('export <site>', 'a profile as it was written', ([name = '']) => async ({ configDir }) => {
    const { siteExport } = await import('../commands/site-export.ts');
    const { exportOutcome } = await import('./site-outcomes.ts');
    return exportOutcome(await siteExport({ configDir, site: name }));
  });
  addSiteChanges(site);
}

function addSiteChanges(site: Adder): void {
  site.add<JobFlags>(
    'import <file>',
    'take a profile from a file (- for stdin); replaces a site of the same name',
    ([file = ''], flags) =>
      async ({ configDir, readStdin }) => {
        const { siteImport } = await import('../commands/site-import.ts');
        const { importOutcome } = await import('./site-outcomes.ts');
        const text = file === '-' ? await readStdin() : null;
        const name = file === '-' ? 'standard input' : file;
        return importOutcome(await siteImport({ configDir, file: name, text, dryRun: flags.dryRun ?? false }));
      },
    [dryRun],
  );
  site.add<JobFlags>(
    'set <site> <assignments...>',
    'change keys: KEY=VALUE, dotted keys, VALUE as JSON, else text; null takes a key away',
    ([name = '', ...assignments], flags) =>
      async ({ configDir }) => {
        const { siteSet } = await import('../commands/site-set.ts');
        const { setOutcome } = await import('./site-outcomes.ts');
        return setOutcome(await siteSet({ configDir, site: name, assignments, dryRun: flags.dryRun ?? false }));
      },
    [dryRun],
  );
  site.add<JobFlags>(
    'remove <site>',
    'forget a profile on this machine; pilots on the cluster run on',
    ([name = ''], flags) =>
      async ({ configDir }) => {
        const { siteRemove } = await import('../commands/site-remove.ts');
        const { removeOutcome } = await import('./site-outcomes.ts');
        return removeOutcome(await siteRemove({ configDir, site: name, dryRun: flags.dryRun ?? false }));
      },
    [dryRun],
  );
}
