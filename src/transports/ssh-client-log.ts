import type { ConnectStage } from '../failure.ts';

/**
 * What the system's `ssh` tells of itself in the file of its option `-E` (OpenSSH 7.6 to 10). Nothing that the far side
 * says gets there but the reason of a disconnection.
 */

/** Whether the command of an `ssh` has begun, as far as its log tells. `DEBUG1` is needed for that. */
export type CommandState =
  /** The far side was asked to start it. */
  | 'begun'
  /** It surely was not started. */
  | 'never'
  /** The same, because no more sessions are opened in this connection for now. */
  | 'full'
  | 'unknown';

/** How far an `ssh` is: it makes the connection itself, or goes over a master; it has ended, or not. */
export interface Progress {
  connects: boolean;
  ended: boolean;
}

/** What became of the command of an `ssh`. While it has not ended, that is `begun` or `unknown`. */
export function commandState(log: string, { connects, ended }: Progress): CommandState {
  // The first is said by who goes over another's connection, the second by who has its own.
  if (/master session id: |^debug1: Sending command: /m.test(log)) return 'begun';
  if (!ended) return 'unknown';
  if (/session request failed: Session open refused by peer/.test(log)) return 'full';
  if (connects) return hasLoggedIn(log) ? 'unknown' : 'never';
  // The master went away after it was asked: it may have asked on.
  if (/read from master failed/.test(log)) return 'unknown';
  // It was refused, and tried to connect for itself.
  return /^debug1: Executing proxy command: exec false$/m.test(log) ? 'never' : 'unknown';
}

/** Whether the login is over and good. */
export function hasLoggedIn(log: string): boolean {
  return /^Authenticated to |Authentication succeeded \(/m.test(log);
}

/** Why an `ssh` did not get in. */
export type Refusal =
  | { kind: 'refused'; methods: readonly string[]; partly: boolean; said: string }
  | { kind: 'unknown host key'; fingerprint: string | null }
  | { kind: 'changed host key'; fingerprint: string | null; known: string | null }
  | { kind: 'failed'; stage: ConnectStage; said: string };

/** Why nobody is logged in, from the log of an `ssh` that ended without. */
export function refusalIn(log: string): Refusal {
  const fingerprint = /^debug1: Server host key: \S+ (\S+)/m.exec(log)?.[1] ?? null;
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY/.test(log)) {
    return { kind: 'changed host key', fingerprint, known: /key in (.+:\d+)/.exec(log)?.[1] ?? null };
  }
  if (/^Host key verification failed/m.test(log)) return { kind: 'unknown host key', fingerprint };
  const said = lastWords(log);
  const denied = /Permission denied \(([^)]*)\)/.exec(log)?.[1];
  const partly = /Authenticated using "[^"]+" with partial success/.test(log);
  if (denied !== undefined) return { kind: 'refused', methods: denied.split(','), partly, said };
  if (/Too many authentication failures/.test(log)) return { kind: 'refused', methods: [], partly, said };
  return { kind: 'failed', stage: stageIn(log), said };
}

function stageIn(log: string): ConnectStage {
  if (/Bad configuration|bad configuration|Bad .+ option|terminating, \d+ bad/.test(log)) return 'configuration';
  if (/Could not resolve hostname/.test(log)) return 'resolve';
  if (/^ssh: connect to (host|address) /m.test(log)) return 'connect';
  if (/SSH2_MSG_SERVICE_ACCEPT received|Authentications that can continue/.test(log)) return 'login';
  return /Connection established|Local version string|kex_exchange|banner exchange|Unable to negotiate|Connection (closed|reset) by/.test(
    log,
  )
    ? 'handshake'
    : 'connect';
}

/** The lines that are not for finding mistakes in `ssh` itself, as one. */
function lastWords(log: string): string {
  const lines = log.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== '' && !/^(debug\d|OpenSSH_|Authenticated )/.test(line));
  return words.slice(-3).join('; ').slice(0, 400);
}
