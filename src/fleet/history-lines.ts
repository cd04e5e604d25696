import type { Counts, SiteReport } from './site-report.ts';

/** The lines of a site's history, one JSON object each: what a pass found and did, and what became of a pilot. Pure. */

/** A pass. `at` is milliseconds since the epoch, by the clock of the machine that made it. */
export interface PassLine extends Counts {
  kind: 'pass';
  at: number;
  state: string;
  target: number | null;
  submitted: number;
  cancelled: number;
  drained: number;
  reason: string | null;
  /** Node hours by the site's own account; null where the pass did not get that far. */
  nodeHours: { spent: number; committed: number; limit: number | null } | null;
}

/** Something that happened to a pilot; or to a job, where a job has several. Times are seconds since the epoch, by the cluster's clock. */
export interface PilotLine {
  kind: 'pilot';
  /** When it was told (milliseconds). */
  at: number;
  event: PilotEvent;
  id: string;
  nodes: number;
  node: string | null;
  submittedAt: number | null;
  startedAt: number | null;
  endedAt: number | null;
  exitCode: number | null;
  /** Of an end: the pilot's own word, else the scheduler's; null where it only was not there any more. */
  reason: string | null;
}

/** `cancelled`: it was told to end at once. What then ended it is told by `ended`. */
export type PilotEvent = (typeof events)[number];
const events = ['submitted', 'started', 'cancelled', 'ended'] as const;

export type HistoryLine = PassLine | PilotLine;

/** A pass as a line, without its line end. */
export function passLine(report: SiteReport, at: number): string {
  const { site, state, target, counts, submitted, cancelled, drained, ids, reason, failure } = report;
  const done = { submitted, cancelled, drained, ids, reason: reason ?? failure?.kind ?? null };
  const nodeHours = accountOf(report);
  return JSON.stringify({
    at: new Date(at).toISOString(),
    kind: 'pass',
    site,
    state,
    target,
    ...counts,
    ...done,
    nodeHours,
  });
}

function accountOf({ restraint }: SiteReport): PassLine['nodeHours'] {
  if (restraint === null) return null;
  const { spentSeconds, committedSeconds, nodeHours: limit } = restraint.budget;
  const hours = (seconds: number) => Math.round(seconds / 36) / 100;
  return { spent: hours(spentSeconds), committed: hours(committedSeconds), limit };
}

/** What happened to a pilot as a line, without its line end. */
export function pilotLine(site: string, { at, kind, ...rest }: PilotLine): string {
  return JSON.stringify({ at: new Date(at).toISOString(), kind, site, ...rest });
}

/** The lines of a text; what is none, or only a part of one (its writer was killed), is passed over. */
export function readLines(text: string): HistoryLine[] {
  return text.split('\n').flatMap((line) => lineIn(line) ?? []);
}

/** When a line was written (milliseconds); null for what is no line. */
export function timeOf(line: string): number | null {
  return lineIn(line)?.at ?? null;
}

function lineIn(line: string): HistoryLine | null {
  const fields = objectIn(line);
  if (fields === null) return null;
  const at = typeof fields['at'] === 'string' ? Date.parse(fields['at']) : Number.NaN;
  if (Number.isNaN(at)) return null;
  return fields['kind'] === 'pilot' ? pilotIn(fields, at) : passIn(fields, at);
}

type Fields = Readonly<Record<string, unknown>>;

function objectIn(line: string): Fields | null {
  if (!line.startsWith('{') || !line.endsWith('}')) return null;
  try {
    return { ...JSON.parse(line) };
  } catch {
    return null;
  }
}

/** The first lines of all had no kind: they were passes. */
function passIn(fields: Fields, at: number): PassLine | null {
  const state = textIn(fields, 'state');
  if (state === null) return null;
  const count = (key: string) => numberIn(fields, key) ?? 0;
  return {
    kind: 'pass',
    ...{ at, state, target: numberIn(fields, 'target'), reason: textIn(fields, 'reason') },
    ...{ running: count('running'), pending: count('pending'), held: count('held') },
    ...{ suspended: count('suspended'), unknown: count('unknown'), inDoubt: count('inDoubt') },
    ...{ submitted: count('submitted'), cancelled: count('cancelled'), drained: count('drained') },
    nodeHours: accountIn(fields['nodeHours']),
  };
}

function accountIn(value: unknown): PassLine['nodeHours'] {
  const fields: Fields = typeof value === 'object' ? { ...value } : {};
  const [spent, committed] = [numberIn(fields, 'spent'), numberIn(fields, 'committed')];
  return spent === null || committed === null ? null : { spent, committed, limit: numberIn(fields, 'limit') };
}

function pilotIn(fields: Fields, at: number): PilotLine | null {
  const id = textIn(fields, 'id');
  const event = events.find((one) => one === fields['event']);
  if (id === null || event === undefined) return null;
  const time = (key: string) => numberIn(fields, key);
  return {
    kind: 'pilot',
    ...{ at, event, id, nodes: numberIn(fields, 'nodes') ?? 1, node: textIn(fields, 'node') },
    ...{ submittedAt: time('submittedAt'), startedAt: time('startedAt'), endedAt: time('endedAt') },
    ...{ exitCode: numberIn(fields, 'exitCode'), reason: textIn(fields, 'reason') },
  };
}

function textIn(fields: Fields, key: string): string | null {
  const value = fields[key];
  return typeof value === 'string' ? value : null;
}

function numberIn(fields: Fields, key: string): number | null {
  const value = fields[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
