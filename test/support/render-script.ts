import type { Result } from '../../src/failure.ts';
import { renderScript as render } from '../../src/script/render.ts';
import { compileTemplate } from '../../src/script/template-compile.ts';
import type { TemplateSource } from '../../src/script/template-source.ts';
import type { ScriptValues } from '../../src/script/values.ts';

/** The script of a template's text, checked and compiled for this once. */
export function renderScript(source: TemplateSource, values: ScriptValues): Result<string> {
  const template = compileTemplate(source);
  return template.ok ? render(template.value, values) : template;
}
