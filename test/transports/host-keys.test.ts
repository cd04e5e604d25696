import { describe, expect, it } from 'vitest';
import {
  fingerprint,
  hostKeyAlgorithms,
  judge,
  keyType,
  knownHostName,
  sshCommand,
} from '../../src/transports/host-keys.ts';
import type { KnownKey } from '../../src/transports/known-hosts.ts';
import { plainSettings } from '../../src/transports/ssh-config.ts';

const ed25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ0lV4na3zA0pcKJqeE7FhPeYWPr1WpMHBRTMOtRh1nU';
const ecdsa =
  'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFgdPj5nK8dgWRxmeLxTJm9bs7tEErprj4jyZ5kTuoeigGqLE+XrdWonmus4muq6ybjuPSsR1Uru/7qTI3ecr2A=';
const bytes = (base64: string) => Buffer.from(base64, 'base64');

const known = (type: string, key: string, more: Partial<KnownKey> = {}): KnownKey => ({
  file: '/kh',
  line: 1,
  marker: 'none',
  type,
  key: bytes(key),
  ...more,
});

describe('the judgement of a host key', () => {
  const own = known('ssh-ed25519', ed25519);
  const other = known('ecdsa-sha2-nistp256', ecdsa);
  const key = bytes(ed25519);

  it.each([
    ['no line', [], { kind: 'unknown', authorities: 0 }],
    ['its line', [own], { kind: 'known' }],
    ['its line after another', [other, own], { kind: 'known' }],
    ['a line of another kind', [other], { kind: 'changed', known: other }],
    ['an authority', [{ ...own, marker: 'authority' }], { kind: 'unknown', authorities: 1 }],
    [
      'its line and its revocation',
      [own, { ...own, line: 9, marker: 'revoked' }],
      { kind: 'revoked', known: { ...own, line: 9, marker: 'revoked' } },
    ],
    ['the revocation of another key', [own, { ...other, marker: 'revoked' }], { kind: 'known' }],
    [
      'a key of a kind nobody can show us',
      [{ ...other, type: 'sk-ssh-ed25519@openssh.com' }],
      { kind: 'unknown', authorities: 0 },
    ],
  ] as const)('with %s', (_name, lines, verdict) => {
    expect(judge(lines, key)).toEqual(verdict);
  });

  it('names the line of the same kind when several lines differ', () => {
    const old = known('ssh-ed25519', ecdsa, { line: 7 });
    expect(judge([other, old], key)).toEqual({ kind: 'changed', known: old });
  });
});

it('asks for the known kinds of key first, for RSA by SHA-2, and never for SHA-1', () => {
  const algorithms = hostKeyAlgorithms([known('ssh-rsa', ed25519), known('ssh-dss', ed25519)]);
  expect(algorithms.slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519']);
  expect(new Set(algorithms).size).toBe(algorithms.length);
  expect(algorithms).not.toContain('ssh-rsa');
  const authority = known('ssh-rsa', ed25519, { marker: 'authority' });
  expect(hostKeyAlgorithms([authority])[0]).toBe('ssh-ed25519');
});

it('shows the fingerprint and the kind as ssh-keygen -l does', () => {
  expect(fingerprint(bytes(ed25519))).toBe('SHA256:V0Cp/xACUtE4Ihunus3AAM3tfCTVLqs3PVuEi6uXVFU');
  expect([keyType(bytes(ed25519)), keyType(bytes(ecdsa)), keyType(Buffer.alloc(2))]).toEqual([
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    '',
  ]);
});

it('looks a host up under the name ssh uses', () => {
  const endpoint = {
    site: 's',
    host: 'Login.Example.org',
    user: null,
    port: null,
    identityFile: null,
    connectSeconds: 20,
  };
  const settings = plainSettings(endpoint, { home: '/h', user: 'ada', uid: 1, env: {} });
  expect(knownHostName(settings)).toBe('login.example.org');
  expect(knownHostName({ ...settings, port: 2222 })).toBe('[login.example.org]:2222');
  expect(knownHostName({ ...settings, port: 2222, hostKeyAlias: 'Cluster' })).toBe('cluster');
});

it('writes the ssh command a person types', () => {
  const endpoint = { site: 's', host: 'h', user: null, port: null, identityFile: null, connectSeconds: 20 };
  expect(sshCommand(endpoint)).toBe('ssh h');
  expect(sshCommand({ ...endpoint, user: 'ada', port: 2222 }, '-v')).toBe('ssh -v -p 2222 ada@h');
});
