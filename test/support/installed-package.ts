import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mustRun } from './run-program.ts';

const root = resolve(import.meta.dirname, '../..');

/**
 * Makes `directory` what `npm install glidein` leaves: the files that `npm pack` takes, and beside them the packages that
 * they need at run time and no other. No registry is asked. Answers the directory that holds the program `glidein`.
 */
export async function installPackage(directory: string): Promise<string> {
  const modules = join(directory, 'node_modules');
  const own = join(modules, 'glidein');
  const programs = join(modules, '.bin');
  for (const made of [own, programs]) mkdirSync(made, { recursive: true });
  const packed = await mustRun('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  await mustRun('tar', ['-xzf', join(directory, filename), '-C', own, '--strip-components=1', '--no-same-owner']);
  for (const needed of runtimePackages()) {
    cpSync(join(root, needed), join(directory, needed), { recursive: true });
  }
  symlinkSync('../glidein/bin/glidein.js', join(programs, 'glidein'));
  return programs;
}

/** Paths, by the lock file, of what the package depends on and what that depends on; some are for other platforms. */
function runtimePackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  const paths = Object.keys(packages).filter((path) => path !== '' && packages[path]?.dev !== true);
  return paths.filter((path) => existsSync(join(root, path)));
}
