import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// `npm test`: several runs of vitest side by side, because the real tests wait most of the time, and one vitest would start
// each project after the others. The first is shown as it goes. What another prints is held until those before it have
// ended, and is shown in one piece; only what a set-up says is shown at once. `npm test -- ARGUMENTS` gives them to all.

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const sayings = /^(real|login|pool) tests: /;

const runs = [['unit', 'programs'], ['login'], ['pool'], ['real']].map((projects, at) => start(projects, at === 0));

let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopped = true;
    for (const { child } of runs) child.kill(signal);
  });
}

for (const run of runs) {
  run.show();
  await run.code;
}
const ends = await Promise.all(
  runs.map(async ({ name, code, seconds }) => ({ name, code: await code, seconds: seconds() })),
);
const words = ends.map(({ name, code, seconds }) => `${name} ${code === 0 ? 'passed' : 'FAILED'} (${seconds} s)`);
process.stdout.write(`\nnpm test: ${words.join(', ')}\n`);
process.exitCode = stopped ? 130 : Math.max(...ends.map(({ code }) => code));

/** Starts a run; `code` is its exit code, 1 where a signal ended it. `show` shows what it printed and will print. */
function start(projects, shown) {
  const filters = process.argv.length > 2 ? ['--passWithNoTests', ...process.argv.slice(2)] : [];
  const args = [vitest, 'run', ...projects.flatMap((name) => ['--project', name]), ...filters];
  const began = performance.now();
  let lasted = 0;
  const child = spawn(process.execPath, args, {
    detached: true, // In a process group of its own: an interrupt at the terminal then reaches it once, by us.
    stdio: ['ignore', ...(shown ? ['inherit', 'inherit'] : ['pipe', 'pipe'])],
    env: { ...process.env, GLIDEIN_TEST_TERMINAL: process.stderr.isTTY ? 'yes' : 'no' },
  });
  child.on('exit', () => endGroup(child));
  const code = new Promise((resolve) => {
    child.on('close', (ended) => {
      lasted = (performance.now() - began) / 1000;
      resolve(ended ?? 1);
    });
  });
  const name = projects.join(' and ');
  return { name, child, code, seconds: () => Math.round(lasted), show: shown ? () => {} : hold(name, child) };
}

/** Ends what is left of a run that has ended: vitest's workers outlive it when it is interrupted. */
function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}

/** Holds what a run prints, on either stream and in its order; answers how to let it go. */
function hold(name, child) {
  const held = [`\n==== ${name} ====\n`];
  let holds = true;
  const take = (chunk) => (holds ? held.push(chunk) : process.stdout.write(chunk));
  child.stdout.on('data', take);
  child.stderr.on('data', (chunk) => {
    take(chunk);
    const now = holds ? `${chunk}`.split('\n').filter((line) => sayings.test(line)) : [];
    for (const line of now) process.stderr.write(`${line}\n`);
  });
  return () => {
    for (const chunk of held) process.stdout.write(chunk);
    holds = false;
  };
}
