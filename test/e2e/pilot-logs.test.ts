import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { glidein } from '../support/glidein.ts';
import { makeJobBed } from '../support/job-bed.ts';
import { belongsTo, isAlive } from '../support/processes.ts';
import { standIn } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';
import { waitUntil } from '../support/wait-until.ts';

/** `glidein logs` as a person types it, on a login host that is this machine. */

let cluster: StandIn;
let configDir: string;
let remote: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
  configDir = join(cluster.home, 'config');
  remote = join(cluster.home, '.glidein/campus');
  writeFileSync(join(cluster.home, 'token'), testToken(), { mode: 0o600 });
  const profile = {
    name: 'campus',
    target: 1,
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    scheduler: { kind: 'slurm', walltime: '12:00:00' },
    pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada'], token: join(cluster.home, 'token') },
  };
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await call(['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
  for (const name of ['logs', 'seen', 'ends']) mkdirSync(join(remote, name), { recursive: true });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await waitUntil('no follower survives', 10, () => programsHere().length === 0);
  await cluster[Symbol.asyncDispose]();
});
const call = (args: string[]) => glidein(configDir, args, { env: cluster.environment });
const log = (name: string, text: string) => {
  writeFileSync(join(remote, 'logs', `.${name}.new`), text);
  renameSync(join(remote, 'logs', `.${name}.new`), join(remote, 'logs', name));
};
const end = (id: string, words = '0 drained node7') =>
  writeFileSync(join(remote, 'ends', id), `end campus-0123456789 0 ${words} 1700000000 1700003600 .\n`);

function programsHere(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isAlive(pid) && belongsTo(pid, cluster.home));
}

/** The program while it runs. */
function follow(args: string[], command = process.execPath) {
  const bin = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
  const words = command === process.execPath ? [bin, 'logs', ...args] : args;
  const env = { ...process.env, ...cluster.environment, GLIDEIN_CONFIG_DIR: configDir, NO_COLOR: '1' };
  const child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const following = {
    child,
    stdout: '',
    stderr: '',
    code: new Promise<number | null>((done) => child.on('close', done)),
  };
  child.stdout.on('data', (chunk: Buffer) => {
    following.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    following.stderr += chunk.toString();
  });
  return following;
}

const asked = () => existsSync(join(remote, 'follow/101_0'));

it('prints the log alone on stdout, each line once, and on stderr where it is from', async () => {
  log('101_0.log', 'glidein: pilot 101_0 of campus\nsome words\nglidein: the pilot ended with 0 (drained)\n');
  log(
    '101_0.batch',
    'glidein: pilot 101_0 of campus\nslurmstepd: error: something\nglidein: the pilot ended with 0 (drained)\n',
  );
  end('101_0');
  const ran = await call(['logs', 'campus']);
  expect(ran).toMatchObject({
    code: 0,
    stdout:
      'glidein: pilot 101_0 of campus\nsome words\nglidein: the pilot ended with 0 (drained)\nslurmstepd: error: something\n',
  });
  expect(ran.stderr).toMatch(/^==> .*\/logs\/101_0\.log \(the pilot's own log, written \d+s ago\) <==$/m);
  expect(ran.stderr).toMatch(/^==> .*\/logs\/101_0\.batch \(what the batch system caught, written \d+s ago\) <==$/m);
  expect(ran.stderr).toContain('campus: 101_0 ended 2023-11-14T23:13:20.000Z on node7: drained');
  expect((await call(['logs', 'campus', '--quiet'])).stderr).toBe('');
  expect(existsSync(join(remote, 'follow'))).toBe(false);
});

it('keeps what is no text, and prints one object with --json', async () => {
  writeFileSync(join(remote, 'logs/101_0.log'), Buffer.from([0x66, 0xff, 0x00, 0x1b, 0x0a]));
  log('101_0.batch', 'glidein: pilot\n');
  const bytes = await new Promise<Buffer>((done) => {
    const chunks: Buffer[] = [];
    const { child } = follow(['campus', '101_0']);
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => done(Buffer.concat(chunks)));
  });
  expect([...bytes.subarray(0, 5)]).toEqual([0x66, 0xff, 0x00, 0x1b, 0x0a]);
  const ran = await call(['logs', 'campus', '101_0', '--json']);
  const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
  const path = (name: string) => join(remote, 'logs', name);
  expect(JSON.parse(ran.stdout)).toEqual({
    site: 'campus',
    id: '101_0',
    files: [
      { source: 'pilot', path: path('101_0.log'), refreshedAt: iso, text: 'f\ufffd\u0000\u001b\n' },
      { source: 'batch', path: path('101_0.batch'), refreshedAt: iso, text: 'glidein: pilot\n' },
    ],
  });
});

it('steers no terminal', async () => {
  log('101_0.log', 'a\u001b]0;owned\u0007b \u001b[31mred\n');
  const bin = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
  const { stdout } = follow(['-qec', `'${process.execPath}' '${bin}' logs campus`, '/dev/null'], 'script').child;
  let shown = '';
  for await (const chunk of stdout ?? []) shown += String(chunk);
  expect(shown).toContain('a?]0;owned?b \u001b[31mred\r\n\u001b[0m');
  expect(shown).not.toContain('\u001b]');
});

it('says which pilot it takes, and which there are', async () => {
  expect(await call(['top-up'])).toMatchObject({ code: 0 }); // 101, which waits
  expect(await call(['logs', 'campus', '--json'])).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('"code":"log-missing"'),
  });
  for (const id of ['90_0', '90_1']) log(`${id}.batch`, `${id}\n`);
  writeFileSync(join(remote, 'seen/campus-0123456789.0'), 'seen campus-0123456789 0 90_0 node7 1700000000 .\n');
  writeFileSync(join(remote, 'seen/campus-0123456789.1'), 'seen campus-0123456789 1 90_1 node7 1600000000 .\n');
  const newest = await call(['logs', 'campus']);
  expect(newest).toMatchObject({ code: 0, stdout: '90_0\n' });
  expect(newest.stderr).toContain('no pilot of 101, the newest submission, has a log yet; 90_0 is the newest that has');
  const submission = await call(['logs', 'campus', '90']);
  expect(submission).toMatchObject({ code: 0, stdout: '90_0\n' });
  expect(submission.stderr).toContain(
    '90 is a submission; this is the log of 90_0, its newest pilot with one; others: 90_1',
  );
  const unknown = await call(['logs', 'campus', '80_0', '--json']);
  expect(JSON.parse(unknown.stdout)).toMatchObject({
    error: { code: 'log-missing', site: 'campus', hint: expect.stringContaining('90_0') },
  });
  expect(unknown.code).toBe(2);
  log('101_0.batch', 'started\n');
  expect((await call(['logs', 'campus'])).stderr).not.toContain('newest submission');
});

