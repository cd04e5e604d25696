import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { glidein } from '../support/glidein.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'glidein-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const call = (args: string[], more = {}) => glidein(directory, args, more);

const profile = {
  name: 'campus',
  connection: { host: 'login.example.org' },
  scheduler: { kind: 'slurm', walltime: '12:00:00' },
  pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token: '~/token' },
};
const imported = async (more: object = {}) => {
  const file = join(directory, 'campus-file.json');
  writeFileSync(file, JSON.stringify({ ...profile, ...more }));
  expect(await call(['site', 'import', file])).toMatchObject({ code: 0 });
};

describe('the command line', () => {
  it('shows its help with the first steps, and says 0 only when it was asked for', async () => {
    const asked = await call(['--help']);
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    for (const word of ['site', 'render', 'submit', 'top-up', 'status', 'cancel', 'First steps', 'Exit codes'])
      expect(asked.stdout).toContain(word);
    const nothing = await call([]);
    expect(nothing).toMatchObject({ code: 2, stdout: '' });
    expect(nothing.stderr).toContain('First steps');
  });

  it.each([
    ['site'],
    ['site', 'import'],
    ['render'],
    ['submit'],
    ['top-up'],
    ['status'],
    ['cancel'],
    ['token', 'check'],
    ['init'],
    ['image', 'build'],
    ['image', 'list'],
    ['image', 'check'],
    ['image', 'prune'],
  ])('explains %s %s', async (...words) => {
    const help = await call([...words, '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain(`Usage: glidein ${words.join(' ')}`);
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await call(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['submit', 'campus', '--cuont', '3'], "unknown option '--cuont'"],
    [['submit'], "missing required argument 'site'"],
    [['submit', 'campus', '-n', 'many'], 'whole number'],
    [['submit', 'campus', '-n', '0'], 'whole number'],
    [['submit', 'campus', '-n', '-3'], 'whole number'],
    [['site', 'show', '../../etc/passwd'], 'is not a site name'],
    [['top-up'], 'no site has a profile yet'],
    [['cancel', 'campus'], 'say which pilots'],
    [['status', '--watch', 'campus'], 'Sites stand before --watch'],
    [['status', '--watch', '4'], '5 seconds is the least'],
    [['check', 'campus', '--wait', 'soon'], 'a time such as 90s, 10m or 2h'],
    [['check', 'campus', '--wait', '25h'], 'at most 24h'],
    [['check', 'campus', '--wait', '0'], 'a time such as 90s, 10m or 2h'],
    [['keep', '--every', '5'], 'such as 30s, 5m or 1h'],
  ])('%j is a mistake with a next step', async (args, words) => {
    const text = await call(args);
    expect(text).toMatchObject({ code: 2, stdout: '' });
    expect(text.stderr).toContain(words);
    expect(text.stderr).toContain('next:');
    expect(text.stderr).not.toMatch(/\n\s+at /);
    const json = await call([...args, '--json']);
    expect(json.code).toBe(2);
    const { error } = JSON.parse(json.stdout) as { error: { code: string; message: string; hint: string } };
    expect(error.message).toContain(words);
    expect(Object.keys(error).sort()).toEqual(['code', 'hint', 'message', 'site']);
    expect(json.stderr).toContain(words);
  });

  it('takes global options before and after the command', async () => {
    await imported();
    const elsewhere = join(directory, 'elsewhere');
    for (const args of [
      ['--json', 'site', 'list'],
      ['site', '--json', 'list'],
      ['site', 'list', '--json'],
    ]) {
      expect(JSON.parse((await call(args)).stdout)).toMatchObject({ sites: [{ site: 'campus' }] });
    }
    for (const args of [
      ['--config-dir', elsewhere, 'site', 'list'],
      ['site', 'list', '--config-dir', elsewhere],
    ]) {
      expect((await call([...args, '--json'])).stdout).toBe('{"sites":[]}\n');
    }
  });

  it('names the sites there are when one is missing', async () => {
    await imported();
    const answer = await call(['render', 'kampus']);
    expect(answer).toMatchObject({ code: 2, stdout: '' });
    expect(answer.stderr).toContain('there is no site kampus; there are campus');
  });

  it('ends quietly when its reader goes away', async () => {
    await imported();
    const { run } = await import('../support/run-program.ts');
    const bin = new URL('../../bin/glidein.js', import.meta.url).pathname;
    const piped = await run('bash', [
      '-c',
      `set -o pipefail; "${process.execPath}" "${bin}" --config-dir "${directory}" render campus 2>/dev/null | head -1`,
    ]);
    expect(piped.stdout).toBe('#!/bin/bash -p\n');
    expect(piped.stderr).toBe('');
  });
});

describe('profiles', () => {
  it('go in, come out, change and leave', async () => {
    await imported();
    expect(JSON.parse((await call(['site', 'export', 'campus'])).stdout)).toEqual(profile);
    expect((await call(['site', 'set', 'campus', 'target=3', 'scheduler.queue=long'])).stdout).toContain(
      'target: null -> 3',
    );
    expect(JSON.parse((await call(['site', 'show', 'campus'])).stdout)).toMatchObject({
      target: 3,
      scheduler: { queue: 'long' },
    });
    const text = await call(['site', 'import', '-'], { input: JSON.stringify(profile) });
    expect(text.stdout).toContain('replaced');
    expect(await call(['site', 'remove', 'campus'])).toMatchObject({ code: 0 });
    expect((await call(['site', 'list'])).stdout).toContain('no site has a profile');
  });

  it('tell all their mistakes at once, and name the nearest key', async () => {
    const file = join(directory, 'bad.json');
    writeFileSync(
      file,
      JSON.stringify({
        ...profile,
        taget: 3,
        pilot: { ...profile.pilot, owner: ['ada'], owners: [] },
        scheduler: { kind: 'slurm', walltime: '30:00' },
      }),
    );
    const answer = await call(['site', 'import', file]);
    expect(answer.code).toBe(2);
    for (const words of ['taget', 'target', 'pilot.owner ', 'pilot.owners must name', 'scheduler.walltime'])
      expect(answer.stderr).toContain(words);
    expect((await call(['site', 'list'])).stdout).toContain('no site');
  });

  it('that are broken are named with file and line, and not overwritten', async () => {
    await imported();
    const file = join(directory, 'sites/campus.json');
    const broken = '{\n  "name": "campus",\n  "target": }\n';
    writeFileSync(file, broken, { mode: 0o600 });
    for (const args of [
      ['site', 'show', 'campus'],
      ['site', 'set', 'campus', 'target=3'],
      ['render', 'campus'],
    ]) {
      const answer = await call(args);
      expect(answer.code).toBe(2);
      expect(answer.stderr).toContain(`${file}:3`);
    }
    expect(readFileSync(file, 'utf8')).toBe(broken);
    expect(await call(['site', 'list'])).toMatchObject({ code: 0 });
  });
});

describe('render', () => {
  it('prints exactly the script; the command and the owners are aside', async () => {
    await imported();
    const text = await call(['render', 'campus', '-n', '3']);
    expect(text.code).toBe(0);
    expect(text.stdout.startsWith('#!/bin/bash -p\n#SBATCH --job-name=g-campus\n')).toBe(true);
    expect(text.stderr).toContain('only jobs of ada@ap.example.org');
    expect(text.stderr).toContain('--array=0-2');
    expect(text.stderr).toMatch(/^# jobs' own containers: used where Apptainer works inside the pilot, /m);
    const json = JSON.parse((await call(['render', 'campus', '--json'])).stdout) as {
      site: string;
      command: string;
      script: string;
    };
    expect(Object.keys(json).sort()).toEqual(['command', 'script', 'site']);
    const withoutTag = (script: string) => script.replaceAll(/campus-[a-z0-9]{10}/g, 'TAG');
    expect(withoutTag(json.script)).toBe(withoutTag(text.stdout));
  });

  it("opens nobody's nodes but when it is typed", async () => {
    await imported();
    expect((await call(['render', 'campus'])).stdout).toContain('TARGET.Owner =?= "ada"');
    const open = await call(['render', 'campus', '--any-owner']);
    expect(open.stderr).toContain('warning');
    expect((await call(['render', 'campus'])).stdout).toContain('TARGET.Owner =?= "ada"');
  });
});
