import { type EndedJob, nodeSecondsOf } from '../login/past.ts';

/** What a site may use at most, and what it has. Pure: node seconds, and times by the login host's clock. */

export interface BudgetInput {
  nowSeconds: number;
  /** Node hours in all; null: as many as there are. */
  nodeHours: number | null;
  /** Nothing runs after it (seconds since the epoch); null: for ever. */
  until: number | null;
  /** How long a job that is submitted now may run. */
  wallSeconds: number;
  /** Jobs that are there, whatever they do. */
  jobs: readonly {
    nodes: number;
    /** null: it has not started, or nobody knows. */
    startedAt: number | null;
    endsAt: number | null;
    wallSeconds: number | null;
  }[];
  /** Pilots of submissions whose outcome nobody knows. */
  inDoubt: readonly { count: number; wallSeconds: number | null }[];
  ended: readonly EndedJob[];
  /** Node seconds of submissions whose marks were cleared away, by tag. */
  spent: ReadonlyMap<string, number>;
}

/** What was used, what what is there may still use, and what is left of the whole. */
export interface Budget {
  nodeHours: number | null;
  until: number | null;
  spentSeconds: number;
  committedSeconds: number;
  /** Less than nothing where more was let in than there is; null: no number is set. */
  leftSeconds: number | null;
  /** Whether a job that starts now could run past `until`. */
  isTooLate: boolean;
}

/** Counts each job that is there to the end of its wall clock, and what waits or is in doubt with all of it. */
export function budgetOf(input: BudgetInput): Budget {
  const { nodeHours, until, nowSeconds } = input;
  const whole = [
    ...input.jobs.map((job) => job.nodes * secondsOf(job, input)),
    ...input.inDoubt.map(({ count, wallSeconds }) => count * roundedUp(wallSeconds ?? input.wallSeconds)),
  ];
  const begun = input.jobs.map(({ nodes, startedAt }) =>
    startedAt === null ? 0 : nodes * Math.max(0, nowSeconds - startedAt),
  );
  const there = sum(whole);
  const used = Math.min(there, sum(begun));
  const cleared = sum([...input.spent.values()]);
  const over = sum(input.ended.filter(({ tag }) => !input.spent.has(tag)).map(nodeSecondsOf));
  const left = nodeHours === null ? null : nodeHours * 3600 - cleared - over - there;
  return {
    ...{ nodeHours, until, leftSeconds: left },
    spentSeconds: cleared + over + used,
    committedSeconds: there - used,
    isTooLate: until !== null && nowSeconds + roundedUp(input.wallSeconds) > until,
  };
}

/** The most that a job can use: to where its wall clock ends, or all of it where nobody knows when it began. */
function secondsOf({ startedAt, endsAt, wallSeconds }: BudgetInput['jobs'][number], input: BudgetInput): number {
  const wall = roundedUp(wallSeconds ?? input.wallSeconds);
  if (startedAt === null) return wall;
  const soFar = Math.max(0, input.nowSeconds - startedAt);
  return Math.max(soFar, endsAt === null ? wall : endsAt - startedAt);
}

/** Batch systems count whole minutes. */
function roundedUp(seconds: number): number {
  return Math.ceil(seconds / 60) * 60;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How many more pilots can be paid for to the end of their wall clock. */
export function affordable({ leftSeconds, isTooLate }: Budget, wallSeconds: number): number {
  if (isTooLate) return 0;
  if (leftSeconds === null) return Number.POSITIVE_INFINITY;
  return Math.max(0, Math.floor(leftSeconds / roundedUp(wallSeconds)));
}
