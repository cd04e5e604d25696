import Handlebars from 'handlebars';
import { after, atStart, insideOf, type ShellPosition, samePosition } from './shell-position.ts';
import { type Kind, variableKinds } from './values.ts';

/**
 * Reads a template before it is rendered. Handlebars' own strict mode lets `{{#if typo}}` take the else branch in
 * silence (4.7, run), and no mode of it keeps a foreign value from shell text unquoted; this does both.
 */

/** A template or partial: its name, for messages, and its text. */
export interface Template {
  name: string;
  text: string;
}

/** What is wrong with a template, and where. `line` counts from 1; null when the parser does not say. */
export interface TemplateMistake {
  template: string;
  line: number | null;
  reason: string;
}

/** The mistakes of a template with its partials, in the order they stand; empty when it may be rendered. */
export function templateMistakes(
  template: Template,
  partials: { readonly [name: string]: Template },
): readonly TemplateMistake[] {
  const walk: Walk = { partials, mistakes: [], position: atStart, openDirective: null, including: [] };
  walkTemplate(walk, template, [{ record: variableKinds }]);
  return walk.mistakes;
}

/** Names of helpers that print, each with the kinds it prints. */
const printers: { readonly [helper: string]: readonly string[] } = {
  q: ['name', 'word', 'text', 'number'],
  path: ['path'],
  place: ['place'],
  directive: ['directive'],
};

interface Walk {
  readonly partials: { readonly [name: string]: Template };
  readonly mistakes: TemplateMistake[];
  position: ShellPosition;
  /** The directive whose line has not ended yet. */
  openDirective: hbs.AST.Node | null;
  /** The templates being read, outermost first. */
  readonly including: string[];
}

/** What names mean here, innermost last: each level of `{{#each}}` adds one. */
type Scope = readonly Kind[];

function walkTemplate(walk: Walk, template: Template, scope: Scope): void {
  if (walk.including.includes(template.name)) {
    walk.mistakes.push({ template: template.name, line: null, reason: 'it includes itself' });
    return;
  }
  walk.including.push(template.name);
  // sbatch refuses a script with carriage returns, and a shell would read them as part of its words.
  const odd = /[^\P{Cc}\n\t]/u.exec(template.text);
  if (odd !== null) {
    const line = template.text.slice(0, odd.index).split('\n').length;
    walk.mistakes.push({
      template: template.name,
      line,
      reason: 'it holds a carriage return or another control character',
    });
  }
  const program = parsed(walk, template);
  if (program !== null) walkProgram(walk, program, scope);
  walk.including.pop();
}

function parsed(walk: Walk, template: Template): hbs.AST.Program | null {
  try {
    return Handlebars.parse(template.text);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const line = /line (\d+)/.exec(text)?.[1] ?? / - (\d+):\d+$/.exec(text)?.[1];
    walk.mistakes.push({
      template: template.name,
      line: line === undefined ? null : Number(line),
      reason: `it is no Handlebars template: ${text.replaceAll(/\s*\n\s*/g, ' ')}`,
    });
    return null;
  }
}

function walkProgram(walk: Walk, program: hbs.AST.Program, scope: Scope): void {
  for (const statement of program.body) walkStatement(walk, statement, scope);
  checkDirectiveEnds(walk, false);
}

function walkStatement(walk: Walk, statement: hbs.AST.Statement, scope: Scope): void {
  const content = is<hbs.AST.ContentStatement>(statement, 'ContentStatement') ? statement.value : null;
  if (content !== '' && statement.type !== 'CommentStatement')
    checkDirectiveEnds(walk, content?.startsWith('\n') ?? false);
  if (content !== null) {
    walk.position = after(walk.position, content);
  } else if (is<hbs.AST.MustacheStatement>(statement, 'MustacheStatement')) {
    walkMustache(walk, statement, scope);
  } else if (is<hbs.AST.BlockStatement>(statement, 'BlockStatement')) {
    walkBlock(walk, statement, scope);
  } else if (is<hbs.AST.PartialStatement>(statement, 'PartialStatement')) {
    walkPartial(walk, statement, scope);
  } else if (statement.type !== 'CommentStatement') {
    mistake(walk, statement, `${statement.type} is not supported in these templates`);
  }
}

