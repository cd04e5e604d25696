import { mkdirSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { dataDirectory } from '../config/directories.ts';
import { withFileLock } from '../config/file-lock.ts';
import { systemReason, unusable } from '../config/local-file.ts';
import { listSites, loadProfile } from '../config/store.ts';
import { failed, ok, type Result } from '../failure.ts';
import type { Chosen } from '../fleet/choose-sites.ts';
import {
  type CronJob,
  cronEnvironment,
  cronLine,
  markFor,
  outlivesLogin,
  possibleMinutes,
} from '../fleet/cron-line.ts';
import { lineIn, withLine, withoutLine } from '../fleet/crontab-text.ts';
import { type CronProgram, readTable, writeTable } from '../fleet/user-crontab.ts';

/** How this program was started: cron has to start it in the same way. */
export interface OwnStart {
  node: string;
  program: string;
  env: NodeJS.ProcessEnv;
  /** The directory that `--config-dir` or GLIDEIN_CONFIG_DIR named. */
  askedConfigDir: string | null;
}

export interface CronOptions extends Chosen {
  configDir: string;
  everyMinutes: number;
  /** Null: Slurm's where the sites are all on this cluster and it has one, else cron's own. */
  table: CronProgram | null;
  start: OwnStart;
  dryRun: boolean;
}

/** What became of our line. */
export interface CronReport {
  table: CronProgram;
  /** Null: there is none. */
  line: string | null;
  outcome: 'installed' | 'replaced' | 'unchanged' | 'removed' | 'shown';
  /** An agent that cron will not find, by its socket. */
  lostAgent: string | null;
}

/** Writes the line by which cron makes passes, in place of the one that was there. No other line is touched. */
export async function installCron(options: CronOptions): Promise<Result<CronReport>> {
  const job = await cronJob(options);
  if (!job.ok) return job;
  const line = cronLine(job.value);
  const lostAgent = lostAgentIn(options.start.env);
  return changed(options, (table) => ({
    text: withLine(table, job.value.mark, line),
    report: (before) => ({
      line,
      lostAgent,
      outcome: before === null ? 'installed' : before === line ? 'unchanged' : 'replaced',
    }),
  }));
}

/** Takes our line out again. */
export function removeCron(options: CronOptions): Promise<Result<CronReport>> {
  return changed(options, (table) => ({
    text: withoutLine(table, markFor(options.configDir)),
    report: (before) => ({ line: before, lostAgent: null, outcome: before === null ? 'unchanged' : 'removed' }),
  }));
}

/** Our line as it is there. */
export async function showCron(options: CronOptions): Promise<Result<CronReport>> {
  const program = await tableFor(options);
  const table = await readTable(program);
  if (!table.ok) return table;
  return ok({
    table: program,
    line: lineIn(table.value, markFor(options.configDir)),
    outcome: 'shown',
    lostAgent: null,
  });
}

/** How cron, or a service, is to call this program for these sites. */
export async function cronJob(options: CronOptions): Promise<Result<CronJob>> {
  const { configDir, sites, everyMinutes, start } = options;
  if (!possibleMinutes.includes(everyMinutes)) return badInterval(everyMinutes);
  const known = sites.length > 0 ? await allKnown(configDir, sites) : await someKnown(configDir);
  if (!known.ok) return known;
  const { askedConfigDir, node, program, env } = start;
  const where = askedConfigDir === null ? [] : ['--config-dir', configDir];
  const words = ['top-up', ...(sites.length > 0 ? sites : ['--all']), '--quiet', ...where];
  const who = `${hostname()} ${userInfo().username} ${configDir}`;
  const needed = { ...cronEnvironment(env), ...otherHome(env) };
  return ok({ everyMinutes, node, program, words, env: needed, mark: markFor(configDir), who });
}

/** Cron sets HOME to what the system says. */
function otherHome(env: NodeJS.ProcessEnv): Record<string, string> {
  const home = env['HOME'];
  return home === undefined || home === userInfo().homedir ? {} : { HOME: home };
}

function lostAgentIn(env: NodeJS.ProcessEnv): string | null {
  const socket = env['SSH_AUTH_SOCK'];
  return socket === undefined || outlivesLogin(socket) ? null : socket;
}

function badInterval(minutes: number): Result<never> {
  const near = possibleMinutes.findLast((one) => one <= minutes) ?? 1;
  const message = `cron cannot say "every ${minutes} minutes": it has to divide an hour or a day`;
  return failed({ kind: 'usage', message, hint: `glidein cron install --every ${near}m` });
}

async function allKnown(configDir: string, sites: readonly string[]): Promise<Result<null>> {
  for (const site of sites) {
    const profile = await loadProfile(configDir, site);
    if (!profile.ok) return profile;
  }
  return ok(null);
}

async function someKnown(configDir: string): Promise<Result<null>> {
  const known = await listSites(configDir);
  if (!known.ok) return known;
  if (known.value.length > 0) return ok(null);
  return failed({ kind: 'usage', message: 'no site has a profile yet', hint: 'glidein site import FILE' });
}

interface Change {
  text: string;
  /** What it comes to, by the line that was there before. */
  report(before: string | null): Omit<CronReport, 'table'>;
}

async function changed(options: CronOptions, change: (table: string) => Change): Promise<Result<CronReport>> {
  const program = await tableFor(options);
  return underLock(options.start.env, async () => {
    const table = await readTable(program);
    if (!table.ok) return table;
    const { text, report } = change(table.value);
    const done = options.dryRun || text === table.value ? ok(null) : await writeTable(program, text);
    return done.ok ? ok({ table: program, ...report(lineIn(table.value, markFor(options.configDir))) }) : done;
  });
}

/** Of all that this person starts, whatever its profiles: there is one table. */
async function underLock<T>(env: NodeJS.ProcessEnv, work: () => Promise<Result<T>>): Promise<Result<T>> {
  const { GLIDEIN_CONFIG_DIR: _asked, ...rest } = env;
  const file = join(dataDirectory({ configDir: null }, { ...rest, HOME: homedir() }), 'crontab');
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  } catch (error) {
    return unusable(dirname(file), systemReason(error));
  }
  return withFileLock(file, work);
}

/** Slurm's own table runs what is in it wherever there is room, so it is for sites that need no SSH. */
async function tableFor({ configDir, sites, table }: CronOptions): Promise<CronProgram> {
  if (table !== null) return table;
  const listed = sites.length > 0 ? ok(sites) : await listSites(configDir);
  const profiles = await Promise.all((listed.ok ? listed.value : []).map((site) => loadProfile(configDir, site)));
  const isHere = profiles.map(
    (one) => one.ok && one.value.connection.transport === 'local' && one.value.scheduler.kind === 'slurm',
  );
  if (isHere.length === 0 || isHere.includes(false)) return 'crontab';
  return (await readTable('scrontab')).ok ? 'scrontab' : 'crontab';
}
