import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { failed, ok, type Result } from '../failure.ts';
import { packed, packingList, unreadable } from './packed-directory.ts';

/** Something on this machine as what a login host gets of it: one file, known by its content. */
export interface Shipment {
  /** SHA-256 of the file that arrives. */
  digest: string;
  bytes: number;
  /** What it is here: a file goes as it is, a directory as a tar file. */
  kind: 'file' | 'directory';
  /** The file's bytes; rejects when it cannot be read, or a directory changes meanwhile. */
  content(): AsyncIterable<Uint8Array>;
}

/** Reads a file, or packs a directory without what `leaveOut` names at its top: once for the digest, again when it is sent. */
export async function shipmentOf(path: string, leaveOut: readonly string[]): Promise<Result<Shipment>> {
  try {
    const facts = await stat(path);
    if (!facts.isDirectory()) return ok(await digested('file', () => createReadStream(path)));
    const list = await packingList(path, leaveOut);
    return list.ok ? ok(await digested('directory', () => packed(path, list.value))) : list;
  } catch (error) {
    return failed(unreadable(path, error));
  }
}

async function digested(kind: Shipment['kind'], content: Shipment['content']): Promise<Shipment> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content()) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { kind, digest: hash.digest('hex'), bytes, content };
}
