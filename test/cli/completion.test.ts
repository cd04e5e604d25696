import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';
import { glidein } from '../support/glidein.ts';
import { run } from '../support/run-program.ts';

const directory = useConfigDirectory();
beforeEach(() => {
  for (const name of ['campus', 'chemistry', 'physics'])
    directory.write(`sites/${name}.json`, JSON.stringify(exampleWith({ name })));
  directory.write('sites/campus.json.tmp-1', '');
});

async function scriptFor(shell: string): Promise<string> {
  const { stdout, code } = await glidein(directory.path, ['completion', shell]);
  expect(code).toBe(0);
  const file = join(dirname(directory.path), `glidein.${shell}`);
  writeFileSync(file, stdout);
  return file;
}

/** What each shell offers for the last word of a line. The program itself is nowhere on PATH: it is not needed. */
const offers: Record<string, (script: string, words: string[]) => Promise<string[]>> = {
  bash: async (script, words) => {
    const program = `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _glidein; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return lines(await inShell('/bin/bash', ['--norc', '-c', program, 'bash', ...words]));
  },
  fish: async (script, words) => {
    const program = `source ${script}; complete -C ${JSON.stringify(words.join(' '))}`;
    const found = lines(await inShell('/usr/bin/fish', ['--no-config', '-c', program]));
    return found.map((line) => line.split('\t')[0] ?? '');
  },
  zsh: async (script, words) => {
    // A shell of its own behind a terminal of its own: completion is for people at a terminal only.
    const program = [
      'zmodload zsh/zpty',
      `zpty shell 'PS1= zsh -f -i'`,
      `zpty -w shell 'autoload -U compinit; compinit -u -D; source ${script}; LISTMAX=999; bindkey "^I" list-choices; print -r READY'`,
      `zpty -r shell seen '*READY*READY*'`,
      `zpty -w -n shell $'${words.join(' ')}\\t'`,
      'sleep 0.6',
      `zpty -w -n shell $'\\x15'; zpty -w shell 'print -r DONE'`,
      `zpty -r shell seen '*DONE*DONE*'; print -r -- "$seen"`,
    ].join('\n');
    const { stdout } = await inShell('/usr/bin/zsh', ['-f', '-c', program]);
    return stdout.replace(terminalOrder, ' ').split(/\s+/);
  },
};

const terminalOrder = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

const inShell = (shell: string, args: string[]) =>
  run(shell, args, {
    env: { HOME: dirname(directory.path), PATH: '/usr/bin:/bin', TERM: 'xterm', GLIDEIN_CONFIG_DIR: directory.path },
  });
const lines = ({ stdout, stderr }: { stdout: string; stderr: string }) => {
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
};

const installed = ['bash', 'zsh', 'fish'].filter((shell) => [`/bin/${shell}`, `/usr/bin/${shell}`].some(existsSync));

describe.each(installed)('completion in %s', (shell) => {
  it.each([
    [['glidein', 'top-'], ['top-up'], ['campus']],
    [
      ['glidein', 'top-up', 'c'],
      ['campus', 'chemistry'],
      ['physics', '--all'],
    ],
    [['glidein', 'top-up', 'campus', 'p'], ['physics'], ['chemistry']],
    [['glidein', 'top-up', '--a'], ['--all', '--any-owner'], ['campus']],
    [['glidein', 'site', 'se'], ['set'], ['show']],
    [['glidein', '--json', 'site', 'set', 'ch'], ['chemistry'], ['campus']],
    [['glidein', 'cron', 'install', '--table', ''], ['crontab', 'scrontab'], ['campus']],
    [['glidein', 'completion', ''], ['bash', 'zsh', 'fish'], ['campus']],
    [['glidein', '--config-dir', '/nowhere', 'top-up', ''], [], ['campus']],
  ])('of %j offers %j and not %j', async (words, some, none) => {
    const found = await offers[shell]?.(await scriptFor(shell), words);
    for (const word of some) expect(found).toContain(word);
    for (const word of none) expect(found).not.toContain(word);
  });
});

it('says for which shells there is a completion', async () => {
  expect(await glidein(directory.path, ['completion', 'ksh'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bash, zsh, fish'),
  });
});
