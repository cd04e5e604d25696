import type Handlebars from 'handlebars';
import { ok, type Result } from '../failure.ts';
import { type Precompiled, precompiled } from './precompiled.ts';
import { type ReadyTemplate, templateHelpers, withheldHelpers } from './render.ts';
import { digestOf, type TemplateSource } from './template-source.ts';

/**
 * A template, ready for values: as the build compiled it where its text is still the same, else compiled now, for which
 * the compiler is loaded. Fails with `template-invalid`.
 */
export async function openTemplate(source: TemplateSource): Promise<Result<ReadyTemplate>> {
  const found = precompiled[digestOf(source)];
  if (found !== undefined) return ok(await instantiated(found));
  const { compileTemplate } = await import('./template-compile.ts');
  return compileTemplate(source);
}

async function instantiated({ main, partials }: Precompiled): Promise<ReadyTemplate> {
  // Handlebars 4.7 declares nothing for its runtime, which is itself without the compiler.
  const { default: runtime } = (await import('handlebars/runtime.js')) as unknown as { default: typeof Handlebars };
  const handlebars = runtime.create();
  for (const name of withheldHelpers) handlebars.unregisterHelper(name);
  handlebars.registerHelper(templateHelpers);
  for (const [name, partial] of Object.entries(partials))
    handlebars.registerPartial(name, template(handlebars, partial));
  return template(handlebars, main);
}

/** What the build made of a text by `Handlebars.precompile` is what this takes. */
function template(handlebars: typeof Handlebars, compiled: unknown): ReadyTemplate {
  return handlebars.template(compiled as TemplateSpecification);
}
