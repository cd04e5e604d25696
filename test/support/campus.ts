import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster, TestUser } from './cluster.ts';
import { type Ran, run } from './run-program.ts';
import { sshClientEnv } from './ssh-client.ts';
import { testToken } from './test-token.ts';

/** A researcher's side of the test cluster: a configuration directory with a profile, a token, and the program. */
export interface Campus {
  configDir: string;
  user: TestUser;
  /** `connection.remoteDir`, as root sees it. */
  remoteDir: string;
  tokenFile: string;
  /** Runs the built program as a person or cron would. */
  glidein(args: readonly string[], more?: { env?: NodeJS.ProcessEnv; seconds?: number }): Promise<Ran>;
  /** The same with `--json`, and the first site of what it printed. */
  site(args: readonly string[], more?: { env?: NodeJS.ProcessEnv; seconds?: number }): Promise<SiteJson>;
  set(...assignments: string[]): Promise<void>;
  env: NodeJS.ProcessEnv;
  remove(): void;
}

export interface SiteJson {
  code: number;
  stderr: string;
  state: string;
  running: number;
  pending: number;
  held: number;
  suspended: number;
  unknown: number;
  inDoubt: number;
  submitted: number;
  cancelled: number;
  drained: number;
  ids: string[];
  reason: string | null;
  pilots?: { id: string; state: string; node: string | null; tag: string | null }[];
}

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

/** A container runtime that reports a version and then sits there, as a pilot without jobs does. */
const idleRuntime = `#!/bin/sh
case $1 in
--version) echo 'apptainer version 1.4.5 (stand-in)' ;;
exec) trap 'exit 0' TERM; while :; do sleep 0.2; done ;;
esac
`;

/** A new campus with the given target. Each has a configuration of its own; those of one user share the login host's directory. */
export async function campus(
  cluster: Cluster,
  target: number,
  more: { user?: TestUser; host?: string } = {},
): Promise<Campus> {
  const user = more.user ?? cluster.users.ada;
  const directory = mkdtempSync(join(cluster.prefix, 'campus-'));
  const configDir = join(directory, 'config');
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, `${testToken()}\n`, { mode: 0o600 });
  const runtime = join(cluster.prefix, 'idle-runtime');
  if (!existsSync(runtime)) writeFileSync(runtime, idleRuntime);
  chmodSync(runtime, 0o755);
  const env = { ...sshClientEnv(cluster), GLIDEIN_CONFIG_DIR: configDir, NO_COLOR: '1' };
  const profile = join(directory, 'campus.json');
  writeFileSync(profile, JSON.stringify(profileFor(target, more.host ?? 'campus', tokenFile, runtime)));
  const glidein: Campus['glidein'] = (args, extra = {}) =>
    run(process.execPath, [program, ...args], { env: { ...env, ...extra.env }, seconds: extra.seconds ?? 150 });
  const made: Campus = {
    configDir,
    user,
    remoteDir: join(user.home, '.glidein/campus'),
    tokenFile,
    env,
    glidein,
    site: async (args, extra) => siteOf(await glidein([...args, '--json'], extra)),
    set: async (...assignments) => mustSucceed(await glidein(['site', 'set', 'campus', ...assignments])),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
  mustSucceed(await glidein(['site', 'import', profile]));
  return made;
}

function profileFor(target: number, host: string, token: string, runtime: string) {
  return {
    name: 'campus',
    target,
    connection: { host },
    scheduler: { kind: 'slurm', walltime: '00:30:00' },
    pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token, runtime },
    limits: { maxPending: 50, maxPerPass: 50 },
  };
}

function siteOf(ran: Ran): SiteJson {
  const first = (JSON.parse(ran.stdout || '{}') as { sites?: SiteJson[] }).sites?.[0];
  if (first === undefined) throw new Error(`no site in the answer (exit ${ran.code}): ${ran.stdout}\n${ran.stderr}`);
  return { ...first, code: ran.code, stderr: ran.stderr };
}

function mustSucceed(ran: Ran): void {
  if (ran.code !== 0) throw new Error(`ended with ${ran.code}: ${ran.stderr}`);
}

/** Forgets everything that glidein keeps on the login host. */
export function clearRemote(user: TestUser): void {
  rmSync(join(user.home, '.glidein'), { recursive: true, force: true });
}

/** A program in front of one of the login host's own. */
export interface Shim {
  directory: string;
  /** A directory that it may write to. */
  state: string;
  remove(): void;
}

/** Makes a program that stands in front of another: `script` finds the real one as $REAL, and a directory as $STATE. */
export function shim(cluster: Cluster, name: string, script: string): Shim {
  const directory = mkdtempSync(join(cluster.prefix, 'shim-'));
  const state = join(directory, 'state');
  mkdirSync(state);
  chmodSync(directory, 0o755);
  chmodSync(state, 0o777);
  const real = ['/usr/bin', '/bin'].map((place) => join(place, name)).find((file) => existsSync(file));
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\nREAL=${real} STATE=${state}\n${script}\n`);
  chmodSync(file, 0o755);
  return { directory, state, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** The assignment that puts shims first on PATH in every session of a site; `more` are further lines. */
export function withShims(shims: readonly { directory: string }[], ...more: string[]): string {
  const path = [...shims.map((one) => one.directory), '$PATH'].join(':');
  return `connection.prologue=${JSON.stringify([`PATH=${path}`, ...more])}`;
}
