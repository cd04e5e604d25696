import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import ts from 'typescript';

// Node 20, the floor of this project, runs no TypeScript. `node --import ./bench/run-typescript.js FILE.ts` does, in this
// process only: what a benchmark starts and measures is a plain `node`.

// Node loads this module a second time, in the thread where its hooks run.
if (isMainThread) register(import.meta.url);

/** Node's hook: a TypeScript file is its JavaScript, with the types taken out. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  const text = await readFile(fileURLToPath(url), 'utf8');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(text, { compilerOptions });
  return { format: 'module', source: outputText, shortCircuit: true };
}
