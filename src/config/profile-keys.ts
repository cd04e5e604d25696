import type { Mistake } from '../failure.ts';
import { nearestKey } from './nearest-key.ts';

/** The keys a profile may have, as plain data: sections hold named keys, a record any key of the user's, a leaf a value. */
export type KeyNode =
  /** `mayBeNull`: the section as a whole is null when it is left out. */
  { kind: 'section'; keys: ReadonlyMap<string, KeyNode>; mayBeNull: boolean } | { kind: 'record' } | { kind: 'leaf' };

/** Keys that reach an object's prototype in JavaScript. They are never a profile's key, at any level. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** True for what JSON writes in braces. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A key as part of a dotted path in a message; one that is not a plain word is quoted, so that a terminal cannot be written to. */
export function keySegment(key: string): string {
  return /^[\w-]{1,64}$/.test(key) ? key : JSON.stringify(key.slice(0, 64));
}

/** Every dotted key below `node`, sections too, in the order of the schema. */
export function dottedKeys(node: KeyNode, prefix = ''): string[] {
  if (node.kind !== 'section') return [];
  return [...node.keys].flatMap(([name, child]) => [`${prefix}${name}`, ...dottedKeys(child, `${prefix}${name}.`)]);
}

/** The mistake of naming `key`, which the profile does not have; names the nearest one it has. */
export function unknownKey(key: string, tree: KeyNode): Mistake {
  const nearest = nearestKey(key, dottedKeys(tree));
  if (nearest === null) return { key, message: 'unknown key' };
  const ownLength = key.length - key.lastIndexOf('.') - 1;
  const close = nearest.distance <= 1 + Math.floor(ownLength / 3);
  return {
    key,
    message: close ? `unknown key; did you mean ${nearest.key}?` : `unknown key; the nearest is ${nearest.key}`,
  };
}

/** What is wrong with the shape of a written profile: keys nobody knows, and lists where sections belong. */
export function shapeMistakes(raw: unknown, tree: KeyNode): Mistake[] {
  return shapeMistakesAt(raw, tree, tree, '');
}

function shapeMistakesAt(raw: unknown, node: KeyNode, tree: KeyNode, path: string): Mistake[] {
  if (node.kind === 'leaf') return [];
  if (Array.isArray(raw)) return [{ key: path, message: 'must be an object, not a list' }];
  if (!isPlainObject(raw)) return [];
  if (node.kind === 'record') return Object.keys(raw).flatMap((name) => forbiddenIn(name, path));
  return Object.entries(raw).flatMap(([name, value]) => {
    const key = path === '' ? keySegment(name) : `${path}.${keySegment(name)}`;
    const child = node.keys.get(name);
    return child === undefined ? [unknownKey(key, tree)] : shapeMistakesAt(value, child, tree, key);
  });
}

function forbiddenIn(name: string, path: string): Mistake[] {
  return forbiddenKeys.has(name) ? [{ key: `${path}.${name}`, message: 'this name cannot be used as a key' }] : [];
}

/** The dotted leaf keys that `raw` leaves out, so that their defaults count. A record that is left out is one key. */
export function defaultedKeys(raw: unknown, node: KeyNode, prefix = ''): string[] {
  if (node.kind !== 'section') return [];
  const written = isPlainObject(raw) ? raw : {};
  return [...node.keys].flatMap(([name, child]) => {
    const key = `${prefix}${name}`;
    const value = Object.hasOwn(written, name) ? written[name] : undefined;
    if (child.kind === 'section' && !child.mayBeNull) return defaultedKeys(value, child, `${key}.`);
    return value === undefined ? [key] : [];
  });
}
