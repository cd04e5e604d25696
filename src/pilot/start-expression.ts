import { failed, ok, type Result } from '../failure.ts';
import { expressionSyntax } from './classad-syntax.ts';
import { configRefusal, stringLiteral } from './classad-text.ts';

/**
 * Start_Extra: whose jobs a pilot may start. Built from names, never typed whole. `=?=` throughout: an attribute that a
 * job does not have makes the clause false, where `==` makes it undefined, and the image takes undefined for true.
 */

/** What a pilot is limited to. */
export interface StartLimits {
  /** The site's name, for messages. */
  site: string;
  /** User names on the access point, or `name@domain` as its `User` attribute has it. At least one, or `anyOwner`. */
  owners: readonly string[];
  /** Only jobs of these projects; empty: of any. */
  projects: readonly string[];
  /** One more condition, as a ClassAd expression; null: none. */
  startExtra: string | null;
  /** The owners do not count. Only ever typed by a person, for one command. */
  anyOwner: boolean;
}

/** The expression, and what it means. */
export interface StartExpression {
  /** One parenthesised ClassAd expression on one line; the word Owner is always in it. */
  expression: string;
  /** For people, to follow "runs": `only jobs of ada@ap.example.org`. */
  words: string;
  warnings: readonly string[];
  /** Attribute names that `startExtra` uses without a scope, in lower case: the slot must not define them. */
  bareNames: readonly string[];
}

/** A longer one would not fit into one environment variable once it is escaped (Linux: 128 kB). */
const longestExpression = 32_768;

/** The expression of `limits`. Fails with `value-refused` when a name or the extra condition cannot be carried exactly. */
export function startExpression(limits: StartLimits): Result<StartExpression> {
  const owners = ownerClause(limits);
  if (!owners.ok) return owners;
  const projects = anyOf(limits, 'pilot.projects', limits.projects, (literal) => `(TARGET.ProjectName =?= ${literal})`);
  if (!projects.ok) return projects;
  const extra = extraClause(limits);
  if (!extra.ok) return extra;
  const clauses = [owners.value, projects.value, extra.value.clause].filter((clause) => clause !== '');
  const expression = clauses.length === 1 ? clauses.join('') : `(${clauses.join(' && ')})`;
  if (expression.length > longestExpression) return refused(limits, 'pilot', 'the start expression would be too long');
  return ok({ expression, words: wordsOf(limits), warnings: warningsOf(limits), bareNames: extra.value.bareNames });
}

function ownerClause(limits: StartLimits): Result<string> {
  // Owner is in it all the same: without the word the image offers the slot to the public pool.
  if (limits.anyOwner) return ok('(TARGET.Owner =!= undefined)');
  if (limits.owners.length === 0) return refused(limits, 'pilot.owners', 'there is no owner to limit the pilot to');
  const clauses: string[] = [];
  for (const owner of limits.owners) {
    const clause = oneOwner(limits, owner);
    if (!clause.ok) return clause;
    clauses.push(clause.value);
  }
  return ok(ored(clauses));
}

function oneOwner(limits: StartLimits, owner: string): Result<string> {
  const [name = '', domain, ...more] = owner.split('@');
  if (name === '' || domain === '' || more.length > 0) {
    return refused(limits, 'pilot.owners', `${owner} is neither a user name nor user@domain`);
  }
  if (owner.trim() !== owner) return refused(limits, 'pilot.owners', `"${owner}" begins or ends with a blank`);
  const literal = stringLiteral(name);
  if (!literal.ok) return refused(limits, 'pilot.owners', `an owner ${literal.reason}`);
  const byName = `(TARGET.Owner =?= ${literal.literal})`;
  if (domain === undefined) return ok(byName);
  const user = stringLiteral(owner);
  if (!user.ok) return refused(limits, 'pilot.owners', `an owner ${user.reason}`);
  return ok(`(${byName} && (TARGET.User =?= ${user.literal}))`);
}

function anyOf(
  limits: StartLimits,
  key: string,
  values: readonly string[],
  clauseOf: (literal: string) => string,
): Result<string> {
  const clauses: string[] = [];
  for (const value of values) {
    const literal = stringLiteral(value);
    if (!literal.ok) return refused(limits, key, `one of them ${literal.reason}`);
    if (value.trim() !== value || value === '')
      return refused(limits, key, 'one of them is empty, or begins or ends with a blank');
    clauses.push(clauseOf(literal.literal));
  }
  return ok(clauses.length === 0 ? '' : ored(clauses));
}

function ored(clauses: readonly string[]): string {
  return clauses.length === 1 ? clauses.join('') : `(${clauses.join(' || ')})`;
}

function extraClause(limits: StartLimits): Result<{ clause: string; bareNames: readonly string[] }> {
  if (limits.startExtra === null) return ok({ clause: '', bareNames: [] });
  const text = limits.startExtra;
  const reason = configRefusal(text);
  if (reason !== null) return refused(limits, 'pilot.startExtra', `it ${reason}`);
  const syntax = expressionSyntax(text);
  if (!syntax.ok) {
    return refused(
      limits,
      'pilot.startExtra',
      `it is not one ClassAd expression: at character ${syntax.position}, ${syntax.reason}`,
    );
  }
  return ok({ clause: `((${text}) =?= true)`, bareNames: syntax.bareNames });
}

function wordsOf(limits: StartLimits): string {
  const owners = limits.anyOwner ? 'jobs of every owner' : `only jobs of ${listed(limits.owners, 'and')}`;
  const projects = limits.projects.length === 0 ? '' : ` in project ${listed(limits.projects, 'or')}`;
  return `${owners}${projects}${limits.startExtra === null ? '' : ` where ${limits.startExtra}`}`;
}

function listed(values: readonly string[], conjunction: string): string {
  if (values.length < 2) return values.join('');
  return `${values.slice(0, -1).join(', ')} ${conjunction} ${values.at(-1)}`;
}

function warningsOf(limits: StartLimits): readonly string[] {
  if (limits.anyOwner) return ['this pilot runs jobs of every owner in the pool, at the cost of your allocation'];
  const bare = limits.owners.filter((owner) => !owner.includes('@'));
  return bare.map(
    (owner) =>
      `the owner name ${owner} is unique on one access point only; jobs of another ${owner} elsewhere match too. ` +
      `Write it as ${owner}@DOMAIN, with the User domain your access point gives your jobs`,
  );
}

function refused(limits: StartLimits, key: string, reason: string) {
  return failed({ kind: 'value-refused', site: limits.site, key, reason });
}
