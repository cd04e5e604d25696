import { describe, expect, it } from 'vitest';
import type { ScriptValues } from '../../src/script/values.ts';
import { projectTemplates } from '../support/job-bed.ts';
import { renderScript } from '../support/render-script.ts';
import {
  broughtCvmfs,
  checkedScript,
  repositories,
  scriptVariants,
  scriptValues as values,
} from '../support/script-variants.ts';

const rendered = (text: string, changes: Partial<ScriptValues> = {}, partial = '') =>
  renderScript(
    { template: { name: 'mine', text }, partials: { pilot: { name: 'part', text: partial } } },
    values(changes),
  );

/** What the script says of CVMFS, without what all ways share. */
function cvmfsPart(script: string): string {
  const part = script.slice(script.indexOf('# ---- CVMFS ----'), script.indexOf('\nrunning() {'));
  return part.replace(/\nno\(\) \{[\s\S]*?(?=\n# -- What the profile says --)/, '\n[…]');
}

describe('the Slurm script', () => {
  it('reads as it did', async () => {
    const result = renderScript(await projectTemplates('slurm.sh.hbs'), values());
    expect(result.ok && result.value).toMatchSnapshot();
  });

  it.each(broughtCvmfs)('says of CVMFS by %s what it said', async (_, changes) => {
    const result = renderScript(await projectTemplates('slurm.sh.hbs'), values(changes));
    expect(result.ok && cvmfsPart(result.value)).toMatchSnapshot();
  });

  it('starts a pilot on each of several nodes as it did', async () => {
    const result = renderScript(await projectTemplates('slurm.sh.hbs'), values({ severalNodes: true }));
    const script = result.ok ? result.value : '';
    const part = (begin: string, end: string) => script.slice(script.indexOf(begin), script.indexOf(end));
    expect(part('# ---- What Slurm does on', '# ---- Ground to stand')).toMatchSnapshot();
    expect(part('# ---- One pilot on each', '# ---- Nothing inherited')).toMatchSnapshot();
    const one = renderScript(await projectTemplates('slurm.sh.hbs'), values());
    expect(one.ok && one.value).not.toMatch(/srun|pilot_number|on_each_node/);
  });

  it('says in full how CVMFS is brought as it did', async () => {
    const result = renderScript(await projectTemplates('slurm.sh.hbs'), values({ ...repositories, cvmfs: 'auto' }));
    expect(result.ok && result.value).toMatchSnapshot();
  });

  it.each(scriptVariants)('satisfies bash and shellcheck %s', async (_, changes) => {
    const { bash, shellcheck } = await checkedScript(changes);
    expect(bash).toMatchObject({ code: 0, stderr: '' });
    // Where it is not installed, `test/real/shellcheck.test.ts` does this.
    if (shellcheck.code !== 127) expect(shellcheck).toMatchObject({ code: 0, stdout: '' });
  });

  it('has its directives first, where sbatch reads them', async () => {
    const result = renderScript(await projectTemplates('slurm.sh.hbs'), values());
    const lines = result.ok ? result.value.split('\n') : [];
    expect(lines.slice(0, 3)).toEqual(['#!/bin/bash -p', '#SBATCH --job-name=g-anvil', '#SBATCH --constraint="a&b"']);
  });
});

describe('a template', () => {
  it.each([
    ['{{q site}}', 'anvil\n'],
    ['x={{q startExpression}}\n', 'x=\'(TARGET.Owner =?= "ada")\'\n'],
    ['{{path jobDir}}', '"$HOME"/.glidein/anvil\n'],
    [
      '{{#each binds}}{{place source}}{{q target}} {{/each}}',
      '"$\u007bPROJECT:?is not set on this node}"/data:/data:ro \n',
    ],
    ['{{walltimeSeconds}}', '86400\n'],
    ['{{q cpus}} {{q memoryMB}}', "'' 64000\n"],
    ['{{#if gpus}}a{{else}}b{{/if}}{{#unless gpus}}c{{/unless}}', 'a\n'],
    ['{{#each modules}}{{@index}} {{q this}} {{q ../site}}{{/each}}', '0 apptainer/1.3 anvil\n'],
    ['{{! words }}{{!-- words --}}x', 'x\n'],
    [
      "{{#each directives}}\n{{directive '#SBATCH' this}}\n{{/each}}\n",
      '#SBATCH --job-name=g-anvil\n#SBATCH --constraint="a&b"\n',
    ],
    ['{{> pilot}}', 'anvil\n'],
  ])('%j gives %j', (text, script) => {
    expect(rendered(text, {}, '{{q site}}')).toEqual({ ok: true, value: script });
  });

  it.each([
    ['\n{{typo}}', 2, 'no variable typo'],
    ['{{#if typo}}x{{/if}}', 1, 'no variable typo'],
    ['{{#unless typo}}x{{/unless}}', 1, 'no variable typo'],
    ['{{#each typo}}x{{/each}}', 1, 'no variable typo'],
    ['{{#each modules}}\n{{q site}}\n{{/each}}', 2, 'no variable site'],
    ['{{#each binds}}{{q nothing}}{{/each}}', 1, 'no variable nothing'],
    ['{{q constructor}}', 1, 'no variable constructor'],
    ['{{q __proto__}}', 1, 'no variable __proto__'],
    ['{{q site.length}}', 1, 'no variable site.length'],
    ['{{q ../site}}', 1, 'no variable'],
    ['{{q @root.site}}', 1, 'no @root'],
    ['{{site}}', 1, 'must not be printed as it is: write {{q site}}'],
    ['{{{site}}}', 1, 'must not be printed'],
    ['{{&site}}', 1, 'must not be printed'],
    ['{{jobDir}}', 1, 'write {{path jobDir}}'],
    ['{{q jobDir}}', 1, 'q cannot print jobDir: write {{path jobDir}}'],
    ['{{path site}}', 1, 'write {{q site}}'],
    ['{{q scratch}}', 1, 'write {{place scratch}}'],
    ['{{#each directives}}{{q this}}{{/each}}', 1, "write {{directive '#PREFIX' this}}"],
    ['{{q modules}}', 1, 'go through it with {{#each modules}}'],
    ['{{modules}}', 1, 'must not be printed'],
    ['{{q gpus}}', 1, '{{#if gpus}}'],
    ['{{#each site}}x{{/each}}', 1, 'needs a list'],
    ['{{quote site}}', 1, 'no helper quote'],
    ['{{lookup this "site"}}', 1, 'no helper lookup'],
    ['{{#with binds}}x{{/with}}', 1, 'no block helper with'],
    ['{{log site}}', 1, 'no helper log'],
    ['{{q (q site)}}', 1, 'q takes one variable'],
    ['{{q "text"}}', 1, 'q takes one variable'],
    ['{{q site site}}', 1, 'q takes one variable'],
    ['{{q site x=1}}', 1, 'q takes one variable'],
    ['{{#each modules as |m|}}{{/each}}', 1, 'block parameters'],
    ['{{#if site x=1}}x{{/if}}', 1, 'if takes one variable'],
    ['{{"text"}}', 1, 'literal'],
    ['{{> nothing}}', 1, 'no partial nothing'],
    ['{{> (q site)}}', 1, 'no partial'],
    ['{{> pilot site="x"}}', 1, 'no arguments'],
    ['{{#> pilot}}x{{/pilot}}', 1, 'not supported'],
    ['{{#*inline "x"}}x{{/inline}}', 1, 'not supported'],
    ['{{{{raw}}}}x{{{{/raw}}}}', 1, 'no block helper raw'],
    ['a\n{{#if gpus}}', 2, 'no Handlebars template'],
    ['a\nb {{q site}', 2, 'no Handlebars template'],
    ['"{{q site}}"', 1, 'inside double quotes'],
    ["echo 'a\n{{q site}}'", 2, 'inside single quotes'],
    ["$'it\\'s {{q site}}'", 1, 'inside single quotes'],
    ['# {{q site}}', 1, 'inside a comment'],
    ['echo x # {{q site}}', 1, 'inside a comment'],
    ['cat <<EOF\n{{q site}}\nEOF', 2, 'inside a here-document'],
    ["cat <<-'EOF' >x\n\t{{q site}}\n\tEOF", 2, 'inside a here-document'],
    ['cat << EOF\n{{q site}}\nEOF', 2, 'inside a here-document'],
    ['`echo {{q site}}`', 1, 'inside backticks'],
    ['$\u007bx:-{{q site}} }', 1, 'inside the braces of an expansion'],
    ['a\r\nb', 1, 'carriage return'],
    ['a\nb\0', 2, 'control character'],
    ['\\{{q site}}', null, ''],
    ['"{{#if gpus}}"{{/if}} {{q site}}', 1, 'must close'],
    ["x={{directive '#SBATCH' tag}}", 1, 'directive must stand at the start of a line'],
    ["{{#each directives}}x {{directive '#SBATCH' this}}\n{{/each}}", 1, 'start of a line'],
    ["{{#each directives}}{{directive '#SBATCH' this}}{{/each}}", 1, 'must end its line'],
    ["{{#each directives}}{{directive '#SBATCH' this}} --x\n{{/each}}", 1, 'must end its line'],
    ["{{#each directives}}{{directive 'SBATCH' this}}{{/each}}", 1, 'prefix'],
    ['{{#each directives}}{{directive this}}{{/each}}', 1, 'prefix'],
  ])('%j is refused', (text, line, reason) => {
    // Handlebars itself takes a backslash before {{ for an escape: what is printed is the text, not the value.
    if (reason === '') return expect(rendered(text)).toEqual({ ok: true, value: '{{q site}}\n' });
    const expected = { kind: 'template-invalid', template: 'mine', line, reason: expect.stringContaining(reason) };
    expect(rendered(text)).toEqual({ ok: false, failure: expected });
  });

  it.each([
    'a="b" {{q site}}',
    "a='b' {{q site}}",
    'a=b\\" {{q site}}',
    "# it's a comment\n{{q site}}",
    'echo $# $\u007b#x} {{q site}}',
    'x="$(echo {{q site}})"',
    'x="$(echo "a" {{q site}} "b")" {{q site}}',
    'case $x in a) echo {{q site}} ;; esac',
    'cat <<EOF\nit\'s "text\nEOF\n{{q site}}',
    'cat <<<"x" {{q site}}',
    'echo $((1 + 2)) {{q site}}',
    'echo {{q site}}{{q tag}}',
    '{{#if gpus}}"a"{{else}}\'b\'{{/if}}{{q site}}',
  ])('%j is taken: the value stands where its quotes count', (text) => {
    expect(rendered(text)).toMatchObject({ ok: true });
  });

  it('is refused by the name and the line of the partial that is wrong', () => {
    expect(rendered('x\n{{> pilot}}', {}, 'a\nb\n{{typo}}')).toMatchObject({
      failure: { kind: 'template-invalid', template: 'part', line: 3 },
    });
    expect(rendered('x="\n{{> pilot}}"', {}, '{{q site}}')).toMatchObject({ failure: { template: 'part', line: 1 } });
    expect(rendered('{{> pilot}}', {}, '{{> pilot}}')).toMatchObject({ failure: { reason: 'it includes itself' } });
  });

  it('does not read a value as a template', () => {
    expect(rendered('{{q runtime}}', { runtime: '{{q site}}' })).toEqual({ ok: true, value: "'{{q site}}'\n" });
  });
});

describe('a value', () => {
  it.each([
    [{ tag: 'a/b' }, 'script.tag'],
    [{ runtime: 'a\nb' }, 'script.runtime'],
    [{ tag: 'a\0b' }, 'script.tag'],
    [{ jobDir: '/a\rb' }, 'script.jobDir'],
    [{ attributes: 'a\rb' }, 'script.attributes'],
    [{ modules: ['fine', 'a\u001bb'] }, 'script.modules'],
    [{ binds: [{ source: '/x', target: '\n' }] }, 'script.binds.target'],
    [{ startExpression: '\udc00' }, 'script.startExpression'],
    [{ walltimeSeconds: Number.NaN }, 'script.walltimeSeconds'],
    [{ loopSeconds: -1 }, 'script.loopSeconds'],
  ])('%j that no script can carry is refused', (changes, key) => {
    expect(rendered('', changes)).toMatchObject({ ok: false, failure: { kind: 'value-refused', site: 'anvil', key } });
  });
});
