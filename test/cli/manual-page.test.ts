import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandTree } from '../../src/cli/command-tree.ts';
import { examples } from '../../src/cli/examples.ts';
import { buildProgram } from '../../src/cli/program.ts';
import type { Request } from '../../src/cli/request.ts';
import { run } from '../support/run-program.ts';

const page = new URL('../../dist/glidein.1', import.meta.url).pathname;
const tree = commandTree(buildProgram('0', () => undefined));
const leaves = tree.filter(({ commands }) => commands.length === 0);

describe('the manual page', () => {
  it('is where package.json says, and has every command with its options', () => {
    const { man } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { man: string };
    expect(page.endsWith(`/${man}`)).toBe(true);
    const text = readFileSync(page, 'utf8').replaceAll('\\-', '-');
    for (const { path, options } of leaves) {
      expect(text).toContain(`.SS "glidein ${path}`);
      for (const { flags } of options) expect(text).toContain(`.B ${flags}`);
    }
  });

  it('is shown by man without a complaint', async () => {
    if (!existsSync('/usr/bin/man')) return;
    const env = { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8', MANROFFOPT: '-ww' };
    const { code, stdout, stderr } = await run('man', ['--warnings', '-l', page], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const shown = stdout.replace(new RegExp(`.${String.fromCharCode(8)}`, 'g'), '');
    expect(shown).toMatch(/^ {3}glidein top-up \[sites\.\.\.\]$/m);
    expect(shown).toContain('glidein site set campus scheduler.queue=long scheduler.walltime=2-00:00:00');
    expect(shown).toMatch(/^EXIT STATUS$/m);
  });
});

describe('examples', () => {
  it('are there for every command, and for no other', () => {
    expect(Object.keys(examples).sort()).toEqual(leaves.map(({ path }) => path).sort());
  });

  it.each(Object.entries(examples).flatMap(([path, typed]) => typed.map((line) => [path, line])))(
    'of %s: %s',
    (path, line) => {
      const taken: Request[] = [];
      const program = buildProgram('0', (request) => taken.push(request));
      const [words = ''] = line.split(/ [<>] /);
      program.parse(words.split(' ').slice(1), { from: 'user' });
      expect(taken).toHaveLength(1);
      expect(words.startsWith(`glidein ${path}`)).toBe(true);
    },
  );
});
