import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneAtATime } from './run-lock.ts';
import { mustRun, run } from './run-program.ts';

/** What the real tests need of Debian. */
const PACKAGES = [
  'openssh-server',
  'openssh-client',
  'slurm-wlm',
  'slurm-client',
  'slurm-wlm-basic-plugins',
  'munge',
  'shellcheck',
  'tcsh',
  'fish',
  'zsh',
  'cron',
  'chromium',
  'libpam-google-authenticator',
  'oathtool',
];

const POLICY_FILE = '/usr/sbin/policy-rc.d';

/**
 * Installs the packages that are missing, those of every real test if none are named; says which before it does, and on
 * a terminal leaves 5 s to say no.
 */
export async function installMissing(
  say: (line: string) => void,
  packages: readonly string[] = PACKAGES,
): Promise<void> {
  if ((await missingPackages(packages)).length === 0) return;
  await oneAtATime(async () => {
    const missing = await missingPackages(packages); // Another line may have installed them meanwhile.
    if (missing.length > 0) await install(say, missing);
  });
}

async function install(say: (line: string) => void, missing: readonly string[]): Promise<void> {
  say(`will install with apt-get: ${missing.join(' ')}`);
  if (process.stderr.isTTY || process.env['GLIDEIN_TEST_TERMINAL'] === 'yes') {
    say('starting in 5 s; Ctrl-C to stop');
    await sleep(5000);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await withoutServiceStart(async () => {
    await mustRun('apt-get', ['update'], { env, seconds: 300 });
    await mustRun('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { env, seconds: 600 });
  });
}

async function missingPackages(packages: readonly string[]): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders.
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...packages]);
  const installed = new Set(stdout.split('\n'));
  return packages.filter((name) => !installed.has(`${name} installed`));
}

/** Debian starts the services it installs, on every address; exit 101 of this file is how an administrator says no. */
async function withoutServiceStart(install: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY_FILE)) return install();
  await writeFile(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    await rm(POLICY_FILE, { force: true });
  }
}
