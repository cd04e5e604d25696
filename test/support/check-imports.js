// Runs dependency-cruiser over src and fails when a rule is broken, or when it saw too little to have checked anything:
// under a compiler it does not know it silently cruises nothing and reports success.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cruise, format } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const config = createRequire(import.meta.url)('../../.dependency-cruiser.cjs');
const sources = readdirSync('src', { recursive: true }).filter((name) => String(name).endsWith('.ts')).length;

const result = await cruise(
  ['src'],
  { ...config.options, ruleSet: { forbidden: config.forbidden }, validate: true },
  undefined,
  { tsConfig: extractTSConfig('tsconfig.json') },
);
const { modules, summary } = result.output;
const seen = modules.filter((module) => module.source.startsWith('src/')).length;
const edges = modules.reduce((sum, module) => sum + module.dependencies.length, 0);
const report = await format(result.output, { outputType: 'err' });
process.stdout.write(`${report.output}\n${seen} of ${sources} source files seen, ${edges} imports\n`);
if (seen < sources || edges < sources) {
  process.stderr.write('check-imports: the cruise saw too little to prove anything\n');
  process.exit(1);
}
process.exit(summary.error > 0 ? 1 : 0);
