import { execFile } from 'node:child_process';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failed, ok, type Result } from '../failure.ts';
import type { ConnectLimit } from './connect-limit.ts';
import { type JumpName, lastJump, mostJumps } from './jump-hosts.ts';
import type { Endpoint } from './transport.ts';

/** How to reach a host, by the user's SSH configuration. Paths are absolute. */
export interface SshSettings {
  hostname: string;
  user: string;
  port: number;
  /** 0: either. */
  addressFamily: 0 | 4 | 6;
  /** In the order in which they are to be tried. They need not exist. */
  identityFiles: readonly string[];
  /** Offer no key of the agent but those of `identityFiles`. */
  identitiesOnly: boolean;
  /** The agent's socket; null: no agent. */
  agentSocket: string | null;
  userKnownHosts: readonly string[];
  globalKnownHosts: readonly string[];
  /** The name the host key is known under, if not its own. */
  hostKeyAlias: string | null;
  /** An unknown host key is refused without a question. */
  strictHostKeys: boolean;
  hashKnownHosts: boolean;
  /** The line that sends the connection through something else; null: straight. */
  proxy: string | null;
  /** The hosts that a `ProxyJump` leads through, the first to connect to first; they have none themselves. */
  jumps: readonly Jump[];
  /** The control socket of the user's own master connections; null: they have none. */
  controlPath: string | null;
  /** Host keys would not be checked (`StrictHostKeyChecking no`). */
  trustsBlindly: boolean;
  /** How often a silent server is asked whether it is there; 0: never. */
  keepaliveSeconds: number;
  /** How many such questions in a row may stay without an answer. */
  keepaliveCount: number;
  /** OpenSSH's own ciphers, the fastest first; null where the configuration has a list or an order of its own. */
  ciphers: string | null;
  /** What the configuration asks for that the library `ssh2` cannot do, as its lines; empty: nothing. */
  beyondSsh2: readonly string[];
}

/** A host on the way, and how to reach it. */
export interface Jump {
  name: JumpName;
  settings: SshSettings;
}

/** What this machine adds to a configuration. */
export interface Surroundings {
  home: string;
  user: string;
  uid: number;
  env: NodeJS.ProcessEnv;
}

// What OpenSSH 9 tries by itself, without the kinds that need hardware.
const defaultIdentities = ['id_rsa', 'id_ecdsa', 'id_ed25519'].map((name) => `~/.ssh/${name}`);

/** What `ssh -G` said. `note` is for the user: why something else was taken instead. */
export type ReadSettings = Result<{ settings: SshSettings; note: string | null }>;

/** Asks the system's `ssh` how it would connect, and through which hosts. */
export async function readSshSettings(endpoint: Endpoint, limit: ConnectLimit): Promise<ReadSettings> {
  const read = await readOne(endpoint, [], limit);
  if (!read.ok) return read;
  const { settings, note } = read.value;
  const jumps = await readJumps(endpoint.host, settings, limit);
  if (!jumps.ok) return jumps;
  const beyondSsh2 = [...settings.beyondSsh2, ...jumps.value.flatMap((jump) => jump.settings.beyondSsh2)];
  return ok({ settings: { ...settings, jumps: jumps.value, beyondSsh2 }, note });
}

/** From the last host of the way to the first: each one's own configuration may lead through others. */
async function readJumps(host: string, settings: SshSettings, limit: ConnectLimit): Promise<Result<Jump[]>> {
  const jumps: Jump[] = [];
  let [name, last] = [host, settings];
  while (last.proxy?.startsWith(jumpPrefix) === true) {
    const line = withNames(last.proxy.slice(jumpPrefix.length), name, last);
    const found = lastJump(line);
    if (found === null) return failed(limit.unreachable('configuration', `\`ProxyJump ${line}\` names no host`));
    if (jumps.length === mostJumps) {
      const reason = `the way through jump hosts is in a circle, or longer than ${mostJumps}: ${line}`;
      return failed(limit.unreachable('configuration', reason));
    }
    const before = found.before === null ? [] : ['-J', found.before];
    const read = await readOne({ ...found.jump, identityFile: null }, before, limit);
    if (!read.ok) return read;
    [name, last] = [found.jump.host, read.value.settings];
    jumps.unshift({ name: found.jump, settings: last });
  }
  return ok(jumps);
}

/** The names that stand for parts of the host that is led to. */
function withNames(line: string, original: string, { hostname, port, user }: SshSettings): string {
  const tokens: Record<string, string> = { '%': '%', h: hostname, n: original, p: String(port), r: user };
  return line.replaceAll(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole);
}

