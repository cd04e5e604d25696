import type { Context } from '../context.ts';
import { parseSource } from './image-source.ts';
import { askRegistry, type RegistryAnswer } from './registry.ts';

/** What an image's source stands for now. Never longer than `seconds`. A source that is no registry's has nobody to ask. */
export async function askSource(source: string, seconds: number, { signal }: Context): Promise<RegistryAnswer> {
  const parsed = parseSource(source);
  if (parsed?.kind !== 'registry') return { kind: 'silent', reason: 'it is from no registry' };
  return askRegistry(parsed, { seconds, sizes: false, signal });
}
