import { randomBytes } from 'node:crypto';

/** A token of the right form that no pool would take. Its signature is random, so that it can be searched for. */
export function testToken(expiresInSeconds = 30 * 24 * 3600): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'pool.example.org', sub: 'pilot@pool.example.org', iat: now, exp: now + expiresInSeconds };
  return `${part({ alg: 'HS256', kid: 'POOL' })}.${part(claims)}.${randomBytes(32).toString('base64url')}`;
}
