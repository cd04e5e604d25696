import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pathWithout } from '../support/path-without.ts';
import { processesWith } from '../support/processes-with.ts';
import { type RunOptions, run } from '../support/run-program.ts';
import { until } from '../support/stand-in.ts';

/** `glidein demo`, as somebody types it who has nothing but Node and a shell. */

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'glidein-demo-test-'));
  chmodSync(place, 0o755);
  mkdirSync(join(place, 'tmp'));
  chmodSync(join(place, 'tmp'), 0o777);
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const environment = (path = process.env['PATH']) => ({ PATH: path, HOME: place, TMPDIR: join(place, 'tmp') });
const demo = (args: readonly string[] = [], options: RunOptions = {}) =>
  run(process.execPath, [program, 'demo', ...args], { env: environment(), seconds: 50, ...options });

function expectNothingLeft(): void {
  expect(readdirSync(join(place, 'tmp')).filter((name) => name.startsWith('glidein'))).toEqual([]);
  expect(processesWith(place)).toEqual([]);
}

const story = [
  'This is a stand-in, not a cluster',
  '$ glidein render campus',
  '#SBATCH --exclusive',
  'start_expression=\'((TARGET.Owner =?= "ada")',
  'lines left out]',
  '$ glidein top-up campus\n   campus: 3 of 3 pilots (3 pending); submitted 3: 101_0 101_1 101_2',
  'campus: 3 of 3 pilots (3 running)',
  'node2 loses its power: pilot 101_1 is killed',
  'campus: 3 of 3 pilots (2 running, 1 pending); submitted 1: 104_0',
  '$ glidein status campus',
  'cancelled 3: 101_0 101_2 104_0',
  'What is different on a cluster',
  'For a site of your own',
];

function expectStory(stdout: string): void {
  let from = 0;
  for (const piece of story) {
    const at = stdout.indexOf(piece, from);
    expect(at, `${piece}\n-- in --\n${stdout.slice(from)}`).toBeGreaterThanOrEqual(0);
    from = at;
  }
}

describe('glidein demo', () => {
  it('tells its story, ends with 0 and leaves nothing behind', async () => {
    const ran = await demo();
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expectStory(ran.stdout);
    expect(ran.seconds).toBeLessThan(40);
    expect(readdirSync(place)).toEqual(['tmp']);
    expectNothingLeft();
  });

  it.each([
    ['pbs', '#PBS -l select=1:ncpus=16', 'qstat -t', '101[1].stand-in', '102.stand-in'],
    ['torque', '#PBS -l nodes=1:ppn=16', 'qstat -t', '101[1].stand-in', '102.stand-in'],
    ['lsf', '#BSUB -x', 'bjobs', '101[2]', '102[1]'],
  ])('tells it of %s as well, in its own words', async (kind, directive, queue, lost, replaced) => {
    const ran = await demo(['--scheduler', kind]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    for (const piece of [
      `"kind": "${kind}"`,
      directive,
      `login.campus$ ${queue}\n`,
      'campus: 3 of 3 pilots (3 running)',
      `node2 loses its power: pilot ${lost} is killed`,
      `submitted 1: ${replaced}`,
      'stand-in pilot: told to end',
      'ended by the batch system',
    ]) {
      expect(ran.stdout).toContain(piece);
    }
    expectNothingLeft();
  });

  it('knows which schedulers it can be', async () => {
    const ran = await demo(['--scheduler', 'cobalt']);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('slurm, pbs, torque, lsf');
    expectNothingLeft();
  });

  it('needs no flock, timeout, ssh, ssh-keygen, sha256sum', async () => {
    const path = pathWithout(
      ['flock', 'timeout', 'ssh', 'ssh-keygen', 'sha256sum', 'base64', 'ps', 'mktemp', 'stat'],
      join(place, 'programs'),
    );
    const ran = await demo([], { env: environment(path) });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('This machine lacks timeout, sha256sum, base64, mktemp, stat');
    expectStory(ran.stdout);
    expectNothingLeft();
  });

  // Root is what CI and containers are; the jobs are somebody else's then.
  it.runIf(process.getuid?.() === 0)('works for an ordinary user, too', async () => {
    const ran = await demo([], { uid: 65534, gid: 65534 });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expectStory(ran.stdout);
    expectNothingLeft();
  });

  it('prints one JSON object with --json, and no story', async () => {
    const ran = await demo(['--json']);
    const { steps, seconds } = JSON.parse(ran.stdout) as { steps: Record<string, unknown>[]; seconds: number };
    expect(steps.map((step) => step['exitCode'])).toEqual(steps.map(() => 0));
    expect(steps.map((step) => step['command'])).toContain('glidein cancel campus --all');
    expect(seconds).toBeGreaterThan(0);
  });

  it('says what is missing where there is no bash', async () => {
    const path = pathWithout(['bash'], join(place, 'programs'));
    const ran = await demo([], { env: environment(path) });
    // Where bash is in one of the usual places all the same, there is nothing to be said.
    if (['/bin/bash', '/usr/local/bin/bash', '/opt/homebrew/bin/bash'].some(existsSync)) expect(ran.code).toBe(0);
    else expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('bash 4.2') });
    expectNothingLeft();
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'cleans up after %s in the middle, and exits 130',
    async (signal) => {
      const child = spawn(process.execPath, [program, 'demo'], {
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let told = '';
      let complaint = '';
      child.stdout.on('data', (chunk: Buffer) => {
        told += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        complaint += chunk.toString();
      });
      const ended = new Promise((resolve) => child.on('close', resolve));
      await until(() => told.includes('$ squeue'), 30);
      expect(processesWith(place)).not.toEqual([]);
      child.kill(signal);
      expect(await ended).toBe(130);
      expect(complaint).not.toContain('bug');
      expect(told).not.toContain('For a site of your own');
      expectNothingLeft();
    },
  );

  it('cleans up as well as it can when it is interrupted twice', async () => {
    const child = spawn(process.execPath, [program, 'demo'], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let told = '';
    child.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await until(() => told.includes('$ squeue'), 30);
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    await until(() => processesWith(place).length === 0);
    expectNothingLeft();
  });
});
