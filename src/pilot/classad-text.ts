/**
 * ClassAd text that travels through an HTCondor configuration file, where `$(…)` is expanded, a line ends the value,
 * and a backslash in a string means one thing to the old ClassAd lexer and another to the new one.
 */

/** Why `text` cannot pass a configuration line unchanged, as the end of "it …"; null when it can. */
export function configRefusal(text: string): string | null {
  if (/\p{Cc}/u.test(text)) return 'holds a line break or another control character';
  if (/\p{Surrogate}/u.test(text)) return 'is not valid Unicode';
  if (/\$[\w$]*[([]/.test(text)) return 'holds $( or a form of it, which HTCondor expands in its configuration';
  if (text.endsWith('\\')) return 'ends in a backslash, which joins the next line of the configuration to it';
  return null;
}

/** What a string literal is, or why there is none that every HTCondor reads as exactly `text`. */
export type StringLiteral = { ok: true; literal: string } | { ok: false; reason: string };

/** `text` as a ClassAd string literal. */
export function stringLiteral(text: string): StringLiteral {
  const reason = text.includes('\\')
    ? 'holds a backslash, which HTCondor reads in two ways in a string'
    : configRefusal(text);
  if (reason !== null) return { ok: false, reason };
  return { ok: true, literal: `"${text.replaceAll('"', '\\"')}"` };
}
