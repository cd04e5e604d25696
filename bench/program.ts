import { fileURLToPath } from 'node:url';
import type { Command } from './timed-run.ts';

/** The built program under measurement; `--program FILE` names another build of it. */
export const builtProgram = fileURLToPath(new URL('../bin/glidein.js', import.meta.url));

/** `glidein ARGS` as a whole process. */
export function glidein(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Command {
  return { file: process.execPath, args: [program, ...args], env, seconds: 300 };
}

/** Another program, found on the PATH of `env`. */
export function peer(line: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Command {
  const [file, ...args] = line;
  return { file, args, env, seconds: 300 };
}
