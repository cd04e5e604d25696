import type { BatchJob } from './scheduler.ts';

/** Which options of a job stand in its script, and as what lines, where several dialects write them alike. */

/** Those that the job sets (null: it does not) and that the site can have: the first of each is the name that `skip` knows it by. */
export function wantedOptions<T extends readonly [name: string, ...unknown[]]>(
  options: readonly (T | null)[],
  { skip }: BatchJob,
): T[] {
  return options.flatMap((option) => (option === null || skip.includes(option[0]) ? [] : [option]));
}

/** An option that is a line by itself, as the batch systems that descend from PBS and Grid Engine have it. */
export type OptionLine = readonly [name: string, line: string];

/** The lines of those that are wanted, and the user's own below them. */
export function optionLines(options: readonly (OptionLine | null)[], job: BatchJob): readonly string[] {
  return [...wantedOptions(options, job).map(([, line]) => line), ...job.extra];
}

/** `-q short`; null: the job does not set it. */
export function given(name: string, value: string | null): OptionLine | null {
  return value === null ? null : [name, `-${name} ${value}`];
}
