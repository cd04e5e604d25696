import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { commandLine } from '../shell.ts';
import type { ConnectLimit } from './connect-limit.ts';
import { hashOf, type KnownKey, keysKnownFor } from './known-hosts.ts';
import type { SshSettings } from './ssh-config.ts';
import type { Endpoint } from './transport.ts';

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
  const files = [...settings.userKnownHosts, ...settings.globalKnownHosts];
  const texts = await Promise.all(files.map((file) => readFile(file, 'latin1').catch(unlessUnreadable)));
  if (limit.signal.aborted) return failed(limit.failure());
  return ok(texts.flatMap((text, at) => keysKnownFor(name, text, files[at] ?? '')));
}

/** As for `ssh`, a file that is not there or not for us says nothing. */
function unlessUnreadable(): string {
  return '';
}

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
  return `${settings.hashKnownHosts ? hashOf(name, randomBytes(20)) : name} ${keyType(key)} ${key.toString('base64')}\n`;
}

function unknown({ settings, endpoint }: HostKeyCheck, key: Buffer, authorities: number): Failure {
  const { hostname, port } = settings;
  const login = sshCommand(endpoint);
  const scan = commandLine(['ssh-keyscan', ...(port === 22 ? [] : ['-p', String(port)]), hostname]);
  const hint = [
    `Type: ${login}  and compare the fingerprint with what the site publishes`,
    `(or add the right line of \`${scan}\` to ${settings.userKnownHosts[0] ?? 'a known-hosts file'}).`,
    ...(authorities > 0
      ? [
          'A @cert-authority line covers this host, but the transport ssh2 checks no host certificates;',
          `the other one does: glidein site set ${endpoint.site} connection.transport=openssh`,
        ]
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
