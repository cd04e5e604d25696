import type { Mistake } from '../failure.ts';
import { parseJson } from './json-text.ts';
import { forbiddenKeys, isPlainObject, type KeyNode, keySegment, unknownKey } from './profile-keys.ts';
import { acceptsAt, profileKeys } from './schema.ts';

/** One change of a written profile: the path of a key, and its new value, or `undefined` to take the key out. */
export interface Assignment {
  path: readonly string[];
  value: unknown;
}

export type ParsedAssignment = { ok: true; value: Assignment } | { ok: false; mistake: Mistake };

/**
 * Reads `KEY=VALUE`. KEY is dotted (`pilot.env.FOO`). VALUE is JSON where the key takes that JSON, else the text
 * itself (`scheduler.account=1234` is text), else, for a key that takes a list, the text as its one element
 * (`pilot.owners=ada`; not where it begins with a bracket, since then the shell has eaten the quotes of a JSON list).
 * `null` takes the key out, so that its default counts. Whether the profile has such a key and takes such a value is
 * decided later, for the profile as a whole.
 */
export function parseAssignment(written: string): ParsedAssignment {
  const equals = written.indexOf('=');
  if (equals < 1) return refused([written], 'must be KEY=VALUE, such as target=5');
  const path = written.slice(0, equals).split('.');
  if (path.some((segment) => forbiddenKeys.has(segment))) return refused(path, 'this name cannot be used as a key');
  return parseValue(path, written.slice(equals + 1));
}

/** A copy of `raw` with the assignments made in their order, and what was wrong with their keys. */
export function assign(
  raw: Record<string, unknown>,
  assignments: readonly Assignment[],
): { raw: Record<string, unknown>; mistakes: Mistake[] } {
  const changed = structuredClone(raw);
  const mistakes = assignments.flatMap((assignment) => assignOne(changed, assignment));
  return { raw: changed, mistakes };
}

/** What `raw` holds at `path`; undefined when nothing. */
export function valueAt(raw: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, segment) => own(at, segment), raw);
}

function parseValue(path: readonly string[], text: string): ParsedAssignment {
  const json = parseJson(text);
  if (json.ok && json.value === null) return { ok: true, value: { path, value: undefined } };
  const looksLikeJson = /^\s*[[{]/.test(text);
  const element = json.ok && typeof json.value === 'string' ? json.value : text;
  const readings = [...(json.ok ? [json.value] : []), text, ...(looksLikeJson ? [] : [[element]])];
  const fitting = readings.find((reading) => acceptsAt(path, reading));
  if (fitting === undefined && looksLikeJson && !json.ok) {
    return refused(path, 'the value is not JSON; put it in single quotes, so that the shell leaves its quotes alone');
  }
  return { ok: true, value: { path, value: fitting ?? readings[0] } };
}

function refused(path: readonly string[], message: string): ParsedAssignment {
  return { ok: false, mistake: { key: dotted(path), message } };
}

function assignOne(root: Record<string, unknown>, { path, value }: Assignment): Mistake[] {
  // A key that nobody knows can be taken out: how else would a file that has one become right again.
  const removes = value === undefined && valueAt(root, path) !== undefined;
  if (!removes && !isKnown(path, profileKeys)) return [unknownKey(dotted(path), profileKeys)];
  const section = path.slice(0, -1);
  const last = path.at(-1) ?? '';
  const holder = sectionAt(root, section, value !== undefined);
  if (holder === null) return value === undefined ? [] : [{ key: dotted(section), message: 'must be an object' }];
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return [];
}

function isKnown(path: readonly string[], node: KeyNode): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return true;
  if (node.kind === 'record') return rest.length === 0;
  const child = node.kind === 'section' ? node.keys.get(first) : undefined;
  return child !== undefined && isKnown(rest, child);
}

/** The object at `path`; made where nothing is, if `make`. Null when something else is in its place. */
function sectionAt(
  root: Record<string, unknown>,
  path: readonly string[],
  make: boolean,
): Record<string, unknown> | null {
  let at = root;
  for (const segment of path) {
    let child = own(at, segment);
    if (make && (child === undefined || child === null)) {
      child = {};
      at[segment] = child;
    }
    if (!isPlainObject(child)) return null;
    at = child;
  }
  return at;
}

function own(holder: unknown, key: string): unknown {
  return isPlainObject(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined;
}

function dotted(path: readonly string[]): string {
  return path.map(keySegment).join('.');
}
