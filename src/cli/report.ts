import { styleText } from 'node:util';
import type { Event } from '../context.ts';
import type { Failure } from '../failure.ts';
import type { Budget } from '../fleet/budget.ts';
import type { Restraint } from '../fleet/restraint.ts';
import { type EndedPilot, nodesOf, type PlannedShipment, type SiteReport } from '../fleet/site-report.ts';
import { isoTime } from '../iso-time.ts';
import type { Pilot } from '../login/census.ts';
import { wordFailure } from './failure-words.ts';

/** All wording but that of failures: what a command found, as text for a person or as the fixed JSON for a program. */

/** How to print, and what the stream takes that it goes to: stdout and stderr have one each. */
export interface Printing {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: boolean;
  /** Whether it shows more than ASCII for certain. */
  unicode: boolean;
  /** The width of the terminal; null where it is none, and nothing is cut. */
  columns: number | null;
}

const colourOrControl = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m|\\p{Cc}`, 'gu');

/**
 * Text that may hold words from a remote machine, for a terminal: nothing but line ends, tabs and colours may steer it.
 * JSON needs none of this: it escapes control characters itself.
 */
export function forTerminal(text: string): string {
  return text.replace(colourOrControl, (found) => (found.length > 1 || found === '\n' || found === '\t' ? found : '?'));
}

/** A line for stderr, or null when this event is not to be shown. */
export function eventLine(event: Event, printing: Printing): string | null {
  const prefix = 'site' in event && event.site !== null ? `${event.site}: ` : '';
  switch (event.kind) {
    case 'site-begins':
    case 'site-ends':
      return null;
    case 'step':
      return printing.verbose
        ? dim(`${prefix}step ${event.step}${event.detail === undefined ? '' : ` ${event.detail}`}`, printing)
        : null;
    case 'note':
      return printing.verbose ? dim(`${prefix}${event.text}`, printing) : null;
    case 'waiting':
      return printing.quiet ? null : `${prefix}${event.text}`;
    case 'warning':
      if (printing.quiet && event.needsYou !== true) return null;
      return `${prefix}${paint('yellow', 'warning:', printing)} ${event.text}`;
    case 'mishap': {
      const { message, hint } = wordFailure(event.failure);
      const warning = `${prefix}${paint('yellow', 'warning:', printing)} ${event.text}: ${message}`;
      return [warning, ...nextLine(hint, prefix, printing)].join('\n');
    }
  }
}

/** A failure, with the next thing to type. */
export function failureLines(failure: Failure, site: string | null, printing: Printing): string {
  const { message, hint } = wordFailure(failure);
  const prefix = site === null ? '' : `${site}: `;
  const error = `${prefix}${paint('red', 'error:', printing)} ${message}`;
  return [error, ...nextLine(hint, prefix, printing)].join('\n');
}

function nextLine(hint: string | null, prefix: string, printing: Printing): string[] {
  return hint === null ? [] : [`${prefix}${dim('next:', printing)} ${hint}`];
}

/** A failure as the JSON that `--json` prints. */
export function failureJson(failure: Failure): object {
  const { message, hint } = wordFailure(failure);
  const site = 'site' in failure ? failure.site : null;
  return { error: { code: failure.kind, message, site, hint } };
}

/** What `top-up`, `submit`, `drain` and `cancel` print with `--json`. */
export function siteJson(report: SiteReport): object {
  const { site, state, target, counts, submitted, cancelled, drained, ids, planned } = report;
  return {
    site,
    state,
    target,
    ...counts,
    submitted,
    cancelled,
    drained,
    ids,
    reason: reasonOf(report),
    ...(planned === null ? {} : { planned }),
  };
}

/** What `status` prints with `--json`: the same counts, the pilots, and those that ended lately. */
export function statusJson(report: SiteReport): object {
  const { pilots, ended, openSince } = report;
  return {
    ...siteJson(report),
    pilots: pilots.map(pilotJson),
    ended: ended.map(endedJson),
    connectedSince: isoTime(openSince),
    ...restraintJson(report.restraint),
  };
}

function restraintJson(restraint: Restraint | null): object {
  if (restraint === null) return { paused: null, budget: null, avoided: [] };
  const { brake, budget, avoided } = restraint;
  const { cause, at, id, said } = brake.kind === 'paused' ? brake.pause : { cause: null, at: 0, id: null, said: '' };
  return {
    paused: cause === null ? null : { cause, since: isoTime(at), pilot: id, said },
    budget: budgetJson(budget),
    avoided,
  };
}

/** Node hours; null where the profile sets no limit. */
function budgetJson({ nodeHours, until, spentSeconds, committedSeconds, leftSeconds }: Budget): object | null {
  if (nodeHours === null && until === null) return null;
  const hours = (seconds: number | null) => (seconds === null ? null : Math.round(seconds / 36) / 100);
  const used = { spent: hours(spentSeconds), committed: hours(committedSeconds), left: hours(leftSeconds) };
  return { nodeHours, until: isoTime(until), ...used };
}

function reasonOf(report: SiteReport): string | null {
  return report.failure === null ? report.reason : wordFailure(report.failure).message;
}

function pilotJson(pilot: Pilot): object {
  const { id, state, nodes, node, tag } = pilot;
  return {
    id,
    state,
    nodes,
    reason: pilotReason(pilot),
    node,
    tag,
    submittedAt: isoTime(pilot.submittedAt),
    startedAt: isoTime(pilot.startedAt),
    endsAt: isoTime(pilot.endsAt),
  };
}

/** Why it is as it is: what it was told, where it runs; else the scheduler's own words. */
export function pilotReason({ state, isDraining, toldAt, reason }: Pilot): string | null {
  const runs = state === 'running' || state === 'suspended';
  if (runs && toldAt !== null) return 'told to end; if it stays, `glidein cancel` again ends it the hard way';
  if (runs && isDraining) return 'draining: takes no new jobs, ends when its own are done';
  return reason;
}

function endedJson({ id, node, exitCode, reason, startedAt, endedAt }: EndedPilot): object {
  return { id, node, exitCode, reason, startedAt: isoTime(startedAt), endedAt: isoTime(endedAt) };
}

/** One line about one site: its count against the target, and what was done. Null: nothing worth a line in `--quiet`. */
export function siteLine(report: SiteReport, printing: Printing): string | null {
  const changed = report.submitted + report.cancelled + report.drained > 0;
  if (printing.quiet && !changed && report.state === 'ok') return null;
  if (report.failure !== null && !changed && total(report) === 0) return null;
  const done = doneWords(report);
  const reason = report.reason === null ? '' : `; ${report.reason}`;
  return `${paint('bold', report.site, printing)}: ${countWords(report)}${done === '' ? '' : `; ${done}`}${reason}`;
}

/** How many pilots count against the target. */
export function total(report: SiteReport): number {
  return Object.values(report.counts).reduce((sum, count) => sum + count, 0);
}

/** `3 of 4 pilots (2 running, 1 pending)`. */
export function countWords(report: SiteReport): string {
  const parts = Object.entries(report.counts).flatMap(([state, count]) =>
    count === 0 ? [] : [`${count} ${state === 'inDoubt' ? 'in doubt' : state}`],
  );
  const detail = parts.length === 0 ? '' : ` (${parts.join(', ')})`;
  const there = total(report);
  const target = report.target ?? 0;
  if (there <= target) return `${there} of ${target} pilots${detail}`;
  return `${there} ${there === 1 ? 'pilot' : 'pilots'}, target ${target}${detail}`;
}

function doneWords(report: SiteReport): string {
  const { planned } = report;
  if (planned !== null) return plannedWords(planned, report);
  const { submitted, cancelled, drained, ids, idsCancelled } = report;
  const done: string[] = [];
  if (submitted > 0) done.push(`submitted ${submitted}: ${idWords(ids)}`);
  if (cancelled > 0) done.push(`cancelled ${cancelled}: ${idWords(ids.slice(0, idsCancelled))}`);
  if (drained > 0) done.push(`draining ${drained}: ${idWords(ids.slice(idsCancelled))}`);
  return done.join('; ');
}

function plannedWords(planned: NonNullable<SiteReport['planned']>, { pilots }: SiteReport): string {
  if (planned.submit > 0) return [...planned.ship.map(shipmentWords), `would submit ${planned.submit}`].join('; ');
  const { cancel, drain } = planned;
  const of = (ids: readonly string[]) => nodesOf(pilots.filter(({ id }) => ids.includes(id)));
  const words = [
    ...(cancel.length > 0 ? [`would cancel ${of(cancel)}: ${idWords(cancel)}`] : []),
    ...(drain.length > 0 ? [`would drain ${of(drain)}: ${idWords(drain)}`] : []),
  ];
  return words.length === 0 ? 'would do nothing' : words.join('; ');
}

function shipmentWords({ source, path, bytes }: PlannedShipment): string {
  return `would send ${source} (${(bytes / 1e6).toFixed(1)} MB) to ${path}`;
}

/** The first few of many ids. */
function idWords(ids: readonly string[]): string {
  return ids.length <= 6 ? ids.join(' ') : `${ids.slice(0, 5).join(' ')} … ${ids.at(-1)}`;
}

/** Rows as left-aligned columns. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Text of at most so many characters. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}

export type Style = 'red' | 'yellow' | 'green' | 'bold' | 'dim';

/** The text in a style, where the stream takes colours. */
export function paint(style: Style, text: string, printing: Printing): string {
  return printing.color ? styleText(style, text, { validateStream: false }) : text;
}

function dim(text: string, printing: Printing): string {
  return paint('dim', text, printing);
}
