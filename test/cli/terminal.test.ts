import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { commandLine } from '../../src/shell.ts';
import { atTerminal, hasTerminals } from '../support/at-terminal.ts';
import { glidein } from '../support/glidein.ts';
import { run } from '../support/run-program.ts';
import { standIn } from '../support/stand-in.ts';

/** The built program on a terminal, on a login host that is this machine and whose `squeue` takes a while. */

const program = commandLine([process.execPath, fileURLToPath(new URL('../../bin/glidein.js', import.meta.url))]);
const esc = '\u001b[';

let cluster: StandIn;
let configDir: string;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
  configDir = join(cluster.home, 'config');
  const profile = {
    name: 'campus',
    target: 3,
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    scheduler: { kind: 'slurm', walltime: '12:00:00' },
    pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token: '~/token' },
  };
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await glidein(configDir, ['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
  const { NO_COLOR: _never, ...rest } = process.env;
  const PATH = `${slow(cluster.environment['PATH'] ?? '')}:${cluster.environment['PATH']}`;
  env = { ...rest, ...cluster.environment, PATH, GLIDEIN_CONFIG_DIR: configDir, TERM: 'xterm', LC_ALL: 'C.UTF-8' };
});
afterEach(() => cluster[Symbol.asyncDispose]());

/** A directory with a `squeue` that takes 0.8 s. */
function slow(path: string): string {
  const directory = join(cluster.home, 'slow');
  mkdirSync(directory);
  const file = join(directory, 'squeue');
  writeFileSync(file, `#!/bin/sh\nsleep 0.8\nPATH=${path}\nexec squeue "$@"\n`);
  chmodSync(file, 0o755);
  return directory;
}

describe.runIf(hasTerminals)('on a terminal', () => {
  it('one line says what is waited for, and is gone before the result', async () => {
    const { code, screen } = await atTerminal(`${program} status campus`, { env });
    expect(code).toBe(0);
    expect(screen).toContain('campus: reading the queue …');
    const rest = screen.slice(screen.lastIndexOf('reading the queue'));
    expect(rest).toContain(`\r${esc}K${esc}1mcampus${esc}22m: `);
    expect(rest).toContain('░░░░░░░░░░░░');
  });

  it.each(['--json', '--quiet', '--verbose'])('there is no such line with %s', async (option) => {
    const { screen } = await atTerminal(`${program} status campus ${option}`, { env });
    expect(screen).not.toContain('reading the queue');
    expect(screen).not.toContain(`${esc}K`);
  });

  it('NO_COLOR takes the colours away', async () => {
    const { screen } = await atTerminal(`${program} status campus`, { env: { ...env, NO_COLOR: '1' } });
    expect(screen).toContain('campus: 0 of 3 pilots');
    expect(screen).not.toMatch(new RegExp(`${esc.replace('[', '\\[')}\\d+m`));
  });

  it('a result that goes into a file has no colours, while the progress is on the screen', async () => {
    const file = join(cluster.home, 'result');
    const { screen } = await atTerminal(`${program} status campus >${file}`, { env });
    expect(screen).toContain('reading the queue');
    expect(readFileSync(file, 'utf8')).toBe('campus: 0 of 3 pilots\n');
  });

  it('a result on the screen has colours although stderr goes elsewhere', async () => {
    const { screen } = await atTerminal(`${program} status campus 2>/dev/null`, { env });
    expect(screen).toContain(`${esc}1mcampus${esc}22m`);
    expect(screen).not.toContain('reading the queue');
  });

  it('Ctrl-C takes the line away and ends with 130', async () => {
    cluster.faults.set({ hang: 'list' });
    const { code, screen } = await atTerminal(`${program} status campus`, {
      env,
      answers: [['reading the queue', '\u0003']],
    });
    expect(code).toBe(130);
    expect(screen.lastIndexOf(`${esc}K`)).toBeGreaterThan(screen.lastIndexOf('reading the queue'));
    expect(screen).toContain('interrupted');
  });
});

describe('status --watch', () => {
  it.runIf(hasTerminals)('draws each look over the last one, until Ctrl-C', { timeout: 60_000 }, async () => {
    const answers: [string, string][] = [
      ['0 of 3 pilots', ''],
      ['0 of 3 pilots', '\u0003'],
    ];
    const { code, screen } = await atTerminal(`${program} status --watch 5`, { env, answers });
    expect(code).toBe(130);
    expect(screen.split(`${esc}2J${esc}H`)).toHaveLength(2);
    expect(screen.split(/ UTC/)).toHaveLength(3);
    expect(screen).toMatch(new RegExp(`${esc.replace('[', '\\[')}H\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC`));
    expect(screen).not.toContain('error');
  });

  it('prints one JSON object a line, and ends when nobody reads any more', { timeout: 60_000 }, async () => {
    const command = `{ ${program} status --watch 5 --json; echo $? >${cluster.home}/code; } | head -n 1`;
    const piped = await run('sh', ['-c', command], { env, seconds: 40 });
    expect(JSON.parse(piped.stdout)).toMatchObject({ sites: [{ site: 'campus', target: 3, pilots: [], ended: [] }] });
    expect(piped.stdout.split('\n')).toHaveLength(2);
    expect(readFileSync(join(cluster.home, 'code'), 'utf8')).toBe('130\n');
  });
});
