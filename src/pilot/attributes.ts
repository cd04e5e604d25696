import { failed, ok, type Result } from '../failure.ts';
import { stringLiteral } from './classad-text.ts';
import { isCondorKnob } from './condor-knobs.ts';

/** What a profile may say of a pilot's slots: text becomes a ClassAd string. */
export type AttributeValue = string | number | boolean;

/** Written by the job itself, in the same file. */
const ownNames: readonly string[] = ['pilotbatchid', 'pilotprofile', 'pilottag'];

const longestValue = 8_192;

/**
 * The text of the image's extra-attributes file: a line `Name = expression` each, sorted by nothing but the profile.
 * Empty without attributes. Fails with `value-refused` for names that are settings of HTCondor and for values that its
 * configuration would change. `bareNames` are the names, in lower case, that a start expression uses without a scope:
 * a slot that defined one would answer for the job.
 */
export function attributesFile(
  site: string,
  attributes: { readonly [name: string]: AttributeValue },
  bareNames: readonly string[] = [],
): Result<string> {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    const expression = expressionOf(value);
    const reason = nameRefusal(name, bareNames) ?? (expression.ok ? null : expression.reason);
    if (reason !== null || !expression.ok) {
      return failed({ kind: 'value-refused', site, key: `pilot.attributes.${name}`, reason: reason ?? '' });
    }
    lines.push(`${name} = ${expression.literal}\n`);
  }
  return ok(lines.join(''));
}

function nameRefusal(name: string, bareNames: readonly string[]): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'a name is letters, digits and _, and begins with no digit';
  if (isCondorKnob(name)) {
    return 'it is a setting of HTCondor or of the image, or has the form of one; choose a name such as MyRack';
  }
  if (ownNames.includes(name.toLowerCase())) return 'the job sets it itself';
  if (bareNames.includes(name.toLowerCase())) return 'pilot.startExtra uses it; write it TARGET.… there';
  return null;
}

function expressionOf(value: AttributeValue): ReturnType<typeof stringLiteral> {
  if (typeof value === 'boolean') return { ok: true, literal: String(value) };
  if (typeof value === 'number') {
    return Number.isFinite(value) ? { ok: true, literal: String(value) } : { ok: false, reason: 'it is no number' };
  }
  if (value.length > longestValue) return { ok: false, reason: `it is longer than ${longestValue} characters` };
  const literal = stringLiteral(value);
  return literal.ok ? literal : { ok: false, reason: `it ${literal.reason}` };
}
