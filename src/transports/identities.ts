import type { Ask } from '../context.ts';
import type { ConnectLimit } from './connect-limit.ts';
import { type KeyFile, readKeyFiles } from './key-files.ts';
import type { SshSettings } from './ssh-config.ts';

/** What the SSH library does with keys. */
export interface KeyTools {
  /** An `Error` for what is no key, or not with this passphrase. */
  parse(text: string, passphrase?: string): SigningKey | Error;
  /** The keys of the agent at `socket`; rejects when it does not answer. */
  agentKeys(socket: string): Promise<readonly AgentKey[]>;
}

/** A private key, open. */
export interface SigningKey {
  /** `hash` (`sha256`…) is for RSA alone. */
  sign(data: Buffer, hash?: string): Buffer | Error;
  getPublicSSH(): Buffer;
  isPrivateKey(): boolean;
}

/** A key the agent holds. */
export interface AgentKey {
  publicKey: Buffer;
  comment: string;
}

/** One key to offer. `label` names it in messages and never holds key material. */
export type Identity =
  | { kind: 'agent'; label: string; publicKey: Buffer }
  | { kind: 'open file'; label: string; publicKey: Buffer; key: SigningKey }
  | LockedFile;

/** A key behind a passphrase. `publicKey` is null where even that is (the old PEM format without a `.pub` beside it). */
export interface LockedFile {
  kind: 'locked file';
  label: string;
  publicKey: Buffer | null;
  privateKey: string;
}

/**
 * The keys to offer, in the order of `ssh`: those of the agent that the configuration names, the agent's others, then
 * the files the agent does not hold. `unusable` says why something that was asked for is not among them; `needsOpenssh`: for
 * some of that the system's `ssh` has what ssh2 lacks.
 */
export async function gatherIdentities(
  settings: SshSettings,
  tools: KeyTools,
): Promise<{ identities: Identity[]; unusable: string[]; needsOpenssh: boolean }> {
  const { files, unusable, needsOpenssh } = await readKeyFiles(settings.identityFiles);
  const held = await agentIdentities(settings.agentSocket, tools, unusable);
  const sameKey = (file: KeyFile) => (one: Identity) => equal(file.publicKey, one.publicKey);
  const named = files.flatMap((file) => held.filter(sameKey(file)));
  const others = settings.identitiesOnly ? [] : held.filter((one) => !named.includes(one));
  const own = files.filter((file) => !named.some(sameKey(file))).flatMap((file) => fileIdentity(file, tools, unusable));
  const ready = own.filter(({ publicKey }) => publicKey !== null);
  const dark = own.filter(({ publicKey }) => publicKey === null);
  return { identities: [...named, ...others, ...ready, ...dark], unusable, needsOpenssh };
}

function equal(one: Buffer | null, other: Buffer | null): boolean {
  return one !== null && other !== null && one.equals(other);
}

async function agentIdentities(socket: string | null, tools: KeyTools, unusable: string[]): Promise<Identity[]> {
  if (socket === null) return [];
  try {
    const keys = await tools.agentKeys(socket);
    return keys.map(({ publicKey, comment }) => ({ kind: 'agent', label: `agent key ${comment}`, publicKey }));
  } catch (error) {
    unusable.push(`agent at ${socket}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

function fileIdentity(file: KeyFile, tools: KeyTools, unusable: string[]): Identity[] {
  const { path, privateKey, publicKey } = file;
  if (privateKey === null) {
    unusable.push(`${path}: it has only the public half, and no agent holds the other`);
    return [];
  }
  if (file.encrypted) return [{ kind: 'locked file', label: path, publicKey, privateKey }];
  const key = tools.parse(privateKey);
  if (!(key instanceof Error)) return [{ kind: 'open file', label: path, publicKey: key.getPublicSSH(), key }];
  unusable.push(`${path}: ${key.message}`);
  return [];
}

/** Asks for the passphrase of a locked file, at most three times. null: none was given that opens it. */
export async function unlock(
  identity: LockedFile,
  tools: KeyTools,
  ask: Ask,
  limit: ConnectLimit,
): Promise<SigningKey | null> {
  for (let tries = 0; tries < 3; tries += 1) {
    const again = tries === 0 ? '' : 'That does not open it. ';
    const text = `${again}Passphrase for ${identity.label}: `;
    const passphrase = await limit.person(() => ask({ text, hidden: true }));
    if (passphrase === null || passphrase === '' || limit.signal.aborted) return null;
    const key = tools.parse(identity.privateKey, passphrase);
    if (!(key instanceof Error)) return key;
  }
  return null;
}
