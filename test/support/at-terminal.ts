import { spawn, spawnSync } from 'node:child_process';
import { quote } from '../../src/shell.ts';

/** What a terminal got to see, with all that steers it. */
export interface Shown {
  code: number;
  screen: string;
}

export interface AtTerminal {
  env: NodeJS.ProcessEnv;
  /** What is typed, each as soon as the text before it was shown after the last. */
  answers?: readonly [shown: string, typed: string][] | undefined;
}

/** Whether this machine has a `script` that can do it: util-linux's, not the BSDs'. */
export const hasTerminals = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

/** Runs a shell command on a terminal of its own, by `script` of util-linux. */
export function atTerminal(command: string, { env, answers = [] }: AtTerminal): Promise<Shown> {
  const left = [...answers];
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', `sh -c ${quote(command)}`, '/dev/null'], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let screen = '';
    let from = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      screen += chunk.toString();
      const [next] = left;
      if (next === undefined || !screen.slice(from).includes(next[0])) return;
      from = screen.length;
      left.shift();
      setTimeout(() => child.stdin.write(next[1]), 100);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, screen }));
  });
}
