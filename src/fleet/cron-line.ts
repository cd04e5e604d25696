import { createHash } from 'node:crypto';
import { commandLine } from '../shell.ts';

/** What cron is to run, and when. Pure. */

export interface CronJob {
  /** How often, in minutes: divides an hour, or is hours that divide a day. */
  everyMinutes: number;
  /** Absolute paths of node and of this program. */
  node: string;
  program: string;
  /** The command's own words. */
  words: readonly string[];
  /** What it needs of the environment; cron has next to none. */
  env: Readonly<Record<string, string>>;
  /** Of which line of ours it is the next version. */
  mark: string;
  /** What makes machines and people begin at other minutes. */
  who: string;
}

/** How often a table can say that something is to be done: what divides an hour or a day. */
export const possibleMinutes = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440];

/** vixie-cron and its kin take commands up to 998 characters. */
const longestCommand = 990;

/**
 * The line, as Latin-1 text like the table. `env` runs the command, so that it does not matter which shell the table names;
 * `%` would be a line end to cron. Where there is no room for all of PATH, it is the usual one.
 */
export function cronLine(job: CronJob): string {
  const whole = command(job);
  const short = command({ ...job, env: { ...job.env, PATH: shortPath(job) } });
  return `${when(job)} ${whole.length <= longestCommand ? whole : short}`;
}

function command({ node, program, words, env, mark }: CronJob): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const text = commandLine(['/usr/bin/env', mark, ...variables, node, program, ...words]).replaceAll('%', '\\%');
  return Buffer.from(text, 'utf8').toString('latin1');
}

function shortPath({ node }: CronJob): string {
  return [...new Set([node.slice(0, node.lastIndexOf('/')), '/usr/local/bin', '/usr/bin', '/bin'])].join(':');
}

/** Minutes and hours one by one: not every cron takes `7-59/10`. */
function when({ everyMinutes, who }: CronJob): string {
  if (everyMinutes === 1) return '* * * * *';
  const offset = createHash('sha256').update(who).digest().readUInt32BE(0) % everyMinutes;
  if (everyMinutes <= 60) return `${series(offset, everyMinutes, 60)} * * * *`;
  return `${offset % 60} ${series(Math.floor(offset / 60), everyMinutes / 60, 24)} * * *`;
}

function series(first: number, step: number, end: number): string {
  return Array.from({ length: Math.ceil((end - first) / step) }, (_, at) => first + at * step).join(',');
}

/** The mark of the line for profiles in this directory: each has a line of its own. */
export function markFor(configDir: string): string {
  return `GLIDEIN_CRON=${createHash('sha256').update(configDir).digest('hex').slice(0, 8)}`;
}

/**
 * What a command of this program needs that cron does not give it. An agent's socket below `/tmp` goes with the login that
 * made it, and is not taken.
 */
export function cronEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const path = (env['PATH'] ?? '').split(':').filter((one) => one.startsWith('/') && !one.includes('\n'));
  const kept: Record<string, string> = { PATH: [...new Set(path)].join(':') };
  for (const name of ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'SSH_AUTH_SOCK']) {
    const value = env[name];
    if (value === undefined || !value.startsWith('/') || value.includes('\n')) continue;
    if (name !== 'SSH_AUTH_SOCK' || outlivesLogin(value)) kept[name] = value;
  }
  return kept;
}

/** Whether an agent's socket is likely to be there, under the same name, when nobody is logged in. */
export function outlivesLogin(socket: string): boolean {
  return !/^\/(?:tmp|var\/tmp|private|var\/folders)\//.test(socket);
}
