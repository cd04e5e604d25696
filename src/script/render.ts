import { failed, ok, type Result } from '../failure.ts';
import { quote, quotePath } from '../shell.ts';
import { type Kind, type ScriptValues, variableKinds } from './values.ts';

/**
 * Job scripts from templates that were found right. Every value goes into shell text by a helper that quotes it; a
 * template that does otherwise does not get here (template-check.ts).
 */

/** A template that was read, checked and compiled. */
export type ReadyTemplate = (values: ScriptValues) => string;

/** The script, ended by a newline. Fails with `value-refused` when a value cannot be carried exactly. */
export function renderScript(template: ReadyTemplate, values: ScriptValues): Result<string> {
  const refusal = refusalOf('script', values, { record: variableKinds });
  if (refusal !== null) return failed({ kind: 'value-refused', site: values.site, ...refusal });
  const script = template(values);
  return ok(script.endsWith('\n') ? script : `${script}\n`);
}

/** What templates print values with. */
export const templateHelpers = {
  q: (value: unknown) => quote(value === null ? '' : String(value)),
  path: (value: unknown) => quotePath(String(value)),
  place: (value: unknown) => placeWord(String(value)),
  directive: (prefix: string, value: unknown) => `${prefix} ${String(value)}`,
};

/** Handlebars' own helpers that templates may not use. */
export const withheldHelpers = ['with', 'lookup', 'log'] as const;

/** `/absolute`, `$NAME` or `$NAME/…` as one shell word; a name that is not set ends the job with a message. */
function placeWord(place: string): string {
  const match = /^\$([A-Za-z_][A-Za-z0-9_]*)(\/.*)?$/s.exec(place);
  if (match === null) return quote(place);
  const [, name = '', below] = match;
  return `"\${${name}:?is not set on this node}"${below === undefined ? '' : quote(below)}`;
}

/** The first value that no shell word can carry as its kind should be, by its dotted name; null when all can. */
function refusalOf(key: string, value: unknown, kind: Kind): { key: string; reason: string } | null {
  if (typeof kind === 'string') {
    const reason = value === null || typeof value === 'boolean' ? null : plainRefusal(value, kind);
    return reason === null ? null : { key, reason };
  }
  const parts =
    'list' in kind ? listed(value).map((item) => [key, item, kind.list] as const) : named(key, value, kind.record);
  for (const [name, part, partKind] of parts) {
    const refusal = refusalOf(name, part, partKind);
    if (refusal !== null) return refusal;
  }
  return null;
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function named(key: string, value: unknown, kinds: { readonly [name: string]: Kind }) {
  const record = new Map<string, unknown>(Object.entries(Object(value)));
  return Object.entries(kinds).map(([name, kind]) => [`${key}.${name}`, record.get(name), kind] as const);
}

function plainRefusal(value: unknown, kind: Kind): string | null {
  if (kind === 'number')
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? null : 'it is no number';
  if (typeof value !== 'string') return 'it is no text';
  if (kind === 'name' && !/^[A-Za-z0-9._-]+$/.test(value)) return 'it must be letters, digits and . _ -';
  if (/\p{Surrogate}/u.test(value)) return 'it is not valid Unicode';
  // sbatch refuses a script with carriage returns; a shell loses NUL.
  const control = kind === 'text' ? /[^\P{Cc}\n\t]/u : /\p{Cc}/u;
  return control.test(value) ? 'it holds a control character, which a job script cannot carry' : null;
}