async function readOne(to: Destination, options: readonly string[], limit: ConnectLimit): Promise<ReadSettings> {
  const here = surroundings();
  try {
    const running = promisify(execFile)('ssh', ['-G', ...options, ...destination(to)], {
      signal: limit.signal,
      maxBuffer: 1 << 20,
    });
    running.child.stdin?.end();
    const { stdout } = await running;
    return ok({ settings: parseSshSettings(stdout, here), note: null });
  } catch (error) {
    if (limit.signal.aborted) return failed(limit.failure());
    if (codeOf(error) === 'ENOENT') {
      const note = 'there is no `ssh` program on PATH: ~/.ssh/config is not read';
      return ok({ settings: plainSettings(to, here), note });
    }
    return failed(limit.unreachable('configuration', `\`ssh -G\` failed: ${complaint(error)}`));
  }
}

/** A place as the configuration knows it. */
export type Destination = Pick<Endpoint, 'host' | 'user' | 'port' | 'identityFile'>;

/** The words that lead `ssh` to the place; options stand before them, a command after them. */
export function destination({ host, user, port, identityFile }: Destination): string[] {
  return [
    ...(user === null ? [] : ['-l', user]),
    ...(port === null ? [] : ['-p', String(port)]),
    // Not `-i`: that one drops a file that does not exist and says so only on stderr.
    ...(identityFile === null ? [] : ['-o', `IdentityFile="${identityFile.replaceAll(/["\\]/g, '\\$&')}"`]),
    '--',
    host,
  ];
}

/** Settings from the output of `ssh -G` (OpenSSH 7 to 10: one lower-case keyword and its value a line). */
export function parseSshSettings(text: string, here: Surroundings): SshSettings {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const match = /^(\S+) (.*)$/.exec(line);
    if (match?.[1] !== undefined) values.set(match[1], [...(values.get(match[1]) ?? []), match[2] ?? '']);
  }
  const one = (key: string): string | null => values.get(key)?.[0] ?? null;
  const names = {
    hostname: one('hostname') ?? '',
    user: one('user') ?? here.user,
    port: Number(one('port') ?? 22),
    hostKeyAlias: one('hostkeyalias'),
  };
  const path = (value: string) => expandPath(value, { ...names, originalHost: one('host') ?? names.hostname }, here);
  return {
    ...names,
    addressFamily: families[one('addressfamily') ?? ''] ?? 0,
    identityFiles: (values.get('identityfile') ?? []).filter((value) => value !== 'none').map(path),
    identitiesOnly: isYes(one('identitiesonly')),
    agentSocket: agentSocket(one('identityagent'), path, here),
    userKnownHosts: pathList(one('userknownhostsfile')).map(path),
    globalKnownHosts: pathList(one('globalknownhostsfile')).map(path),
    strictHostKeys: isYes(one('stricthostkeychecking')),
    hashKnownHosts: isYes(one('hashknownhosts')),
    proxy: proxyLine(one('proxyjump'), one('proxycommand')),
    jumps: [],
    controlPath: unlessNone(one('controlpath')),
    trustsBlindly: ['no', 'off', 'false'].includes(one('stricthostkeychecking') ?? ''),
    keepaliveSeconds: Number(one('serveraliveinterval') ?? 0),
    keepaliveCount: Number(one('serveralivecountmax') ?? 3),
    ciphers: fastestFirst(one('ciphers')),
    beyondSsh2: beyondSsh2(one),
  };
}

const chacha = 'chacha20-poly1305@openssh.com';
const gcm = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'];
const ctr = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr'];
/** What OpenSSH prefers by itself: 10.0 and later, 7.6 to 9.9, and before. */
const usualCiphers = [
  [chacha, ...gcm, ...ctr],
  [chacha, ...ctr, ...gcm],
  [chacha, ...ctr, ...gcm, 'aes128-cbc', 'aes192-cbc', 'aes256-cbc'],
].map((ciphers) => ciphers.join(','));

/** With AES in the processor, GCM takes two thirds of what the usual first one does (measured, 9.2). */
function fastestFirst(ciphers: string | null): string | null {
  if (ciphers === null || !usualCiphers.includes(ciphers)) return null;
  const [fastest = ''] = gcm;
  return [fastest, ...ciphers.split(',').filter((one) => one !== fastest)].join(',');
}

function unlessNone(value: string | null): string | null {
  return value === 'none' ? null : value;
}

