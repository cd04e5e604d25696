import { Command, InvalidArgumentError, Option } from 'commander';
import type { Result } from '../failure.ts';
import { examples } from './examples.ts';
import type { Outcome } from './outcome.ts';

/** Every command and flag. Commands are loaded when they are called: `--help` and `--version` load commander only. */

/** What every command accepts, before or after its name. */
export interface GlobalOptions {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  configDir?: string;
}

/** What a command line asks for. `run` is given what `cli/main.ts` built. */
export interface Request {
  options: GlobalOptions;
  run: Run;
}

/** Runs a command: `directories` says where profiles and history are. */
export type Run = (world: World) => Promise<Result<Outcome>>;

export interface World {
  context: import('../context.ts').Context;
  configDir: string;
  dataDir: string;
  /** All of standard input, for `site import -`. */
  readStdin(): Promise<string>;
  /** For commands that print as they go. */
  screen: import('./screen.ts').Screen;
}

interface JobFlags {
  anyOwner?: boolean;
  allowExpiring?: boolean;
  dryRun?: boolean;
}

/** The command line's grammar; `take` is given what was asked for. */
export function buildProgram(version: string, take: (request: Request) => void): Command {
  const program = new Command('glidein')
    .description('Turns an allocation on a batch cluster into your own slots in an HTCondor pool.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .exitOverride()
    .showSuggestionAfterError(true)
    .addHelpText('after', firstSteps);
  withGlobals(program);
  const adder = new Adder(program, take);
  addInit(adder);
  addSiteCommands(adder);
  addPilotCommands(adder);
  addLooks(adder);
  addImageCommands(adder);
  addUnattended(adder);
  addPast(adder);
  addTokenCommands(adder);
  addLogins(adder);
  addDemo(adder);
  addCompletion(adder);
  return program;
}

const firstSteps = `
First steps:
  glidein demo                        see it all on a stand-in cluster
  glidein init                        ask, look at a cluster, write its profile
  glidein site import campus.json     or take a profile from a file
  glidein token check campus          see what the token is good for
  glidein check campus                see whether it all fits: login, disk, queue, image
  glidein discover campus             see the queues, and whether the profile fits them
  glidein render campus               see the job, exactly; opens no connection
  glidein submit campus --dry-run     connect and look, change nothing
  glidein submit campus               one pilot, now
  glidein top-up campus               bring the site to its target; what cron calls

Exit codes:
  0 done   1 the scheduler refused   2 usage or configuration   3 try again later   4 paused   70 a bug   130 interrupted`;

function withGlobals(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on stdout')
    .option('-q, --quiet', 'speak only when something changed or needs you')
    .option('-v, --verbose', 'say each step on stderr')
    .option('--config-dir <dir>', 'keep profiles, templates, history below this directory (or GLIDEIN_CONFIG_DIR)');
}

/** Adds commands whose action is to ask for a run. */
class Adder {
  private readonly program: Command;
  private readonly take: (request: Request) => void;

  constructor(program: Command, take: (request: Request) => void) {
    this.program = program;
    this.take = take;
  }

  group(name: string, description: string): Adder {
    const group = withGlobals(this.program.command(name).description(description));
    return new Adder(group, this.take);
  }

  /** `run` is given the positional arguments and the command's own flags. */
  add<Flags>(
    usage: string,
    description: string,
    run: (args: string[], flags: Flags) => Run,
    flags: readonly Option[] = [],
  ): void {
    const command = withGlobals(this.program.command(usage).description(description));
    for (const flag of flags) command.addOption(flag);
    const typed = examples[[...pathOf(this.program), command.name()].join(' ')];
    if (typed !== undefined) command.addHelpText('after', `\nExamples:\n${typed.map((one) => `  ${one}`).join('\n')}`);
    command.action(() => {
      const options = command.optsWithGlobals<GlobalOptions & Flags>();
      this.take({
        options,
        run: run(
          command.processedArgs.flat().filter((arg) => arg !== undefined),
          options,
        ),
      });
    });
  }
}

/** The names that lead to a group; none for the program itself. */
function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

const dryRun = new Option('--dry-run', 'look and say what would be done, change nothing');
const anyOwner = new Option('--any-owner', "let anybody's jobs run on the pilots (must be typed each time)");
const allowExpiring = new Option('--allow-expiring', 'submit although the token expires before the wall clock ends');
const everySite = new Option('--all', 'every site that has a profile');
const refreshFlag = new Option('--refresh', 'first build the image anew where its tag stands for a newer one');
const howMany = new Option('-n, --count <N>', 'how many pilots (default: one job of them)').argParser(wholeNumber);

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 10_000)
    throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
  return value;
}

