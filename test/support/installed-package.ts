import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
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
  for (const needed of await runtimePackages()) {
    const target = join(modules, needed);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, 'node_modules', needed), target, { recursive: true });
  }
  symlinkSync('../glidein/bin/glidein.js', join(programs, 'glidein'));
  return programs;
}

/** Paths below node_modules of what the package depends on, and what that depends on. */
async function runtimePackages(): Promise<string[]> {
  const listed = await mustRun('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root });
  const paths = listed.stdout.split('\n').filter((path) => path.startsWith(join(root, 'node_modules')));
  return paths.map((path) => relative(join(root, 'node_modules'), path));
}
