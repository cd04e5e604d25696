import { describe, expect, it } from 'vitest';
import { hashOf, keysKnownFor } from '../../src/transports/known-hosts.ts';

const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ0lV4na3zA0pcKJqeE7FhPeYWPr1WpMHBRTMOtRh1nU';
const linesFor = (name: string, text: string) =>
  keysKnownFor(name, text, '/kh').map(({ line, marker }) => `${line} ${marker}`);

describe('a known-hosts file', () => {
  const file = `# login.example.org ssh-ed25519 ${key}
login.example.org,alias ssh-ed25519 ${key} a comment
  other.example.org\tssh-ed25519   ${key}
@revoked login.example.org ssh-ed25519 ${key}
@cert-authority *.example.org,!secret.example.org ssh-ed25519 ${key}
@unheard-of login.example.org ssh-ed25519 ${key}
login.example.org ssh-ed25519
[login.example.org]:2222 ssh-ed25519 ${key}
LOGIN?.Example.org ssh-ed25519 ${key}
`;

  it('gives each line that speaks of a host its number, marker, kind and key', () => {
    expect(keysKnownFor('login.example.org', file, '/kh')).toEqual([
      { file: '/kh', line: 2, marker: 'none', type: 'ssh-ed25519', key: Buffer.from(key, 'base64') },
      { file: '/kh', line: 4, marker: 'revoked', type: 'ssh-ed25519', key: Buffer.from(key, 'base64') },
      { file: '/kh', line: 5, marker: 'authority', type: 'ssh-ed25519', key: Buffer.from(key, 'base64') },
    ]);
  });

  it.each([
    ['alias', ['2 none']],
    ['other.example.org', ['3 none', '5 authority']],
    ['secret.example.org', []],
    ['[login.example.org]:2222', ['8 none']],
    ['login1.example.org', ['5 authority', '9 none']],
    ['loginx', []],
  ])('of %s says %j', (name, lines) => {
    expect(linesFor(name, file)).toEqual(lines);
  });

  it('reads hashed names, as HashKnownHosts and ssh-keygen -H write them', () => {
    // From `ssh-keygen -H` of OpenSSH 9.2p1.
    const hashed = `|1|lwBG0VYI5E11oLfhlBfBzH9F1XA=|kxyzRgsAZB60+L/eCze2Odryglg= ssh-ed25519 ${key} a comment\n`;
    expect(linesFor('login.example.org', hashed)).toEqual(['1 none']);
    expect(linesFor('login.example.com', hashed)).toEqual([]);
    const own = `${hashOf('[h]:22', Buffer.from('salt'))} ssh-ed25519 ${key}`;
    expect(linesFor('[h]:22', own)).toEqual(['1 none']);
    expect(linesFor('h', own)).toEqual([]);
  });

  it('is read in time, whatever a pattern looks like', () => {
    const text = `${'*a'.repeat(40)}*b ssh-ed25519 ${key}\n`;
    expect(linesFor('a'.repeat(250), text)).toEqual([]);
    expect(linesFor(`${'a'.repeat(250)}b`, text)).toEqual(['1 none']);
  });

  it('takes nothing in a pattern for more than it is', () => {
    const text = `a.b ssh-ed25519 ${key}\n(a+)* ssh-ed25519 ${key}\n|1|x ssh-ed25519 ${key}\n|2|x|y ssh-ed25519 ${key}\n`;
    expect(linesFor('axb', text)).toEqual([]);
    expect(linesFor('aaa', text)).toEqual([]);
    expect(linesFor('a.b', text)).toEqual(['1 none']);
  });
});
