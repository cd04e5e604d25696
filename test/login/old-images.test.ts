import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearOldImages } from '../../src/login/old-images.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-old-images-'));
  mkdirSync(join(home, 'im ages'));
  mkdirSync(join(home, 'site one/jobs'), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const nameOf = (letter: string) => `${letter.repeat(64)}.sif`;
/** From the oldest to the newest. */
const all = ['a', 'b', 'c', 'd', 'e', 'f'].map(nameOf);

function fill(): void {
  for (const [age, name] of all.entries()) {
    const file = join(home, 'im ages', name);
    writeFileSync(file, name);
    utimesSync(file, 1_000_000 + age * 60, 1_000_000 + age * 60);
  }
  for (const other of ['mine.sif', `${'a'.repeat(63)}.sif`]) writeFileSync(join(home, 'im ages', other), '');
}

const clear = (more: { kept?: string[]; shell?: string } = {}) =>
  clearOldImages(
    shellTransport({ shell: more.shell ?? '/bin/sh', env: { HOME: home, PATH: process.env['PATH'] } }),
    { directory: '~/im ages', siteDirectories: ['~/site one/', '~/gone'], kept: more.kept ?? [nameOf('f')] },
    quietContext(),
  );
const left = () => readdirSync(join(home, 'im ages')).filter((name) => all.includes(name));

const shells = ['/bin/sh', '/bin/bash', '/usr/bin/tcsh', '/usr/bin/fish'].filter((shell) => existsSync(shell));

it.each(shells)(
  'go but for the last two, those that are wanted, and those that a job names, under %s',
  async (shell) => {
    fill();
    writeFileSync(join(home, 'site one/jobs/campus-1.sh'), `image=~/images/${nameOf('b')}\n`);
    const cleared = await clear({ shell, kept: [nameOf('c')] });
    expect(cleared.sort()).toEqual([nameOf('a'), nameOf('d')]);
    expect(left()).toEqual(['b', 'c', 'e', 'f'].map(nameOf));
    expect(readdirSync(join(home, 'im ages'))).toContain('mine.sif');
  },
);

it('all stay where nobody can say what jobs name', async () => {
  fill();
  rmSync(join(home, 'site one/jobs'), { recursive: true });
  writeFileSync(join(home, 'site one/jobs'), 'no directory');
  expect(await clear()).toEqual([]);
  expect(left()).toEqual(all);
});

it('are none where there is nothing', async () => {
  expect(await clear()).toEqual([]);
});