interface InitFlags extends JobFlags {
  host?: string;
  owner?: string[];
  token?: string;
  osgSite?: string;
  osgResource?: string;
  scheduler?: string;
  queue?: string;
  account?: string;
  project?: string;
  walltime?: string;
  gpus?: string;
  cores?: string;
  module?: string;
  image?: string;
  target?: string;
  set?: string[];
  replace?: boolean;
}

function saidIn(site: string | undefined, flags: InitFlags): import('../commands/init.ts').Said {
  const { host, token, osgSite, osgResource, scheduler, queue, account, project } = flags;
  const { walltime, gpus, cores, module, image, target } = flags;
  const ofPerson = { site, host, token, osgSite, osgResource, owners: flags.owner?.join(' '), target };
  return { ...ofPerson, scheduler, queue, account, project, walltime, gpus, cores, module, image };
}

/** An option that may be there several times. */
function several(flags: string, description: string): Option {
  return new Option(flags, description).argParser((one: string, before: string[] = []) => [...before, one]);
}

const initOptions = [
  new Option('--host <host>', 'the login host: a name, USER@NAME, or a Host of ~/.ssh/config'),
  several(
    '--owner <owner>',
    'whose jobs may run on the pilots (condor_q -af User, on the access point); may be repeated',
  ),
  new Option('--token <file>', 'the file with the token for the pilots'),
  new Option('--osg-site <name>', 'the site in OSG Topology that usage is credited to'),
  new Option('--osg-resource <name>', 'the resource of that site'),
  new Option('--scheduler <kind>', 'the batch system, where several are there'),
  new Option('--queue <queue>', 'the queue, or partition'),
  new Option('--account <account>', 'the account that is charged'),
  new Option('--project <project>', 'the project that is charged'),
  new Option('--walltime <walltime>', 'of a pilot, [D-]HH:MM:SS (default: two days, or what the queue allows)'),
  new Option('--gpus <N>', 'GPUs of each pilot'),
  new Option('--cores <N>', 'cores of each pilot (default: the whole node)'),
  new Option('--module <module>', 'the module that brings Apptainer or Singularity to the nodes'),
  new Option('--image <path>', 'a SIF that is on the cluster already'),
  new Option('--target <N>', 'how many pilots there should be (default: 1)'),
  several('--set <key=value>', 'any other key, as `site set` takes it; may be repeated'),
  new Option('--replace', 'a profile of the same name may be replaced'),
];

function addInit(program: Adder): void {
  program.add<InitFlags>(
    'init [site]',
    'ask, look at the cluster, and write a profile; without a terminal from options alone',
    ([site], flags) =>
      async ({ configDir, dataDir, context, screen }) => {
        const { initSite } = await import('../commands/init.ts');
        const { initVoice } = await import('./init-voice.ts');
        const { initOutcome } = await import('./init-outcome.ts');
        const { set: assignments = [], replace: replaces = false, dryRun: dry = false } = flags;
        const options = { configDir, dataDir, said: saidIn(site, flags), assignments, replaces, dryRun: dry };
        return initOutcome(await initSite(options, initVoice(screen, context.ask), context));
      },
    [...initOptions, dryRun],
  );
}

