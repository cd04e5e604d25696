import { isPlainObject, type KeyNode } from './profile-keys.ts';

/**
 * What the schema library's schemas look like from outside, as far as finding keys needs it: an object has `entries`,
 * a record `value`, and what makes either optional has it as `wrapped` (valibot 1, part of its documented objects).
 */
export interface SchemaPart {
  readonly kind: 'schema';
  readonly type: string;
}

/** The schema of the key at `path`, null when there is no such key. A record has every key. */
export function partAt(schema: SchemaPart, path: readonly string[]): SchemaPart | null {
  const [first, ...rest] = path;
  if (first === undefined) return schema;
  const child = recordValue(schema) ?? entriesOf(schema)?.get(first);
  return child === undefined ? null : partAt(child, rest);
}

/** Whether `schema` is an object with named keys. */
export function isSection(schema: SchemaPart): boolean {
  return entriesOf(schema) !== null;
}

/** The keys of `schema` as plain data. */
export function keyNode(schema: SchemaPart): KeyNode {
  const entries = entriesOf(schema);
  if (entries === null) return { kind: recordValue(schema) ? 'record' : 'leaf' };
  const keys = new Map([...entries].map(([key, child]) => [key, keyNode(child)] as const));
  return { kind: 'section', keys, mayBeNull: schema.type === 'nullish' };
}

function entriesOf(schema: SchemaPart): Map<string, SchemaPart> | null {
  const bare = unwrapped(schema);
  if (!('entries' in bare) || !isPlainObject(bare.entries)) return null;
  return new Map(Object.entries(bare.entries).flatMap(([key, child]) => (isPart(child) ? [[key, child]] : [])));
}

function recordValue(schema: SchemaPart): SchemaPart | null {
  const bare = unwrapped(schema);
  return bare.type === 'record' && 'value' in bare && isPart(bare.value) ? bare.value : null;
}

/** A schema without what makes it optional. */
function unwrapped(schema: SchemaPart): SchemaPart {
  return 'wrapped' in schema && isPart(schema.wrapped) ? unwrapped(schema.wrapped) : schema;
}

function isPart(value: unknown): value is SchemaPart {
  return isPlainObject(value) && value['kind'] === 'schema';
}
