import { execFile } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { commandLine } from '../shell.ts';
import type { ConnectLimit } from './connect-limit.ts';
import type { SshSettings } from './ssh-config.ts';
import type { Endpoint } from './transport.ts';

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

/** What the known-hosts files say to a key. `unknown` counts the authorities that may vouch for it, which nobody here can check. */
export type Verdict =
  | { kind: 'known' }
  | { kind: 'unknown'; authorities: number }
  | { kind: 'changed'; known: KnownKey }
  | { kind: 'revoked'; known: KnownKey };

/** A host whose key is to be checked. */
export interface HostKeyCheck {
  settings: SshSettings;
  endpoint: Endpoint;
  /** From `knownKeys`. */
  known: readonly KnownKey[];
}

/** How a host may prove that it holds a key. */
export type HostKeyAlgorithm =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'rsa-sha2-512'
  | 'rsa-sha2-256';

// The kinds of host key that ssh2 1.17 can verify, and the signatures it is to ask for. `ssh-rsa` signatures are SHA-1:
// as OpenSSH does since 8.8, they are not taken.
const signatures: Record<string, readonly HostKeyAlgorithm[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** The signature algorithms to ask the host for: those of the keys it is known by first, so that it shows such a key. */
export function hostKeyAlgorithms(known: readonly KnownKey[]): HostKeyAlgorithm[] {
  const types = known.filter(({ marker }) => marker === 'none').map(({ type }) => type);
  return [...new Set([...types, ...Object.keys(signatures)].flatMap((type) => signatures[type] ?? []))];
}

/** The name a host is known under: with its port, where that is not the usual one. */
export function knownHostName({ hostname, port, hostKeyAlias }: SshSettings): string {
  if (hostKeyAlias !== null) return hostKeyAlias.toLowerCase();
  return port === 22 ? hostname.toLowerCase() : `[${hostname.toLowerCase()}]:${port}`;
}

/** All that the known-hosts files say of the host, the user's files first. */
export async function knownKeys(settings: SshSettings, limit: ConnectLimit): Promise<Result<KnownKey[]>> {
  return lookUp(knownHostName(settings), settings, limit);
}

async function lookUp(name: string, settings: SshSettings, limit: ConnectLimit): Promise<Result<KnownKey[]>> {
  const files = [...settings.userKnownHosts, ...settings.globalKnownHosts].filter(isReadable);
  try {
    const found = files.map((file) => find(name, file, limit.signal));
    return ok((await Promise.all(found)).flat());
  } catch (error) {
    if (limit.signal.aborted) return failed(limit.failure());
    const reason = `the known-hosts files cannot be searched: ${error instanceof Error ? error.message : String(error)}`;
    return failed(limit.unreachable('configuration', reason, 'The `ssh-keygen` of the OpenSSH client is needed.'));
  }
}

/** As for `ssh`, a file that is not there or not for us says nothing. */
function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

async function find(name: string, file: string, signal: AbortSignal): Promise<KnownKey[]> {
  try {
    const { stdout } = await promisify(execFile)('ssh-keygen', ['-F', name, '-f', file], {
      signal,
      maxBuffer: 1 << 22,
    });
    return parseKnownKeys(stdout, file);
  } catch (error) {
    // 1 without a word: not in this file.
    if (error instanceof Error && 'code' in error && error.code === 1) return [];
    throw error;
  }
}

/** The answer of `ssh-keygen -F` (OpenSSH 7 to 10): before each line of the file a comment with the line's number. */
export function parseKnownKeys(text: string, file: string): KnownKey[] {
  const keys: KnownKey[] = [];
  let line = 0;
  for (const row of text.split('\n')) {
    const found = /^# Host .* found: line (\d+)/.exec(row);
    if (found !== null) {
      line = Number(found[1]);
      continue;
    }
    const words = row.trim().split(/\s+/);
    const mark = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [, type, blob] = words;
    if (type === undefined || blob === undefined) continue;
    keys.push({ file, line, marker: markers[mark ?? ''] ?? 'none', type, key: Buffer.from(blob, 'base64') });
  }
  return keys;
}

const markers: Record<string, KnownKey['marker']> = { '@revoked': 'revoked', '@cert-authority': 'authority' };

/**
 * Judges the key a host shows. A host that is known by any key and shows another is `changed`, even when the other is
 * of another kind: it was asked for the known kinds first.
 */
export function judge(known: readonly KnownKey[], key: Buffer): Verdict {
  const revoked = known.find((one) => one.marker === 'revoked' && one.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', known: revoked };
  const plain = known.filter(({ marker }) => marker === 'none');
  if (plain.some((one) => one.key.equals(key))) return { kind: 'known' };
  const other = plain.find(({ type }) => type === keyType(key)) ?? plain.find(({ type }) => type in signatures);
  if (other !== undefined) return { kind: 'changed', known: other };
  return { kind: 'unknown', authorities: known.filter(({ marker }) => marker === 'authority').length };
}

/** The fingerprint as `ssh` shows it: `SHA256:…`. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The kind of a key, from its own first field; empty when it has none. */
export function keyType(key: Buffer): string {
  if (key.length < 4) return '';
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}

/**
 * Lets the login go on, or not. A key that is not known is shown to the person at the terminal and, accepted, is written
 * down before this answers. A changed key is never asked about.
 */
export async function checkHostKey(
  check: HostKeyCheck,
  key: Buffer,
  limit: ConnectLimit,
  context: Context,
): Promise<Result<void>> {
  const verdict = judge(check.known, key);
  if (verdict.kind === 'known') return ok(undefined);
  if (verdict.kind !== 'unknown') return failed(changed(check, key, verdict));
  if (await isKnownWithoutPort(check.settings, key, limit)) return ok(undefined);
  const ask = context.ask;
  if (ask === null || check.settings.strictHostKeys) return failed(unknown(check, key, verdict.authorities));
  const answer = await limit.person(() => ask({ text: question(check.settings, key), hidden: false }));
  if (limit.signal.aborted) return failed(limit.failure());
  const accepted = answer?.trim().toLowerCase() === 'yes' || answer?.trim() === fingerprint(key);
  return accepted ? remember(check, key, context) : failed(unknown(check, key, verdict.authorities));
}

/** As `ssh` does, takes the host's key on the usual port for the same host's key on another. */
async function isKnownWithoutPort(settings: SshSettings, key: Buffer, limit: ConnectLimit): Promise<boolean> {
  if (settings.hostKeyAlias !== null || settings.port === 22) return false;
  const known = await lookUp(settings.hostname.toLowerCase(), settings, limit);
  return known.ok && judge(known.value, key).kind === 'known';
}

function question(settings: SshSettings, key: Buffer): string {
  return [
    `The host ${settings.hostname} (port ${settings.port}) is not known yet.`,
    `Its ${keyType(key)} key has the fingerprint ${fingerprint(key)}.`,
    'Compare it with what the site publishes. Go on and remember it? (yes/no) ',
  ].join('\n');
}

async function remember({ settings, endpoint }: HostKeyCheck, key: Buffer, context: Context): Promise<Result<void>> {
  const [file] = settings.userKnownHosts;
  if (file === undefined) {
    const text = `the host key of ${settings.hostname} is not remembered: UserKnownHostsFile is none`;
    context.emit({ kind: 'warning', site: endpoint.site, text });
    return ok(undefined);
  }
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const joint = (await endsInsideLine(file)) ? '\n' : '';
    await appendFile(file, joint + knownHostsLine(settings, key), { mode: 0o600 });
    return ok(undefined);
  } catch (error) {
    const reason = `the host key cannot be added: ${error instanceof Error ? error.message : String(error)}`;
    return failed({ kind: 'file-unusable', file, reason });
  }
}

async function endsInsideLine(file: string): Promise<boolean> {
  if (!existsSync(file)) return false;
  const text = await readFile(file, 'latin1');
  return text !== '' && !text.endsWith('\n');
}

function knownHostsLine(settings: SshSettings, key: Buffer): string {
  const name = knownHostName(settings);
  return `${settings.hashKnownHosts ? hashed(name) : name} ${keyType(key)} ${key.toString('base64')}\n`;
}

/** `|1|salt|HMAC-SHA1(salt, name)`, the form of `HashKnownHosts yes`. */
function hashed(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

function unknown({ settings, endpoint }: HostKeyCheck, key: Buffer, authorities: number): Failure {
  const { hostname, port } = settings;
  const login = sshCommand(endpoint);
  const scan = commandLine(['ssh-keyscan', ...(port === 22 ? [] : ['-p', String(port)]), hostname]);
  const hint = [
    `Type: ${login}  and compare the fingerprint with what the site publishes`,
    `(or add the right line of \`${scan}\` to ${settings.userKnownHosts[0] ?? 'a known-hosts file'}).`,
    ...(authorities > 0
      ? ['A @cert-authority line covers this host, but host certificates are not checked here.']
      : []),
    ...(settings.strictHostKeys ? ['StrictHostKeyChecking is yes: unknown keys are not asked about.'] : []),
  ].join(' ');
  return { kind: 'host-key-unknown', site: endpoint.site, host: hostname, port, fingerprint: fingerprint(key), hint };
}

function changed(
  { settings, endpoint }: HostKeyCheck,
  key: Buffer,
  verdict: { kind: 'changed' | 'revoked'; known: KnownKey },
): Failure {
  const { file, line } = verdict.known;
  const forget = commandLine(['ssh-keygen', '-R', knownHostName(settings), '-f', file]);
  const hint =
    verdict.kind === 'revoked'
      ? 'That line marks this very key as revoked. Ask the site before you go on.'
      : `Somebody may be in between. Ask the site whether its key has changed; if so, type: ${forget}`;
  return {
    kind: 'host-key-changed',
    site: endpoint.site,
    host: settings.hostname,
    port: settings.port,
    fingerprint: fingerprint(key),
    known: `${file}:${line}`,
    hint,
  };
}

/** The `ssh` command a person reaches the same place with. */
export function sshCommand({ host, user, port }: Endpoint, ...options: string[]): string {
  const portOption = port === null ? [] : ['-p', String(port)];
  return commandLine(['ssh', ...options, ...portOption, user === null ? host : `${user}@${host}`]);
}