it.each(['../../token', '.token', '$(touch owned)', "a'b"])('refuses the id %j before it connects', async (id) => {
  const ran = await call(['logs', 'campus', id, '--verbose']);
  expect(ran).toMatchObject({ code: 2, stdout: '' });
  expect(ran.stderr).toContain('is no id of a pilot');
  expect(ran.stderr).not.toContain('step');
});

it('follows a pilot from its first words to its last, and then ends', async () => {
  log('101_0.batch', 'glidein: pilot 101_0\n');
  const following = follow(['campus', '--follow']);
  await waitUntil('it asks', 10, asked);
  rmSync(join(remote, 'follow/101_0'));
  log('101_0.log', 'glidein: pilot 101_0\nworking\n');
  await waitUntil('the log comes', 10, () => following.stdout.includes('working\n'));
  appendFileSync(join(remote, 'logs/101_0.batch'), 'glidein: the pilot ended\n');
  end('101_0', '7 exited node7');
  log('101_0.log', 'glidein: pilot 101_0\nworking\nlast words\nglidein: the pilot ended\n');
  expect(await following.code).toBe(0);
  expect(following.stdout.split('\n').toSorted()).toEqual(
    ['', 'glidein: pilot 101_0', 'glidein: the pilot ended', 'last words', 'working'].toSorted(),
  );
  expect(following.stderr).toContain('on node7: the pilot failed (exit 7)');
});

it('gets the words of a real job while it runs, long before it is time for them', async () => {
  await using bed = await makeJobBed();
  const follows = join(bed.jobDir, 'follow');
  mkdirSync(follows);
  chmodSync(follows, 0o777); // the job may be another user's here
  expect(
    await call(['site', 'set', 'campus', `connection.jobDir=${bed.jobDir}`, `pilot.logDir=${bed.logDir}`]),
  ).toMatchObject({
    code: 0,
  });
  const acts = `trap 'echo last words; exit 3' TERM; echo so far; while :; do sleep 0.05; done`;
  const job = bed.run(bed.values({ logSeconds: 600 }), { STAND_IN_ACTS: acts });
  await waitUntil('the job has started', 10, () => existsSync(join(bed.jobDir, 'seen')));
  mkdirSync(bed.logDir, { recursive: true });
  chmodSync(bed.logDir, 0o777);
  writeFileSync(join(bed.logDir, '4711.batch'), 'as the batch system has it\n');
  const following = follow(['campus', '4711', '--follow']);
  await waitUntil('its words come', 20, () => following.stdout.includes('so far\n'));
  writeFileSync(join(bed.jobDir, 'drain/4711'), '');
  expect((await job).code).toBe(3);
  expect(await following.code).toBe(0);
  expect(following.stdout).toMatch(/so far\n[\s\S]*last words\n[\s\S]*glidein: the pilot ended with 3 \(drained\)\n$/);
  expect(following.stdout.match(/so far/g)).toHaveLength(1);
  expect(readdirSync(follows)).toEqual([]);
});

it('prints one object a line with --follow --json', async () => {
  log('101_0.batch', 'one\ntwo\n');
  const following = follow(['campus', '--follow', '--json']);
  await waitUntil('the first', 10, () => following.stdout.includes('\n'));
  appendFileSync(join(remote, 'logs/101_0.batch'), 'three\n');
  await waitUntil('the next', 10, () => following.stdout.includes('three'));
  following.child.kill('SIGINT');
  expect(await following.code).toBe(130);
  const lines = following.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { site: 'campus', id: '101_0', source: 'batch', text: 'one\ntwo\n' },
    { site: 'campus', id: '101_0', source: 'batch', text: 'three\n' },
  ]);
});

it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves nothing behind there when it gets %s', async (signal) => {
  log('101_0.batch', 'one\n');
  const following = follow(['campus', '--follow']);
  await waitUntil('it follows', 10, () => following.stdout.includes('one') && asked());
  following.child.kill(signal);
  expect(await following.code).toBe(signal === 'SIGKILL' ? null : 130);
  await waitUntil('the question is taken back', 10, () => !asked());
});

it('ends when nobody reads what it prints', async () => {
  log('101_0.batch', 'one\n');
  const following = follow(['campus', '--follow']);
  await waitUntil('it follows', 10, () => following.stdout.includes('one'));
  following.child.stdout?.destroy();
  appendFileSync(join(remote, 'logs/101_0.batch'), 'two\n');
  await waitUntil('it ends', 10, () => following.child.exitCode !== null);
});