function checkDirectiveEnds(walk: Walk, lineEnds: boolean): void {
  if (walk.openDirective !== null && !lineEnds) mistake(walk, walk.openDirective, 'a directive must end its line');
  walk.openDirective = null;
}

/** The border to Handlebars' tree, whose node types are told apart by `type` alone. */
function is<Node extends hbs.AST.Node>(node: hbs.AST.Node, type: Node['type']): node is Node {
  return node.type === type;
}

function walkMustache(walk: Walk, mustache: hbs.AST.MustacheStatement, scope: Scope): void {
  if (!is<hbs.AST.PathExpression>(mustache.path, 'PathExpression')) {
    mistake(walk, mustache, 'a literal is no variable');
  } else if (mustache.params.length === 0 && (mustache.hash?.pairs.length ?? 0) === 0) {
    walkBare(walk, mustache.path, scope);
  } else {
    walkPrinter(walk, mustache, mustache.path.original, scope);
  }
  walk.position = after(walk.position, 'x');
}

/** `{{name}}`: only what cannot hold shell text. */
function walkBare(walk: Walk, path: hbs.AST.PathExpression, scope: Scope): void {
  const kind = kindOf(walk, path, scope);
  if (kind === null || kind === 'number') return;
  mistake(walk, path, `${path.original} must not be printed as it is: ${adviceFor(kind, path.original)}`);
}

function walkPrinter(walk: Walk, mustache: hbs.AST.MustacheStatement, helper: string, scope: Scope): void {
  const kinds = printers[helper];
  if (kinds === undefined) {
    mistake(
      walk,
      mustache,
      `there is no helper ${helper}; there are ${Object.keys(printers).join(', ')}, if, unless and each`,
    );
    return;
  }
  const wanted = helper === 'directive' ? 2 : 1;
  const value = mustache.params.at(-1);
  if (
    mustache.params.length !== wanted ||
    (mustache.hash?.pairs.length ?? 0) > 0 ||
    value === undefined ||
    !is<hbs.AST.PathExpression>(value, 'PathExpression')
  ) {
    mistake(
      walk,
      mustache,
      `${helper} takes ${wanted === 2 ? "a prefix in quotes, such as '#SBATCH', and " : ''}one variable`,
    );
    return;
  }
  if (helper === 'directive') checkPrefix(walk, mustache);
  else checkPosition(walk, mustache, helper);
  const kind = kindOf(walk, value, scope);
  if (kind !== null && !(typeof kind === 'string' && kinds.includes(kind))) {
    mistake(walk, value, `${helper} cannot print ${value.original}: ${adviceFor(kind, value.original)}`);
  }
}

function checkPrefix(walk: Walk, mustache: hbs.AST.MustacheStatement): void {
  const prefix = mustache.params[0];
  const fine =
    prefix !== undefined && is<hbs.AST.StringLiteral>(prefix, 'StringLiteral') && /^#[^\s!]\S*$/.test(prefix.value);
  if (!fine) mistake(walk, mustache, "the first argument of directive must be a prefix such as '#SBATCH'");
  if (insideOf(walk.position) !== null || !walk.position.atLineStart) {
    mistake(walk, mustache, 'a directive must stand at the start of a line');
  }
  walk.openDirective = mustache;
}

function checkPosition(walk: Walk, node: hbs.AST.Node, helper: string): void {
  const inside = insideOf(walk.position);
  if (inside === null) return;
  mistake(
    walk,
    node,
    `${helper} stands inside ${inside}, where its own quotes do not protect; give it a place of its own`,
  );
}

