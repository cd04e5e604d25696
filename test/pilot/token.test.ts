import { describe, expect, it } from 'vitest';
import { checkToken, tokenDigest } from '../../src/pilot/token.ts';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { iss: 'pool.example.org', sub: 'pilot@pool.example.org', iat: 1_000, exp: 100_000 };
const token = (changes: object = {}, header: unknown = { alg: 'HS256', kid: 'POOL' }) =>
  `${part(header)}.${part({ ...claims, ...changes })}.c2lnbmF0dXJl`;
const when = { nowSeconds: 50_000, wallClockEndSeconds: 90_000, allowExpiring: false };

describe('a token', () => {
  it('tells who it is for and until when', () => {
    expect(checkToken(`# from the pool\n\n${token()}\n`, when)).toEqual({
      ok: true,
      facts: {
        ...{ issuer: 'pool.example.org', subject: 'pilot@pool.example.org', keyId: 'POOL' },
        ...{ issuedAt: 1_000, expiresAt: 100_000 },
      },
    });
  });

  it('may have no end and no named key', () => {
    const text = token({ exp: undefined, iat: undefined }, { alg: 'HS256' });
    expect(checkToken(text, when)).toMatchObject({ ok: true, facts: { expiresAt: null, issuedAt: null, keyId: null } });
  });

  it('has expired from the second it ends', () => {
    expect(checkToken(token(), { ...when, nowSeconds: 100_000 })).toMatchObject({ problem: 'expired' });
    expect(checkToken(token(), { ...when, nowSeconds: 99_999, allowExpiring: true })).toMatchObject({ ok: true });
  });

  it('is expiring when a pilot would outlive it, unless that is wanted', () => {
    const soon = { ...when, wallClockEndSeconds: 100_001 };
    expect(checkToken(token(), soon)).toEqual({
      ...{ ok: false, problem: 'expiring' },
      detail: 'it ends 1970-01-02T03:46:40Z, before a pilot that starts now would (1970-01-02T03:46:41Z)',
    });
    expect(checkToken(token(), { ...soon, allowExpiring: true })).toMatchObject({ ok: true });
    expect(checkToken(token(), { ...when, wallClockEndSeconds: 100_000 })).toMatchObject({ ok: true });
  });

  it.each([
    ['nothing', ''],
    ['comments alone', '# nothing\n'],
    ['words', 'a secret that is no token'],
    ['two tokens', `${token()}\n${token()}\n`],
    ['two parts', 'SECRET.SECRET'],
    ['a part that is no JSON', `SECRET.${part(claims)}.x`],
    ['a part that is a list', `${part([])}.${part(claims)}.x`],
    ['no issuer', token({ iss: undefined })],
    ['no subject', token({ sub: '' })],
    ['an end that is no time', token({ exp: 'SECRET' })],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n'],
  ])('is not %s, and the message shows none of it', (_, text) => {
    const check = checkToken(text, when);
    expect(check).toMatchObject({ ok: false, problem: 'not-a-token' });
    expect(JSON.stringify(check)).not.toMatch(/secret/i);
    for (const word of text.split(/[.\n]/).filter((piece) => piece.length > 5)) {
      expect(JSON.stringify(check)).not.toContain(word);
    }
  });

  it('cannot speak to the terminal', () => {
    expect(checkToken(token({ sub: 'a\u001b[2J' }), when)).toMatchObject({ facts: { subject: 'a?[2J' } });
  });

  it('is told from another by its digest', () => {
    expect(tokenDigest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(tokenDigest(Buffer.from('abc'))).toBe(tokenDigest('abc'));
  });
});
