import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { exampleWith } from '../support/example-profile.ts';
import { glidein } from '../support/glidein.ts';
import { aliveIn, standIn } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

let cluster: StandIn;
let configDir: string;
let env: NodeJS.ProcessEnv;
let begun: string;

beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
  configDir = join(cluster.home, 'config');
  begun = join(cluster.home, 'sbatch-begun');
  const slow = join(cluster.home, 'slow');
  mkdirSync(slow);
  writeFileSync(
    join(slow, 'sbatch'),
    `#!/bin/sh\ntouch ${begun}\nsleep 1.5\nexec ${cluster.directory}/bin/sbatch "$@"\n`,
  );
  chmodSync(join(slow, 'sbatch'), 0o755);
  env = {
    ...cluster.environment,
    PATH: `${slow}:${cluster.environment['PATH']}`,
    NO_COLOR: '1',
    GLIDEIN_CONFIG_DIR: configDir,
  };
  writeFileSync(join(cluster.home, 'token'), testToken(), { mode: 0o600 });
  const profile = exampleWith({
    ...{ name: 'campus', target: 2, scheduler: { kind: 'slurm', walltime: '12:00:00' }, image: undefined },
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    'pilot.token': join(cluster.home, 'token'),
  });
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await call(['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
});
afterEach(() => cluster[Symbol.asyncDispose]());

const call = (args: string[], more = {}) => glidein(configDir, args, { env: { ...env, ...more } });

interface Kept {
  child: ChildProcess;
  ended: Promise<unknown[]>;
  printed(): string;
  complained(): string;
}

function keep(...args: string[]): Kept {
  const child = spawn(process.execPath, [program, 'keep', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    texts.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    texts.err += chunk;
  });
  return { child, ended: once(child, 'close'), printed: () => texts.out, complained: () => texts.err };
}

describe('keep', () => {
  it('is told to end in the middle of a submission, and ends after it, with nothing in doubt', async () => {
    const { child, ended, printed } = keep('--json');
    await waitUntil('a submission begins', 20, () => existsSync(begun));
    child.kill('SIGTERM');
    expect(await ended).toEqual([130, null]);
    const lines = printed().trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ sites: [{ site: 'campus', submitted: 2, inDoubt: 0 }] });
    expect(aliveIn(cluster)).toHaveLength(2);
    expect(JSON.parse((await call(['top-up', '--json'])).stdout)).toMatchObject({
      sites: [{ submitted: 0, pending: 2 }],
    });
  });

  it('reads the profiles anew for each pass, says a line for each, and ends at once between two', async () => {
    const { child, ended, printed } = keep('--every', '10s', '--json');
    const passes = () => printed().split('\n').length - 1;
    await waitUntil('a first pass', 20, () => passes() === 1);
    await call(['site', 'set', 'campus', 'target=3']);
    await waitUntil('a second pass', 20, () => passes() === 2);
    expect(JSON.parse(printed().split('\n')[1] ?? '')).toMatchObject({ sites: [{ target: 3, submitted: 1 }] });
    const told = performance.now();
    child.kill('SIGINT');
    await ended;
    expect(performance.now() - told).toBeLessThan(2000);
  });

  it('goes on where a pass can do nothing, and refuses to ask all the time', async () => {
    await call(['site', 'remove', 'campus']);
    const { child, ended, complained } = keep('--quiet');
    await waitUntil('it says what is wrong', 20, () => complained().includes('no site has a profile yet'));
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    await ended;
    expect(await call(['keep', '--every', '9s'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('10 seconds is the least'),
    });
    expect((await call(['keep', '--every', 'often'])).stderr).toContain('such as 30s, 5m or 1h');
  });
});

describe('top-up --quiet', () => {
  it('tells a person of what needs one once, and that it is over', async () => {
    const quiet = async () => {
      const { code, stdout, stderr } = await call(['top-up', '--quiet']);
      return { code, said: `${stdout}${stderr}` };
    };
    writeFileSync(join(cluster.home, 'token'), testToken(-5), { mode: 0o600 });
    expect(await quiet()).toMatchObject({ code: 2, said: expect.stringContaining('has expired') });
    expect(await quiet()).toEqual({ code: 2, said: '' });
    writeFileSync(join(cluster.home, 'token'), testToken(), { mode: 0o600 });
    expect(await quiet()).toMatchObject({
      code: 0,
      said: expect.stringMatching(/submitted 2: \S+ \S+; all is well again\n$/),
    });
    expect(await quiet()).toEqual({ code: 0, said: '' });
  });
});
