import type { LastingConnection, LoginReport } from '../commands/login.ts';
import type { LogoutReport } from '../commands/logout.ts';
import { ok, type Result } from '../failure.ts';
import { isoTime } from '../iso-time.ts';
import { done, type Outcome } from './outcome.ts';
import { duration } from './status-table.ts';

/** What `login` and `logout` come to. */

/** How long a connection has been up is counted to `nowMilliseconds`. */
export function loginOutcome(report: Result<LoginReport>, nowMilliseconds: number): Result<Outcome> {
  if (!report.ok) return report;
  const { site, by, why, connection } = report.value;
  const openedAt = connection === null ? null : isoTime(connection.sinceSeconds);
  const json = { site, by, why, openedAt, idleSeconds: connection?.idleSeconds ?? null };
  const words =
    connection === null ? withoutConnection(report.value) : withConnection(site, connection, nowMilliseconds);
  return ok(done(json, words));
}

function withoutConnection({ site, by, why, person }: LoginReport): string {
  if (by === 'local') return `${site}: no login is needed: ${why}`;
  if (person !== null) {
    return [
      `${site}: logged in by ${by} (${why}) and out again; it took ${person.what}, which cron cannot give`,
      `  so that later passes go through one login: ${person.remedy}`,
    ].join('\n');
  }
  return `${site}: logged in by ${by} (${why}) and out again; each pass logs in by itself`;
}

function withConnection(site: string, { whose, wasUp, sinceSeconds, idleSeconds }: LastingConnection, now: number) {
  const since = `up for ${duration(now / 1000 - sinceSeconds)}`;
  if (whose === 'yours') {
    return `${site}: a connection of your own SSH configuration is ${since}; passes go through it as long as it is`;
  }
  const idle = idleSeconds === null ? '' : `nobody has used it for ${duration(idleSeconds)}, `;
  return [
    wasUp ? `${site}: logged in already; the connection is ${since}` : `${site}: logged in; the connection stays up`,
    `  every glidein of yours on this machine goes through it without a question, from cron too`,
    `  until ${idle}the server closes it, this machine restarts, or: glidein logout ${site}`,
  ].join('\n');
}

export function logoutOutcome(report: Result<LogoutReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, closed } = report.value;
  const none = `${site}: there is no connection that \`glidein login ${site}\` opened`;
  return ok(done(report.value, closed ? `${site}: the connection is closed` : none));
}
