import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';
import { precompileTemplate } from './build/script/template-compile.js';
import { digestOf } from './build/script/template-source.js';

/**
 * The second half of `npm run build`: what tsc made in `build/` becomes a few files in `dist/cli/`, since a pass from cron
 * spends a good part of its time on opening each of them, and the job templates are compiled (docs/decisions/
 * 0009-few-files.md). Nothing is renamed or squeezed, and libraries stay where npm put them.
 */
export default defineConfig({
  input: 'build/cli/main.js',
  platform: 'node',
  // A part of Handlebars that is opened by every pass that submits is taken in.
  external: (id) => !/^[./]/.test(id) && id !== 'handlebars/runtime.js',
  plugins: [{ name: 'job-templates', transform: withTemplates }],
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: 'cli/main.js',
    // As deep as the sources are, so that `../../templates/` leads to the same place from both.
    chunkFileNames: 'cli/[name].js',
  },
});

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
