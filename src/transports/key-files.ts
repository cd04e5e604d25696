import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { quote } from '../shell.ts';

/** A file that may log us in. */
export interface KeyFile {
  path: string;
  /** The private key as it stands in the file; null where the file has only the public half, which an agent may know. */
  privateKey: string | null;
  /** The public half, if it can be had without a passphrase. */
  publicKey: Buffer | null;
  encrypted: boolean;
}

/** What was found behind the names of key files. */
export interface KeyFiles {
  files: KeyFile[];
  /** Why the others are of no use, except those that are only looked for by default. */
  unusable: string[];
  /** Among those are some that OpenSSH could use: certificates, keys in hardware. */
  needsOpenssh: boolean;
}

/** Reads the files that exist. */
export async function readKeyFiles(paths: readonly string[]): Promise<KeyFiles> {
  const found: KeyFiles = { files: [], unusable: [], needsOpenssh: false };
  const beyond = (path: string, what: string) => {
    found.unusable.push(`${path}: ${what}, which the transport ssh2 does not have`);
    found.needsOpenssh = true;
  };
  for (const path of paths) {
    const read = await readKeyFile(path);
    if (typeof read === 'string') found.unusable.push(`${path}: ${read}`);
    else if (read !== null && isInHardware(read)) beyond(path, 'a key in hardware');
    else if (read !== null) found.files.push(read);
    if ((await textOf(`${path}-cert.pub`)) !== null) beyond(`${path}-cert.pub`, 'a certificate');
  }
  return found;
}

/** `sk-ssh-ed25519@openssh.com` and its like: the private half is in a token (FIDO). */
function isInHardware({ publicKey }: KeyFile): boolean {
  return publicKey?.subarray(4, 7).toString('latin1') === 'sk-';
}

/** The file, why it is of no use, or null where nobody would miss it. */
async function readKeyFile(path: string): Promise<KeyFile | string | null> {
  const beside = await textOf(`${path}.pub`);
  const publicBeside = beside === null ? null : publicPart(beside);
  try {
    const text = await readFile(path, 'utf8');
    const publicKey = publicPart(text) ?? publicBeside;
    const isPrivate = text.includes('PRIVATE KEY-----');
    if (isPrivate && (await isTooOpen(path))) return `others may read it; type: chmod 600 ${quote(path)}`;
    if (!isPrivate && publicKey === null) return 'it holds no key';
    return { path, privateKey: isPrivate ? text : null, publicKey, encrypted: isPrivate && isEncrypted(text) };
  } catch (error) {
    if (publicBeside !== null) return { path, privateKey: null, publicKey: publicBeside, encrypted: false };
    if (isMissing(error)) return isDefaultName(path) ? null : 'there is no such file';
    return error instanceof Error ? error.message : String(error);
  }
}

/** The rule of `ssh`, which ignores such keys too. */
async function isTooOpen(path: string): Promise<boolean> {
  const { uid, mode } = await stat(path);
  return uid === process.getuid?.() && (mode & 0o077) !== 0;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** One of the names `ssh -G` lists without being told to, whether they exist or not. */
function isDefaultName(path: string): boolean {
  return /^id_(rsa|dsa|xmss|(ecdsa|ed25519)(_sk)?)$/.test(basename(path));
}

/** The public key of a public-key line, or of a private key in OpenSSH's own format, where it stands in the clear. */
export function publicPart(text: string): Buffer | null {
  const line = /^(?:ssh-|ecdsa-|sk-)\S+ ([A-Za-z0-9+/=]+)/m.exec(text);
  if (line?.[1] !== undefined) return Buffer.from(line[1], 'base64');
  return opensshFields(text)?.publicKey ?? null;
}

function isEncrypted(text: string): boolean {
  if (/^Proc-Type: 4,ENCRYPTED|BEGIN ENCRYPTED PRIVATE KEY/m.test(text)) return true;
  const fields = opensshFields(text);
  return fields !== null && fields.cipher !== 'none';
}

/** The fields before the secret part (OpenSSH, PROTOCOL.key): magic, cipher, kdf, kdf options, number of keys, public key. */
function opensshFields(text: string): { cipher: string; publicKey: Buffer } | null {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1];
  if (body === undefined) return null;
  const bytes = Buffer.from(body, 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) return null;
  const cipher = field(bytes, magic.length);
  const kdf = field(bytes, cipher.next);
  const options = field(bytes, kdf.next);
  const publicKey = field(bytes, options.next + 4);
  return publicKey.value.length === 0 ? null : { cipher: cipher.value.toString('latin1'), publicKey: publicKey.value };
}

function field(bytes: Buffer, at: number): { value: Buffer; next: number } {
  if (at + 4 > bytes.length) return { value: Buffer.alloc(0), next: bytes.length };
  const next = at + 4 + bytes.readUInt32BE(at);
  return { value: bytes.subarray(at + 4, next), next };
}
