import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { checkedIn } from '../support/check-json.ts';
import { glidein } from '../support/glidein.ts';
import { loopbackServer } from '../support/loopback-server.ts';
import { standIn } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/** `glidein check` on a login host that is this machine. What needs an sshd is in test/real/check.test.ts. */

let cluster: StandIn;
let configDir: string;
let token: string;
let remoteDir: string;
beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
  configDir = join(cluster.home, 'config');
  remoteDir = join(cluster.home, '.glidein/campus');
  token = join(cluster.home, 'token');
  writeFileSync(token, testToken(), { mode: 0o600 });
  writeFileSync(join(cluster.home, 'pilot.sif'), '');
  const profile = {
    name: 'campus',
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    scheduler: { kind: 'slurm', walltime: '12:00:00' },
    pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token },
    image: { remotePath: '~/pilot.sif' },
  };
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await call(['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
});
afterEach(() => cluster[Symbol.asyncDispose]());
const call = (args: string[]) => glidein(configDir, args, { env: cluster.environment });
const set = async (...assignments: string[]) =>
  expect(await call(['site', 'set', 'campus', ...assignments])).toMatchObject({ code: 0 });
const check = async () => checkedIn(await call(['check', 'campus', '--json']));

/** What a profile without a queue, an account or a distribution has no use for, on this machine. */
const needless = ['name', 'port', 'host-key', 'login', 'account', 'cvmfs', 'outbound', 'addresses'];

it('goes through every step, and leaves nothing there but the directories', async () => {
  const checked = await check();
  const all = JSON.stringify(checked.steps, null, 1);
  expect(checked, all).toMatchObject({ code: 0, stderr: '', site: 'campus', failed: [], warnings: [] });
  expect(checked.skipped.filter((step) => step !== 'runtime')).toEqual(needless);
  const said = Object.fromEntries(checked.steps.map(({ step, message }) => [step, message]));
  expect(said).toMatchObject({
    transport: 'local (the profile says so)',
    job: expect.stringMatching(/^only jobs of ada@ap\.example\.org\njobs' own containers: /),
    token: expect.stringContaining('for pool.example.org, good until '),
    clock: 'its clock is ours',
    directories: '~/.glidein/campus, ~/.glidein/campus/logs can be written',
    space: expect.stringMatching(/ GB free on \/|MB free on \//),
    lock: expect.stringContaining('a lock is seen by a second process'),
    listing: 'the queue can be read whole; 0 jobs of campus in it',
    image: '~/pilot.sif can be read',
  });
  expect(readdirSync(remoteDir).sort()).toEqual(['drain', 'ends', 'intents', 'jobs', 'logs', 'seen']);
  for (const directory of ['.', 'jobs', 'logs']) {
    expect(readdirSync(join(remoteDir, directory)).filter((name) => name.startsWith('check'))).toEqual([]);
  }
  // A pass that runs has the lock meanwhile, and check asks for none of it.
  mkdirSync(join(remoteDir, 'lock.d'));
  writeFileSync(join(remoteDir, 'lock.d/owner'), `${Math.floor(Date.now() / 1000)} a pass\n`);
  expect(await check()).toMatchObject({ code: 0, failed: [] });
  expect(existsSync(join(remoteDir, 'lock.d/owner'))).toBe(true);
});

it('is a list with a mark, a time and what to type next, and ends with the worst of it', async () => {
  const good = await call(['check', 'campus']);
  expect(good.code).toBe(0);
  expect(good.stdout).toMatch(/^(✓|ok +) lock +\d\.\d s {2}a lock is seen by a second process/m);
  expect(good.stdout).toMatch(/\ncampus: all that could be tried fits\n$/);
  await set('image.remotePath=~/gone.sif');
  const bad = await call(['check', 'campus', '--quiet']);
  expect(bad.code).toBe(2);
  expect(bad.stdout).toMatch(
    /^\S+ +image .*~\/gone\.sif cannot be read on the login host\n {4}next: put the image there.*\ncampus: 1 step failed\n$/,
  );
});

it.each([
  ['a queue that does not exist', ['scheduler.queue=no-such'], 'queue', 'which this cluster does not have'],
  ['more cores than a node has', ['scheduler.cores=4000'], 'cores', 'has more than'],
  ['an image that is not there', ['image.remotePath=~/gone.sif'], 'image', '~/gone.sif cannot be read'],
  [
    'a distribution that is nowhere',
    ['pilot.cvmfsOptions={"repos":["x.example.org"],"dist":"~/gone"}'],
    'cvmfs',
    'neither here',
  ],
])('names %s, and only that', async (_what, assignments, step, words) => {
  await set(...assignments);
  const checked = await check();
  expect(checked, JSON.stringify(checked.steps)).toMatchObject({ code: 2, failed: [step], warnings: [] });
  const found = checked.steps.find((one) => one.step === step);
  expect(found?.message).toContain(words);
  expect(found?.hint).toContain('glidein site set campus');
});

it('names a token that others may read, and goes on', async () => {
  chmodSync(token, 0o644);
  const checked = await check();
  expect(checked).toMatchObject({ code: 2, failed: ['token'], warnings: [] });
  expect(checked.steps.find(({ step }) => step === 'token')?.hint).toBe(`chmod 600 ${token}`);
  expect(checked.steps.find(({ step }) => step === 'listing')?.state).toBe('ok');
});

it('tells of a pilot image from the registry, and of a bare owner, without failing', async () => {
  const registry = await loopbackServer();
  const source = (port: number) => `image.source=docker://127.0.0.1:${port}/pilot:1`;
  await set('image.remotePath=null', 'pilot.owners=["ada"]', source(registry.port));
  const checked = await check();
  registry.close();
  expect(checked).toMatchObject({ code: 0, failed: [], warnings: ['job', 'image'], stderr: '' });
  const reached = checked.steps.find(({ step }) => step === 'outbound');
  expect(reached).toMatchObject({ state: 'ok', message: expect.stringMatching(/^127\.0\.0\.1:\d+, which the image/) });
  const cut = await check();
  expect(cut).toMatchObject({ code: 0, failed: [], warnings: ['job', 'image', 'outbound'] });
  expect(cut.steps.find(({ step }) => step === 'outbound')?.message).toMatch(
    /cannot be reached .*: Connection refused$/,
  );
  await set('image.source=docker://no-such-host.invalid/pilot:1');
  const unknown = (await check()).steps.find(({ step }) => step === 'outbound');
  expect(unknown?.message).toMatch(/cannot be reached .*: .*\b(?:name|resolution)\b/i);
});

it('tries nothing where there is no such profile', async () => {
  const checked = checkedIn(await call(['check', 'kampus', '--json']));
  expect(checked).toMatchObject({ code: 2, site: 'kampus', failed: ['profile'] });
  expect(checked.steps.slice(1).every(({ state, message }) => state === 'skipped' && message === 'not tried')).toBe(
    true,
  );
  expect((await call(['check', 'kampus'])).stdout).toContain('not tried: token, job, transport');
});
