import { createHash } from 'node:crypto';
import type { Template } from './template-check.ts';

/** A template and the partials it may include, by the name it includes them under. */
export interface TemplateSource {
  template: Template;
  partials: { readonly [name: string]: Template };
}

/** A digest of all the text that a script is made from; names do not matter. */
export function digestOf({ template, partials }: TemplateSource): string {
  const texts = Object.entries(partials).map(([name, { text }]) => [name, text]);
  return createHash('sha256')
    .update(JSON.stringify([template.text, texts]))
    .digest('hex');
}
