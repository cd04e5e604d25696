/**
 * The real tests run in lines: each has a cluster of its own, with users, ports and files of its own, and runs beside the
 * others. A line is a project of vitest.config.ts, and has its name.
 */
export const LINES = ['real', 'login', 'pool'] as const;

export type Line = (typeof LINES)[number];

/** The line of a project; an error for one that is none. */
export function lineNamed(name: string): Line {
  const line = LINES.find((one) => one === name);
  if (line === undefined) throw new Error(`the project ${name} is none of the lines ${LINES.join(', ')}`);
  return line;
}
