import { isoTime } from '../iso-time.ts';
import type { Brake, Row } from './breaker.ts';
import type { Budget } from './budget.ts';
import type { PauseReason, Restraint } from './restraint.ts';

/** Why a site stands still, or waits, in words: what happened, and what to type. */

/** What a person is needed for. */
export function pauseWords(site: string, why: PauseReason, { brake, budget }: Restraint): string {
  switch (why) {
    case 'breaker':
      return brake.kind === 'paused' ? pausedWords(site, brake) : '';
    case 'tried-only': {
      const row = brake.kind === 'paused' ? null : brake.row;
      return `paused: refused ${row?.count ?? 0} times in a row${quoted(row?.said ?? '')}; one job is tried every 15 minutes, and all come again when it is taken`;
    }
    case 'until':
      return `paused: limits.until is ${moment(budget.until)}, and a pilot that starts now could run past it; a shorter scheduler.walltime still fits, or: glidein site set ${site} limits.until=DAY`;
    case 'budget':
      return `paused: ${budgetWords(budget)}, and one more pilot is not paid for; more with: glidein site set ${site} limits.nodeHours=HOURS`;
  }
}

function pausedWords(site: string, { pause, row }: Brake & { kind: 'paused' }): string {
  const since = isoTime(pause.at);
  const what = `paused since ${since}: ${causeWords(pause.cause, row)}`;
  const pilot = pause.id === null ? '' : `the last was ${pause.id}${howItDied(row)}; `;
  const said = pause.said.trim() === '' ? '' : ` (${lastLine(pause.said)})`;
  const look = pause.id === null ? `glidein render ${site}` : `glidein logs ${site} ${pause.id}`;
  return `${what}${said}; ${pilot}nothing is submitted until you mend it (${look}) and type: glidein resume ${site}`;
}

function causeWords(cause: 'refused' | 'forbidden' | 'died' | 'guard', row: Row | null): string {
  switch (cause) {
    case 'refused':
      return `the scheduler refused ${row === null ? 'again and again' : `${row.count} times in a row`}`;
    case 'forbidden':
      return 'the scheduler refuses what the account asks for, and asking again does not change that';
    case 'died':
      return `${row === null ? 'several' : row.count} pilots in a row died within 10 minutes of their start`;
    case 'guard':
      return 'a pilot was not limited to its owners, and its guard ended it';
  }
}

function howItDied(row: Row | null): string {
  const { ending, node } = row?.last ?? { ending: null, node: null };
  if (ending === null) return '';
  const code = ending.exitCode === null ? '' : `, exit ${ending.exitCode}`;
  return `${node === null ? '' : ` on ${node}`} (${ending.reason}${code})`;
}

/** What a brake that lets go by itself waits for. */
export function waitWords({ row, until }: Brake & { kind: 'waits' }): string {
  const what =
    row.what === 'died'
      ? `${row.count} pilots in a row died within 10 minutes of their start`
      : `refused ${row.count} times in a row${quoted(row.said ?? '')}`;
  return `${what}; tried again after ${isoTime(until)}`;
}

/** `12.5 of 100 node hours are spent, 30.0 committed to what is there, 57.5 left`. */
export function budgetWords({ nodeHours, spentSeconds, committedSeconds, leftSeconds }: Budget): string {
  const spent = `${hours(spentSeconds)} ${nodeHours === null ? '' : `of ${nodeHours} `}node hours are spent`;
  const left = leftSeconds === null ? '' : `, ${hours(leftSeconds)} left`;
  return `${spent}, ${hours(committedSeconds)} committed to what is there${left}`;
}

/** What is known of nodes on which pilots die; null: of none. */
export function nodeWords({ avoided, suspected }: Restraint): string | null {
  if (avoided.length > 0)
    return `pilots die on ${avoided.join(', ')} and live elsewhere: new ones are kept off for a day`;
  if (suspected.length === 0) return null;
  return `pilots die on ${suspected.join(', ')} and live elsewhere; the batch system is not told to keep new ones off`;
}

function hours(seconds: number): string {
  return (seconds / 3600).toFixed(1);
}

function moment(seconds: number | null): string {
  return isoTime(seconds)?.slice(0, 16).concat('Z') ?? 'over';
}

function quoted(said: string): string {
  return said.trim() === '' ? '' : ` (${lastLine(said)})`;
}

function lastLine(said: string): string {
  return (said.trim().split('\n').at(-1) ?? '').slice(0, 200);
}
