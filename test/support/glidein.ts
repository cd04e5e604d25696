import { fileURLToPath } from 'node:url';
import { type Ran, run } from './run-program.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

/** Runs the built program, in an environment that knows nothing of the real user's configuration. */
export function glidein(
  configDir: string,
  args: readonly string[],
  more: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Ran> {
  const { XDG_CONFIG_HOME: _config, XDG_DATA_HOME: _data, ...rest } = process.env;
  const env = { ...rest, GLIDEIN_CONFIG_DIR: configDir, NO_COLOR: '1', ...more.env };
  return run(process.execPath, [program, ...args], { env, seconds: 60, input: more.input ?? '' });
}
