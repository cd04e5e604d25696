import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The directory the user asked for with `--config-dir`, or null. */
export interface DirectoryOptions {
  configDir: string | null;
}

/**
 * Where profiles and the user's templates are: `--config-dir`, else GLIDEIN_CONFIG_DIR, else `glidein` below
 * XDG_CONFIG_HOME or `~/.config`. Always absolute; whether it exists is not looked at.
 */
export function configDirectory(options: DirectoryOptions, env: NodeJS.ProcessEnv): string {
  return askedFor(options, env) ?? join(baseDirectory(env, 'XDG_CONFIG_HOME', '.config'), 'glidein');
}

/** Where history and images are: the directory asked for as above, else `glidein` below XDG_DATA_HOME or `~/.local/share`. */
export function dataDirectory(options: DirectoryOptions, env: NodeJS.ProcessEnv): string {
  return askedFor(options, env) ?? join(baseDirectory(env, 'XDG_DATA_HOME', '.local/share'), 'glidein');
}

function askedFor(options: DirectoryOptions, env: NodeJS.ProcessEnv): string | null {
  const asked = options.configDir || env['GLIDEIN_CONFIG_DIR'];
  return asked ? resolve(asked) : null;
}

/** The XDG base directory specification says that a relative value is to be ignored. */
function baseDirectory(env: NodeJS.ProcessEnv, variable: string, fallback: string): string {
  const base = env[variable];
  return base?.startsWith('/') ? base : join(env['HOME'] || homedir(), fallback);
}