function addSiteCommands(program: Adder): void {
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

function addPilotCommands(program: Adder): void {
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
async function worded(work: Promise<Result<import('../fleet/site-report.ts').SiteReport[]>>): Promise<Result<Outcome>> {
  const reports = await work;
  const { sitesOutcome } = await import('./pass-outcome.ts');
  return sitesOutcome(reports);
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

function addLooks(program: Adder): void {
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
  program.add<{ node?: boolean; wait?: number }>(
    'check <site>',
    'everything a pilot needs, tried out over one connection; submits nothing without --node',
    ([site = ''], flags) =>
      async ({ configDir, dataDir, context }) => {
        const { checkSite } = await import('../commands/check.ts');
        const { checkOutcome } = await import('./check-outcome.ts');
        const nodeWaitSeconds = flags.node ? (flags.wait ?? nodeWait) : null;
        return checkOutcome(await checkSite({ configDir, dataDir, site, nodeWaitSeconds }, context));
      },
    [
      new Option('--node', 'from a compute node, too: submits a short job, waits for it, leaves nothing of it'),
      new Option(
        '--wait <time>',
        'how long that job may wait for its node, as in 90s, 10m, 2h (default: 10m); means --node',
      )
        .argParser(waitingTime)
        .implies({ node: true }),
    ],
  );
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

/** How long `check --node` waits when nobody says. */
const nodeWait = 600;

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** In seconds. A day is the most that a session is left open for. */
function waitingTime(text: string): number {
  const [, amount, unit = 's'] = /^(\d{1,5})([smh]?)$/.exec(text) ?? [];
  const seconds = Number(amount) * (secondsIn[unit || 's'] ?? 1);
  if (seconds >= 1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('It must be a time such as 90s, 10m or 2h, at most 24h.');
}

function addUnattended(program: Adder): void {
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

function every(usual: string): Option {
  return new Option('--every <time>', 'how often: 30s, 5m, 1h').argParser(timeSpan).default(timeSpan(usual), usual);
}

/** Seconds. */
function timeSpan(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,5})([smh])$/.exec(text) ?? [];
  const seconds = Number(count) * (unit === 's' ? 1 : unit === 'm' ? 60 : 3600);
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('It must be a time such as 30s, 5m or 1h.');
}

function addPast(program: Adder): void {
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

function lastDays(usual: number): Option {
  return new Option('--days <N>', 'how far back').argParser(wholeNumber).default(usual);
}

/** How often `status --watch` looks when nobody says. */
const watchSeconds = 30;

/** The word behind `--watch` is taken for its seconds, also where a site was meant. */
function watchInterval(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds. Sites stand before --watch.');
}

function addDemo(program: Adder): void {
  program.add(
    'demo',
    'show all of this on a stand-in cluster inside this program; needs no cluster, touches nothing of yours',
    (_args, flags: { scheduler: string }) => async (world) => {
      const { runDemo } = await import('../commands/demo.ts');
      const { demoOutcome, storyTeller } = await import('./demo-outcome.ts');
      return demoOutcome(await runDemo(flags, storyTeller(world.screen), world.context));
    },
    [new Option('--scheduler <kind>', 'whose commands the stand-in answers to').default('slurm')],
  );
}

function addImageCommands(program: Adder): void {
  const image = program.group('image', 'the image of the pilots: built once on this machine, and kept');
  addImageBuild(image);
  image.add('list', 'the images that are kept here, newest first', () => async ({ configDir, dataDir, context }) => {
    const { imageList } = await import('../commands/image-list.ts');
    const { imageListOutcome } = await import('./image-outcomes.ts');
    return imageListOutcome(await imageList({ configDir, dataDir }), context.now());
  });
  image.add(
    'check [names...]',
    'whether each is still what its tag stands for; asks the registry, pulls nothing',
    (names) =>
      async ({ configDir, dataDir, context }) => {
        const { imageCheck } = await import('../commands/image-check.ts');
        const { imageCheckOutcome } = await import('./image-outcomes.ts');
        return imageCheckOutcome(await imageCheck({ configDir, dataDir, names }, context));
      },
  );
  image.add<JobFlags & { all?: boolean }>(
    'push [sites...]',
    'bring the image of each site to its login host, where it is not there yet; goes on where a push was cut',
    (sites, flags) =>
      async ({ configDir, dataDir, context }) => {
        const { imagePush } = await import('../commands/image-push.ts');
        const { pushOutcome } = await import('./image-push-outcome.ts');
        const { all = false, dryRun: dry = false } = flags;
        return pushOutcome(await imagePush({ configDir, dataDir, sites, all, dryRun: dry }, context));
      },
    [everySite, dryRun],
  );
  image.add<JobFlags>(
    'prune',
    'remove what no profile uses; the two generations before one in use stay',
    (_args, flags) =>
      async ({ configDir, dataDir }) => {
        const { imagePrune } = await import('../commands/image-prune.ts');
        const { pruneOutcome } = await import('./image-outcomes.ts');
        return pruneOutcome(await imagePrune({ configDir, dataDir, dryRun: flags.dryRun ?? false }));
      },
    [dryRun],
  );
}

function addImageBuild(image: Adder): void {
  image.add<JobFlags & { source?: string; gpus?: boolean; runtime?: string; on?: string }>(
    'build [name]',
    "build an image with this machine's apptainer or singularity; without NAME the one of the OSG",
    ([name = null], flags) =>
      async ({ configDir, dataDir, context }) => {
        if (flags.on !== undefined)
          return builtOnSite({ ...flags, on: flags.on, name }, { configDir, dataDir }, context);
        const { imageBuild } = await import('../commands/image-build.ts');
        const { buildOutcome } = await import('./image-outcomes.ts');
        const { source = null, gpus = false, runtime = null, dryRun: dry = false } = flags;
        return buildOutcome(
          await imageBuild({ configDir, dataDir, name, source, gpus, runtime, dryRun: dry }, context),
        );
      },
    [
      new Option('--source <uri>', 'what to build it from: docker://REGISTRY/NAME:TAG or oci:/PATH'),
      new Option('--gpus', 'the image for pilots with GPUs'),
      new Option('--on <site>', 'build on the login host of a site, whose profile then names the image there'),
      new Option('--runtime <program>', 'the program that builds, where it is not on the PATH'),
      dryRun,
    ],
  );
}

interface BuildOnSiteFlags extends JobFlags {
  name: string | null;
  on: string;
  source?: string;
  gpus?: boolean;
  runtime?: string;
}

async function builtOnSite(
  { name, on: site, source, gpus = false, runtime, dryRun: dry = false }: BuildOnSiteFlags,
  directories: { configDir: string; dataDir: string },
  context: World['context'],
): Promise<Result<Outcome>> {
  const { failed } = await import('../failure.ts');
  if (name !== null || runtime !== undefined) {
    const message = 'with --on the image is known by its content, and pilot.runtime of the profile builds it';
    return failed({ kind: 'usage', message, hint: `glidein image build --on ${site} --source docker://…` });
  }
  const { imageBuildOnSite } = await import('../commands/image-build-on-site.ts');
  const { buildOnSiteOutcome } = await import('./image-outcomes.ts');
  const options = { ...directories, site, source: source ?? null, gpus, dryRun: dry };
  return buildOnSiteOutcome(await imageBuildOnSite(options, context));
}

function addCompletion(program: Adder): void {
  program.add(
    'completion <shell>',
    'print what bash, zsh or fish completes command lines with',
    ([asked = '']) =>
      async () => {
        const { completionScript, shells } = await import('./completion-scripts.ts');
        const { commandTree } = await import('./command-tree.ts');
        const { done } = await import('./outcome.ts');
        const shell = shells.find((one) => one === asked);
        if (shell === undefined) {
          const message = `there is no completion for ${asked}; there is for ${shells.join(', ')}`;
          return { ok: false, failure: { kind: 'usage', message, hint: 'glidein completion bash' } };
        }
        const script = completionScript(shell, commandTree(buildProgram('', () => undefined)));
        return { ok: true, value: done({ shell, script }, script.trimEnd()) };
      },
  );
}

function addTokenCommands(program: Adder): void {
  const token = program.group('token', 'the token with which pilots join the pool');
  token.add(
    'check <site>',
    'what the token is good for, and until when; never prints it',
    ([site = '']) =>
      async ({ configDir, context }) => {
        const { checkSiteToken } = await import('../commands/token-check.ts');
        const { tokenOutcome } = await import('./job-outcomes.ts');
        return tokenOutcome(await checkSiteToken({ configDir, site }, context));
      },
  );
}

function addLogins(program: Adder): void {
  program.add(
    'login <site>',
    'log in where the site asks for more than a key; the connection stays up for later passes, cron too',
    ([site = '']) =>
      async ({ configDir, dataDir, context }) => {
        const { loginToSite } = await import('../commands/login.ts');
        const report = await loginToSite({ configDir, dataDir, site }, context);
        const { loginOutcome } = await import('./login-outcomes.ts');
        return loginOutcome(report, context.now());
      },
  );
  program.add('logout <site>', 'close the connection that login opened', ([site = '']) => async ({ configDir }) => {
    const { logoutOfSite } = await import('../commands/logout.ts');
    const { logoutOutcome } = await import('./login-outcomes.ts');
    return logoutOutcome(await logoutOfSite({ configDir, site }));
  });
}

function jobOptions(flags: JobFlags): { anyOwner: boolean; allowExpiring: boolean } {
  return { anyOwner: flags.anyOwner ?? false, allowExpiring: flags.allowExpiring ?? false };
}
