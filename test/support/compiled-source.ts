import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');

/**
 * Compiles `src/` as it is now, types unchecked, into a package of its own that plain `node` runs: for tests that need
 * real processes and must not depend on when `dist/` was built. Answers the package's directory; the caller removes it.
 */
export function compileSource(): string {
  const directory = mkdtempSync(join(tmpdir(), 'glidein-compiled-'));
  for (const linked of ['node_modules', 'package.json', 'templates']) {
    symlinkSync(join(root, linked), join(directory, linked));
  }
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  for (const source of sources.filter((name) => name.endsWith('.ts'))) {
    const target = join(directory, 'dist', source.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compiled(join(root, 'src', source)));
  }
  return directory;
}

function compiled(file: string): string {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  return outputText;
}
