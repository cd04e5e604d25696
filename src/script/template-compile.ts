import Handlebars from 'handlebars';
import { failed, ok, type Result } from '../failure.ts';
import { type ReadyTemplate, templateHelpers, withheldHelpers } from './render.ts';
import { templateMistakes } from './template-check.ts';
import type { TemplateSource } from './template-source.ts';

/** Templates from their text: checked, then compiled by Handlebars. */

const options = {
  strict: true,
  knownHelpersOnly: true,
  noEscape: true,
  preventIndent: true,
  knownHelpers: { q: true, path: true, place: true, directive: true, with: false, lookup: false, log: false },
};

/** The template, ready for values. Fails with `template-invalid` (the first mistake, by line). */
export function compileTemplate(source: TemplateSource): Result<ReadyTemplate> {
  const [mistake] = templateMistakes(source.template, source.partials);
  if (mistake !== undefined) return failed({ kind: 'template-invalid', ...mistake });
  const handlebars = Handlebars.create();
  for (const name of withheldHelpers) handlebars.unregisterHelper(name);
  handlebars.registerHelper(templateHelpers);
  for (const [name, partial] of Object.entries(source.partials)) handlebars.registerPartial(name, partial.text);
  return ok(handlebars.compile(source.template.text, options));
}

/**
 * The same, as the source text of a JavaScript object, which needs no compiler when it is used (precompiled.ts).
 * @public The build calls it (rolldown.config.js).
 */
export function precompileTemplate(source: TemplateSource): Result<string> {
  const [mistake] = templateMistakes(source.template, source.partials);
  if (mistake !== undefined) return failed({ kind: 'template-invalid', ...mistake });
  const compiled = (text: string) => String(Handlebars.precompile(text, options));
  const partials = Object.entries(source.partials).map(
    ([name, partial]) => `${JSON.stringify(name)}: ${compiled(partial.text)}`,
  );
  return ok(`{ main: ${compiled(source.template.text)}, partials: { ${partials.join(', ')} } }`);
}