function adviceFor(kind: Kind, name: string): string {
  if (typeof kind === 'object')
    return 'list' in kind ? `go through it with {{#each ${name}}}` : 'name one of its parts';
  if (kind === 'flag') return `ask for it with {{#if ${name}}}`;
  if (kind === 'directive') return `write {{directive '#PREFIX' ${name}}}`;
  const helper = Object.keys(printers).find((candidate) => printers[candidate]?.includes(kind)) ?? 'q';
  return `write {{${helper} ${name}}}`;
}

function walkBlock(walk: Walk, block: hbs.AST.BlockStatement, scope: Scope): void {
  const helper = block.path.original;
  const subject = block.params[0];
  if (!['if', 'unless', 'each'].includes(helper)) {
    mistake(walk, block, `there is no block helper ${helper}; there are if, unless and each`);
  } else if (
    block.params.length !== 1 ||
    (block.hash?.pairs.length ?? 0) > 0 ||
    subject === undefined ||
    !is<hbs.AST.PathExpression>(subject, 'PathExpression')
  ) {
    mistake(walk, block, `${helper} takes one variable`);
  } else if ((block.program.blockParams?.length ?? 0) > 0) {
    mistake(walk, block, 'block parameters (as |x|) are not supported');
  } else {
    walkBranches(walk, block, helper === 'each', kindOf(walk, subject, scope), scope);
  }
}

function walkBranches(walk: Walk, block: hbs.AST.BlockStatement, each: boolean, kind: Kind | null, scope: Scope): void {
  const list = typeof kind === 'object' && kind !== null && 'list' in kind ? kind : null;
  if (each && kind !== null && list === null) mistake(walk, block, `${block.path.original} needs a list`);
  const inner = each ? (list === null ? null : [...scope, list.list]) : scope;
  const before = walk.position;
  if (inner !== null) walkProgram(walk, block.program, inner);
  const afterwards = walk.position;
  // Whether a branch was taken must not change how the text behind it reads.
  walk.position = before;
  if (block.inverse) walkProgram(walk, block.inverse, scope);
  if (!samePosition(before, afterwards) || !samePosition(before, walk.position)) {
    mistake(walk, block, 'a block must close the quotes, comments and here-documents it opens');
  }
}

function walkPartial(walk: Walk, partial: hbs.AST.PartialStatement, scope: Scope): void {
  const name = is<hbs.AST.PathExpression>(partial.name, 'PathExpression') ? partial.name.original : null;
  const template = name !== null && Object.hasOwn(walk.partials, name) ? walk.partials[name] : undefined;
  if (partial.params.length > 0 || (partial.hash?.pairs.length ?? 0) > 0) {
    mistake(walk, partial, 'a partial takes no arguments');
  } else if (template === undefined) {
    mistake(
      walk,
      partial,
      `there is no partial ${name ?? 'of that form'}; there are ${Object.keys(walk.partials).join(', ')}`,
    );
  } else {
    walkTemplate(walk, template, scope);
  }
}

/** What a path stands for, or null after a mistake was noted. */
function kindOf(walk: Walk, path: hbs.AST.PathExpression, scope: Scope): Kind | null {
  if (path.data) {
    if (scope.length > 1 && path.parts.join('.') === 'index') return 'number';
    mistake(walk, path, `there is no ${path.original} here`);
    return null;
  }
  let kind: Kind | undefined = scope.at(-1 - path.depth);
  for (const part of path.parts) {
    kind =
      typeof kind === 'object' && 'record' in kind && Object.hasOwn(kind.record, part) ? kind.record[part] : undefined;
  }
  if (kind === undefined) mistake(walk, path, `there is no variable ${path.original} here`);
  return kind ?? null;
}

function mistake(walk: Walk, node: hbs.AST.Node, reason: string): void {
  walk.mistakes.push({ template: walk.including.at(-1) ?? '', line: node.loc?.start.line ?? null, reason });
}
