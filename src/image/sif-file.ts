import { open } from 'node:fs/promises';
import { failed, ok, type Result } from '../failure.ts';
import { unreadable } from './packed-directory.ts';

/** Where a SIF says that it is one, and how: behind the line by which a system can run it. */
const magic = { at: 32, text: 'SIF_MAGIC' };

/** The size of a local SIF. Fails for what is no file, cannot be read, or is something else. */
export async function sifBytes(path: string): Promise<Result<number>> {
  try {
    await using file = await open(path);
    const facts = await file.stat();
    if (!facts.isFile()) return failed({ kind: 'file-unusable', file: path, reason: 'it is no file' });
    const { buffer } = await file.read(Buffer.alloc(magic.text.length), 0, magic.text.length, magic.at);
    if (buffer.toString('latin1') === magic.text) return ok(facts.size);
    return failed({ kind: 'file-unusable', file: path, reason: 'it is no SIF image' });
  } catch (error) {
    return failed(unreadable(path, error));
  }
}
