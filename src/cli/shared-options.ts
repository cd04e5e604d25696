import { InvalidArgumentError, Option } from 'commander';

/** The options that several commands have, and how their values are read. */

/** The flags of commands that submit or change something; absent is no. */
export interface JobFlags {
  anyOwner?: boolean;
  allowExpiring?: boolean;
  dryRun?: boolean;
}

/** What the flags say about the job; no where nobody says. */
export function jobOptions(flags: JobFlags): { anyOwner: boolean; allowExpiring: boolean } {
  return { anyOwner: flags.anyOwner ?? false, allowExpiring: flags.allowExpiring ?? false };
}

export const dryRun = new Option('--dry-run', 'look and say what would be done, change nothing');
export const anyOwner = new Option('--any-owner', "let anybody's jobs run on the pilots (must be typed each time)");
export const allowExpiring = new Option(
  '--allow-expiring',
  'submit although the token expires before the wall clock ends',
);
export const everySite = new Option('--all', 'every site that has a profile');
export const refreshFlag = new Option('--refresh', 'first build the image anew where its tag stands for a newer one');
export const howMany = new Option('-n, --count <N>', 'how many pilots (default: one job of them)').argParser(
  wholeNumber,
);

/** An option that may be there several times. */
export function several(flags: string, description: string): Option {
  return new Option(flags, description).argParser((one: string, before: string[] = []) => [...before, one]);
}

/** How many days a look back takes in; `usual` where nobody says. */
export function lastDays(usual: number): Option {
  return new Option('--days <N>', 'how far back').argParser(wholeNumber).default(usual);
}

/** How often there is a pass, in seconds; `usual` is as it would be typed. */
export function every(usual: string): Option {
  const parse = timeSpan('30s, 5m or 1h');
  return new Option('--every <time>', 'how often: 30s, 5m, 1h').argParser(parse).default(parse(usual), usual);
}

/** How long a job that a person waits for may wait for its node when nobody says, in seconds. */
export const usualJobWait = 600;

/** A day, in seconds: the most that a session is left open for. */
const longestJobWait = 86_400;

/** That time, in seconds, for the job that the other option submits. */
export function jobWait(submittedBy: 'node' | 'batch'): Option {
  return new Option(
    '--wait <time>',
    `how long that job may wait for its node, as in 90s, 10m, 2h (default: 10m); means --${submittedBy}`,
  )
    .argParser(timeSpan('90s, 10m or 2h, at most 24h', { bareUnit: 's', mostSeconds: longestJobWait }))
    .implies({ [submittedBy]: true });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 10_000)
    throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
  return value;
}

/** Seconds. */
const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/**
 * Reads a span of time as seconds, at least one. Without a `bareUnit` a number alone is refused; `such` says in the refusal how
 * a span is typed, and what the most is.
 */
export function timeSpan(
  such: string,
  { bareUnit = '', mostSeconds = Number.POSITIVE_INFINITY } = {},
): (text: string) => number {
  return (text) => {
    const [, amount, unit] = /^(\d{1,5})([smh]?)$/.exec(text) ?? [];
    const seconds = Number(amount) * (secondsIn[unit || bareUnit] ?? 0);
    if (seconds >= 1 && seconds <= mostSeconds) return seconds;
    throw new InvalidArgumentError(`It must be a time such as ${such}.`);
  };
}
