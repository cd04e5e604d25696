import type { Ran } from './run-program.ts';

/** What `glidein check --json` printed. */
export interface Checked {
  code: number;
  stderr: string;
  site: string;
  steps: StepJson[];
  /** Names of steps, by their state. */
  failed: string[];
  warnings: string[];
  skipped: string[];
}

export interface StepJson {
  step: string;
  state: string;
  seconds: number | null;
  message: string;
  hint: string | null;
}

export function checkedIn({ code, stdout, stderr }: Ran): Checked {
  const { site, steps } = JSON.parse(stdout) as { site: string; steps: StepJson[] };
  const named = (state: string) => steps.filter((one) => one.state === state).map(({ step }) => step);
  return { code, stderr, site, steps, failed: named('failed'), warnings: named('warning'), skipped: named('skipped') };
}
