/** A template as Handlebars' compiler leaves it. */
export interface Precompiled {
  main: unknown;
  partials: { readonly [name: string]: unknown };
}

/**
 * The project's own templates, checked and compiled by `npm run build`, which puts them in here (rolldown.config.js), by
 * the digest of their text: one that was changed since is not found, and is compiled when it is used.
 */
export const precompiled: { readonly [digest: string]: Precompiled } = {};