/**
 * Only what somebody wrote down counts: `ssh -G` also tells its defaults, and distributions switch GSSAPI on for
 * everybody. Where no keys are to be tried a person must answer, and only OpenSSH keeps that login for later passes.
 */
function beyondSsh2(one: (key: string) => string | null): string[] {
  const methods = one('preferredauthentications')?.split(',') ?? ['publickey'];
  const command = one('proxyjump') === null ? unlessNone(one('proxycommand')) : null;
  const [certificate, token, hardware] = [one('certificatefile'), one('pkcs11provider'), one('securitykeyprovider')];
  return [
    ...(command === null ? [] : [`ProxyCommand ${command}`]),
    ...(unlessNone(certificate) === null ? [] : [`CertificateFile ${certificate}`]),
    ...(unlessNone(token) === null ? [] : [`PKCS11Provider ${token}`]),
    ...(hardware === null || hardware === 'internal' ? [] : [`SecurityKeyProvider ${hardware}`]),
    ...(['no', 'false'].includes(one('pubkeyauthentication') ?? '') ? ['PubkeyAuthentication no'] : []),
    ...(methods.includes('publickey') ? [] : [`PreferredAuthentications ${methods.join(',')}`]),
  ];
}

const families: Record<string, 4 | 6> = { inet: 4, inet6: 6 };

/** `ssh -G` prints some switches as yes/no and others as true/false. */
function isYes(value: string | null): boolean {
  return value === 'yes' || value === 'true';
}

const jumpPrefix = 'ProxyJump ';

function proxyLine(jump: string | null, command: string | null): string | null {
  if (jump !== null && jump !== 'none') return `${jumpPrefix}${jump}`;
  return command === null || command === 'none' ? null : `ProxyCommand ${command}`;
}

/** `ssh -G` joins the paths of a list by spaces and does not quote; a new path begins with `/` or `~`. */
function pathList(value: string | null): string[] {
  if (value === null || value === 'none') return [];
  return value.split(/ (?=[/~])/);
}

function agentSocket(value: string | null, path: (value: string) => string, here: Surroundings): string | null {
  if (value === 'none') return null;
  if (value === null || value === 'SSH_AUTH_SOCK') return here.env['SSH_AUTH_SOCK'] || null;
  if (value.startsWith('$') && !value.startsWith('${')) return here.env[value.slice(1)] || null;
  return path(value);
}

/** Does what `ssh -G` leaves to be done: `~`, `%` tokens and `${NAME}`. */
function expandPath(
  value: string,
  names: { hostname: string; originalHost: string; user: string; port: number; hostKeyAlias: string | null },
  here: Surroundings,
): string {
  const tokens: Record<string, string> = {
    '%': '%',
    d: here.home,
    h: names.hostname,
    i: String(here.uid),
    k: names.hostKeyAlias ?? names.originalHost,
    n: names.originalHost,
    p: String(names.port),
    r: names.user,
    u: here.user,
  };
  const atHome = value === '~' || value.startsWith('~/') ? here.home + value.slice(1) : value;
  return atHome
    .replaceAll(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole)
    .replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => here.env[name] ?? whole);
}

/** What `ssh` does without any configuration. */
export function plainSettings(endpoint: Destination, here: Surroundings): SshSettings {
  const identities = endpoint.identityFile === null ? defaultIdentities : [endpoint.identityFile];
  const home = (path: string) => (path.startsWith('~/') ? join(here.home, path.slice(2)) : path);
  return {
    hostname: endpoint.host,
    user: endpoint.user ?? here.user,
    port: endpoint.port ?? 22,
    addressFamily: 0,
    identityFiles: identities.map(home),
    identitiesOnly: false,
    agentSocket: here.env['SSH_AUTH_SOCK'] || null,
    userKnownHosts: [join(here.home, '.ssh', 'known_hosts')],
    globalKnownHosts: ['/etc/ssh/ssh_known_hosts'],
    hostKeyAlias: null,
    strictHostKeys: false,
    hashKnownHosts: false,
    proxy: null,
    jumps: [],
    controlPath: null,
    trustsBlindly: false,
    keepaliveSeconds: 0,
    keepaliveCount: 3,
    ciphers: null,
    beyondSsh2: [],
  };
}

function surroundings(): Surroundings {
  const { username, uid } = userInfo();
  return { home: homedir(), user: username, uid, env: process.env };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null;
}

/** What the program said, without its remarks that are no error. */
function complaint(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const said = stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Pseudo-terminal'));
  return said.length > 0 ? said.join('; ').slice(0, 500) : String(error);
}
