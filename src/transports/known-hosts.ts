import { createHmac } from 'node:crypto';

/** The known-hosts files of OpenSSH: which of their lines speak of a host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Pure. */

/** One line of a known-hosts file that speaks of the host. */
export interface KnownKey {
  file: string;
  line: number;
  /** `authority`: the key signs host certificates and is no host key. */
  marker: 'none' | 'revoked' | 'authority';
  /** `ssh-ed25519`, `ssh-rsa`… */
  type: string;
  key: Buffer;
}

const markers: Record<string, KnownKey['marker']> = { '@revoked': 'revoked', '@cert-authority': 'authority' };

/** What a file says of a host, in its order. `name` is in lower case, with its port where that is not 22: `[host]:2222`. */
export function keysKnownFor(name: string, text: string, file: string): KnownKey[] {
  return text.split('\n').flatMap((row, at) => {
    const words = row.trim().split(/\s+/);
    const mark = words[0]?.startsWith('@') ? words.shift() : undefined;
    const marker = mark === undefined ? 'none' : markers[mark];
    const [names, type, blob] = words;
    if (marker === undefined || names === undefined || type === undefined || blob === undefined) return [];
    if (names.startsWith('#') || !speaksOf(names, name)) return [];
    return [{ file, line: at + 1, marker, type, key: Buffer.from(blob, 'base64') }];
  });
}

/** A hashed name, or patterns joined by commas; one that begins with `!` and matches takes the line away. */
function speaksOf(names: string, name: string): boolean {
  if (names.startsWith('|')) return isHashOf(names, name);
  const patterns = names.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => matches(pattern, name));
}

/** `|1|salt|HMAC-SHA1(salt, name)`, both in base64: what `HashKnownHosts yes` writes. */
function isHashOf(field: string, name: string): boolean {
  const [, version, salt, hash] = field.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  return hashOf(name, Buffer.from(salt, 'base64')) === field;
}

/** The hashed form of a name. */
export function hashOf(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

/**
 * `*` is any text and `?` any one character; nothing else in a pattern is special, brackets neither. Where it does not go
 * on, only the last `*` takes one character more: the time is at most length by length.
 */
function matches(pattern: string, name: string): boolean {
  let [at, star, tried] = [0, -1, 0];
  for (let read = 0; read < name.length; ) {
    if (pattern[at] === '*') [star, tried, at] = [at, read, at + 1];
    else if (pattern[at] === '?' || pattern[at] === name[read]) [at, read] = [at + 1, read + 1];
    else if (star >= 0) [tried, read, at] = [tried + 1, tried + 1, star + 1];
    else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
