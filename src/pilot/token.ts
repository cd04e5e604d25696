import { createHash } from 'node:crypto';
import type { TokenProblem } from '../failure.ts';

/** What an IDTOKEN says of itself. It is read, not verified: only the pool can do that. Times in seconds since the epoch. */
export interface TokenFacts {
  /** The pool's trust domain. */
  issuer: string;
  subject: string;
  /** The name of the signing key; null when the header does not say. */
  keyId: string | null;
  issuedAt: number | null;
  /** null: never. */
  expiresAt: number | null;
}

/** A token fit for use, or why not. `detail` never holds any of the token's text. */
export type TokenCheck =
  | { ok: true; facts: TokenFacts }
  | { ok: false; problem: Extract<TokenProblem, 'not-a-token' | 'expired' | 'expiring'>; detail: string };

/**
 * Checks the text of a token file: one JWT on a line of its own; empty lines and `#` comments do not count, as in
 * HTCondor. `expiring`: it ends before the wall clock of a pilot that starts now; `allowExpiring` lets that pass.
 */
export function checkToken(
  text: string,
  when: { nowSeconds: number; wallClockEndSeconds: number; allowExpiring: boolean },
): TokenCheck {
  const read = readToken(text);
  if (!read.ok) return read;
  const { expiresAt } = read.facts;
  if (expiresAt === null) return read;
  if (expiresAt <= when.nowSeconds) return { ok: false, problem: 'expired', detail: `it ended ${utc(expiresAt)}` };
  if (expiresAt >= when.wallClockEndSeconds || when.allowExpiring) return read;
  const detail = `it ends ${utc(expiresAt)}, before a pilot that starts now would (${utc(when.wallClockEndSeconds)})`;
  return { ok: false, problem: 'expiring', detail };
}

/** The SHA-256 of a token file's bytes, in hexadecimal: tells two tokens apart without showing either. */
export function tokenDigest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function readToken(text: string): TokenCheck {
  const lines = text.split('\n').map((line) => line.trim());
  const tokens = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const [token] = tokens;
  if (token === undefined) return notAToken('it is empty');
  if (tokens.length > 1) return notAToken(`it holds ${tokens.length} lines of text where one token is expected`);
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    return notAToken('it does not have the three parts of a token');
  }
  const [header, claims] = parts.map(decoded);
  if (header == null || claims == null) return notAToken('its parts are not base64 of JSON');
  return factsOf(header, claims);
}

type Claims = { readonly [name: string]: unknown };

function decoded(part: string): Claims | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function factsOf(header: Claims, claims: Claims): TokenCheck {
  const issuer = shown(claims['iss']);
  const subject = shown(claims['sub']);
  if (issuer === null || subject === null) return notAToken('it names no issuer or no subject');
  const expiresAt = seconds(claims['exp']);
  // An end that cannot be read must not pass for none.
  if (claims['exp'] !== undefined && expiresAt === null) return notAToken('its end is no time');
  const facts = { issuer, subject, keyId: shown(header['kid']), issuedAt: seconds(claims['iat']), expiresAt };
  return { ok: true, facts };
}

/** Text that may go to a terminal, or null. */
function shown(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.replaceAll(/\p{Cc}/gu, '?') : null;
}

function seconds(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 8.64e12 ? Math.floor(value) : null;
}

function utc(secondsSinceEpoch: number): string {
  return `${new Date(secondsSinceEpoch * 1000).toISOString().slice(0, 19)}Z`;
}

function notAToken(detail: string): TokenCheck {
  return { ok: false, problem: 'not-a-token', detail };
}
