import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// `npm test`: two runs of vitest side by side, because the real tests wait most of the time, and one vitest would start
// them after all others. The first is shown as it goes; what the second prints is held until the first has ended, but for
// its warnings. `npm test -- ARGUMENTS` gives them to both.

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const shown = start(['unit', 'programs'], 'inherit');
const held = start(['real'], 'pipe');

let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopped = true;
    for (const run of [shown, held]) run.kill(signal);
  });
}

const early = [];
held.stdout.on('data', (chunk) => early.push(chunk));
const codes = Promise.all([codeOf(shown), codeOf(held)]);
await codeOf(shown);
held.stdout.removeAllListeners('data');
for (const chunk of early) process.stdout.write(chunk);
held.stdout.pipe(process.stdout, { end: false });
const outcome = await codes;
const words = outcome.map((code) => (code === 0 ? 'passed' : 'FAILED'));
process.stdout.write(`\nnpm test: unit and programs (above) ${words[0]}, real ${words[1]}\n`);
process.exitCode = stopped ? 130 : Math.max(...outcome);

/** In a process group of its own: an interrupt at the terminal then reaches it once, by us. */
function start(projects, stdout) {
  const filters = process.argv.length > 2 ? ['--passWithNoTests', ...process.argv.slice(2)] : [];
  const args = [vitest, 'run', ...projects.flatMap((name) => ['--project', name]), ...filters];
  return spawn(process.execPath, args, { detached: true, stdio: ['ignore', stdout, 'inherit'] });
}

/** The exit code of a run; 1 for one that a signal ended. */
function codeOf(run) {
  return new Promise((resolve) => run.on('close', (code) => resolve(code ?? 1)));
}
