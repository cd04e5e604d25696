import Handlebars from 'handlebars';
import { failed, ok, type Result } from '../failure.ts';
import { quote, quotePath } from '../shell.ts';
import { directiveRefusal } from './directive-line.ts';
import { type Template, templateMistakes } from './template-check.ts';
import type { ScriptValues } from './values.ts';

/**
 * Job scripts from templates. Takes template text, not files. Every value goes into shell text by a helper that quotes
 * it, and a template that does otherwise is refused before it is rendered.
 */

/**
 * The script, ended by a newline. Fails with `template-invalid` (first mistake, by line) or, when a value cannot be
 * carried exactly, with `value-refused`.
 */
export function renderScript(
  source: { template: Template; partials: { readonly [name: string]: Template } },
  values: ScriptValues,
): Result<string> {
  const [mistake] = templateMistakes(source.template, source.partials);
  if (mistake !== undefined) return failed({ kind: 'template-invalid', ...mistake });
  try {
    const script = compiled(source)(values);
    return ok(script.endsWith('\n') ? script : `${script}\n`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return failed({ kind: 'value-refused', site: values.site, key: error.key, reason: error.message });
  }
}

/** How a helper stops the render: Handlebars has no other way out. It never leaves this file. */
class Refused extends Error {
  readonly key: string;
  constructor(key: string, reason: string) {
    super(reason);
    this.key = key;
  }
}

function compiled(source: { template: Template; partials: { readonly [name: string]: Template } }) {
  const handlebars = Handlebars.create();
  for (const name of ['with', 'lookup', 'log']) handlebars.unregisterHelper(name);
  handlebars.registerHelper(helpers);
  for (const [name, partial] of Object.entries(source.partials)) handlebars.registerPartial(name, partial.text);
  const knownHelpers = { q: true, path: true, place: true, directive: true, with: false, lookup: false, log: false };
  return handlebars.compile<ScriptValues>(source.template.text, {
    strict: true,
    knownHelpersOnly: true,
    knownHelpers,
    noEscape: true,
    preventIndent: true,
  });
}

const helpers = {
  q: (value: unknown) => quote(shellText(value, 'several lines')),
  path: (value: unknown) => quotePath(shellText(value, 'one line')),
  place: (value: unknown) => placeWord(shellText(value, 'one line')),
  directive: (prefix: string, value: unknown) => {
    const line = shellText(value, 'one line');
    const refusal = directiveRefusal(prefix, line);
    if (refusal !== null) throw new Refused('scheduler', `the directive ${line} cannot be carried exactly: ${refusal}`);
    return `${prefix} ${line}`;
  },
};

/** `/absolute`, `$NAME` or `$NAME/…` as one shell word; a name that is not set ends the job with a message. */
function placeWord(place: string): string {
  const match = /^\$([A-Za-z_][A-Za-z0-9_]*)(\/.*)?$/s.exec(place);
  if (match === null) return quote(place);
  return `"\${${match[1]}:?is not set on this node}"${match[2] === undefined ? '' : quote(match[2])}`;
}

function shellText(value: unknown, lines: 'one line' | 'several lines'): string {
  const text = value === null ? '' : String(value);
  const allowed = lines === 'one line' ? '' : '\n\t';
  const control = [...text].find((character) => /\p{Cc}/u.test(character) && !allowed.includes(character));
  if (control !== undefined) {
    const code = (control.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
    throw new Refused('script', `a value holds the control character U+${code}, which a job script cannot carry`);
  }
  if (/\p{Surrogate}/u.test(text)) throw new Refused('script', 'a value is not valid Unicode');
  return text;
}
