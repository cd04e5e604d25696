import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';
import { commandTree } from './build/cli/command-tree.js';
import { manualPage } from './build/cli/manual-page.js';
import { buildProgram } from './build/cli/program.js';
import { precompileTemplate } from './build/script/template-compile.js';
import { digestOf } from './build/script/template-source.js';

/**
 * The second half of `npm run build`: what tsc made in `build/` becomes a few files in `dist/cli/`, since a pass from cron
 * spends a good part of its time on opening each of them, and the job templates are compiled (docs/decisions/
 * 0009-few-files.md). Nothing is renamed or squeezed, and libraries stay where npm put them.
 */
const program = defineConfig({
  input: 'build/cli/main.js',
  platform: 'node',
  // A part of Handlebars that is opened by every pass that submits is taken in.
  external: (id) => !/^[./]/.test(id) && id !== 'handlebars/runtime.js',
  plugins: [
    { name: 'job-templates', transform: withTemplates },
    { name: 'manual-page', generateBundle: withManual },
  ],
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: 'cli/main.js',
    // As deep as the sources are, so that `../../templates/` leads to the same place from both.
    chunkFileNames: 'cli/[name].js',
  },
});

/** The page of a report: one file, with the charting library in it (docs/decisions/0019-charts-in-one-page.md). */
const page = defineConfig({
  input: 'page/report.ts',
  platform: 'browser',
  tsconfig: 'page/tsconfig.json',
  plugins: [{ name: 'one-page', generateBundle: asOnePage }],
  output: { dir: 'dist', cleanDir: false, format: 'iife', minify: true, comments: { legal: true } },
});

export default [program, page];

/** The page that `man glidein` shows: package.json names it. */
function withManual() {
  const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
  const day =
    readFileSync(new URL('CHANGELOG.md', import.meta.url), 'utf8').match(/^## .*(\d{4}-\d\d-\d\d)/m)?.[1] ?? '';
  const source = manualPage(commandTree(buildProgram(version, () => {})), { version, day });
  this.emitFile({ type: 'asset', fileName: 'glidein.1', source });
}

/** Only this script and this style run in the page: whatever else got into it would not. */
function asOnePage(_options, bundle) {
  const [script] = Object.values(bundle).filter(({ type }) => type === 'chunk');
  delete bundle[script.fileName];
  const parts = { script: script.code.replaceAll('</script', '<\\/script'), style: part('report.css') };
  let source = part('report.html');
  for (const [name, text] of Object.entries(parts)) {
    const digest = createHash('sha256').update(text).digest('base64');
    source = source.replace(`'the ${name}'`, () => `'sha256-${digest}'`).replace(`>the ${name}<`, () => `>${text}<`);
  }
  this.emitFile({ type: 'asset', fileName: 'report-page.html', source });
}

function part(name) {
  return readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8');
}

/** What src/script/precompiled.ts is in the built program. */
function withTemplates(_code, id) {
  if (!id.endsWith('/build/script/precompiled.js')) return null;
  const names = readdirSync(new URL('templates/', import.meta.url)).filter((name) => name.endsWith('.sh.hbs'));
  const entries = names.map((name) => {
    const partials = { pilot: template('partials/pilot.sh.hbs'), cvmfs: template('partials/cvmfs.sh.hbs') };
    const source = { template: template(name), partials };
    const compiled = precompileTemplate(source);
    if (!compiled.ok) throw new Error(`the template ${name} is not right: ${JSON.stringify(compiled.failure)}`);
    return `${JSON.stringify(digestOf(source))}: ${compiled.value}`;
  });
  return { code: `export const precompiled = {\n${entries.join(',\n')}\n};\n`, map: null };
}

function template(name) {
  return { name, text: readFileSync(new URL(`templates/${name}`, import.meta.url), 'utf8') };
}
