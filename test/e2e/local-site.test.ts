import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { glidein } from '../support/glidein.ts';
import { aliveIn, standIn, startJob } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/** The whole program on a login host that is this machine, with a batch system of files: no root, no network. */

let cluster: StandIn;
let configDir: string;
beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
  configDir = join(cluster.home, 'config');
  writeFileSync(join(cluster.home, 'token'), testToken(), { mode: 0o600 });
  const profile = {
    name: 'campus',
    target: 3,
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    scheduler: { kind: 'slurm', walltime: '12:00:00' },
    pilot: {
      site: 'Campus',
      resource: 'Campus-Slurm',
      owners: ['ada@ap.example.org'],
      token: join(cluster.home, 'token'),
    },
  };
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await call(['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
});
afterEach(() => cluster[Symbol.asyncDispose]());
const call = (args: string[]) => glidein(configDir, args, { env: cluster.environment });
const site = async (args: string[]) => {
  const ran = await call([...args, '--json']);
  return {
    ...(JSON.parse(ran.stdout) as { sites: Record<string, unknown>[] }).sites[0],
    code: ran.code,
    stderr: ran.stderr,
  };
};

it('is topped up, looked at, shrunk and cancelled', async () => {
  expect(await site(['top-up'])).toMatchObject({
    code: 0,
    state: 'ok',
    target: 3,
    submitted: 3,
    ids: ['101_0', '101_1', '101_2'],
  });
  expect(await site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 0, pending: 3 });
  startJob(cluster, '101_0');
  expect(await site(['status'])).toMatchObject({ code: 0, running: 1, pending: 2 });
  await call(['site', 'set', 'campus', 'target=1']);
  expect(await site(['top-up', 'campus'])).toMatchObject({ code: 0, cancelled: 2, ids: ['101_2', '101_1'] });
  expect(aliveIn(cluster)).toEqual(['101_0']);
  expect(await site(['submit', 'campus', '-n', '2'])).toMatchObject({ code: 0, submitted: 2, pending: 2 });
  expect(await site(['cancel', 'campus', '--all'])).toMatchObject({ code: 0, cancelled: 3 });
  expect(aliveIn(cluster)).toEqual([]);
});

it('drains what runs and cancels what waits, and a smaller target drains, too', async () => {
  await site(['top-up', 'campus']);
  startJob(cluster, '101_0');
  startJob(cluster, '101_1');
  await call(['site', 'set', 'campus', 'target=1']);
  const shrunk = await site(['top-up', 'campus']);
  expect(shrunk).toMatchObject({ code: 0, cancelled: 1, drained: 1, ids: ['101_2', '101_0'], running: 2, pending: 0 });
  expect((await call(['status', 'campus'])).stdout).toMatch(/^ {2}101_0 .* draining: takes no new jobs/m);
  expect(await site(['drain', 'campus', '101'])).toMatchObject({ code: 0, cancelled: 0, drained: 1, ids: ['101_1'] });
  expect(await site(['drain', 'campus', 'no-such'])).toMatchObject({ code: 2, drained: 0 });
  expect((await call(['drain', 'campus', '--all', '101'])).code).toBe(2);
  expect(aliveIn(cluster)).toEqual(['101_0', '101_1']);
});

it('prints the JSON that docs/design.md fixes', async () => {
  const fields = [
    'site',
    'state',
    'target',
    'running',
    'pending',
    'held',
    'suspended',
    'unknown',
    'inDoubt',
    'submitted',
    'cancelled',
    'drained',
    'ids',
    'reason',
  ];
  const {
    sites: [topUp],
  } = JSON.parse((await call(['top-up', '--json'])).stdout) as { sites: object[] };
  expect(Object.keys(topUp ?? {}).sort()).toEqual([...fields].sort());
  const {
    sites: [dry],
  } = JSON.parse((await call(['top-up', '--json', '--dry-run'])).stdout) as { sites: object[] };
  expect(Object.keys(dry ?? {}).sort()).toEqual([...fields, 'planned'].sort());
  const {
    sites: [status],
  } = JSON.parse((await call(['status', '--json'])).stdout) as { sites: { pilots: object[] }[] };
  expect(Object.keys(status ?? {}).sort()).toEqual(
    [...fields, 'avoided', 'budget', 'connectedSince', 'paused', 'pilots', 'ended'].sort(),
  );
  expect(Object.keys(status?.pilots[0] ?? {}).sort()).toEqual(
    ['endsAt', 'id', 'node', 'nodes', 'reason', 'startedAt', 'state', 'submittedAt', 'tag'].sort(),
  );
  expect(String((Object(status?.pilots[0]) as { submittedAt: string }).submittedAt)).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/,
  );
});

it('is quiet with --quiet when nothing changed, and writes a history line either way', async () => {
  expect(await call(['top-up', '--quiet'])).toMatchObject({ code: 0, stdout: expect.stringContaining('submitted 3') });
  expect(await call(['top-up', '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  const history = join(configDir, 'history/campus.jsonl');
  const lines = readFileSync(history, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; event?: string; id?: string });
  expect(lines.filter(({ kind }) => kind === 'pass')).toMatchObject([
    { site: 'campus', submitted: 3 },
    { site: 'campus', submitted: 0, state: 'ok' },
  ]);
  const submitted = lines.filter(({ event }) => event === 'submitted').map(({ id }) => id);
  expect([submitted.length, new Set(submitted).size]).toEqual([3, 3]);
  expect(statSync(history).mode & 0o777).toBe(0o600);
});

it('submits nothing with an expired token, and without one, and says what to do', async () => {
  writeFileSync(join(cluster.home, 'token'), testToken(-5), { mode: 0o600 });
  expect(await site(['submit', 'campus'])).toMatchObject({
    code: 2,
    state: 'invalid',
    stderr: expect.stringContaining('expired'),
  });
  expect(await site(['top-up', 'campus'])).toMatchObject({ code: 2, state: 'invalid' });
  expect(existsSync(join(cluster.home, '.glidein'))).toBe(false);
  writeFileSync(join(cluster.home, 'token'), testToken(3600), { mode: 0o600 });
  const expiring = await site(['submit', 'campus']);
  expect(expiring).toMatchObject({ code: 2, stderr: expect.stringContaining('--allow-expiring') });
  expect(await site(['submit', 'campus', '--allow-expiring'])).toMatchObject({ code: 0, submitted: 1 });
  expect(aliveIn(cluster)).toEqual(['101_0']);
});

it('halves the array after a refusal for capacity, and grows again', async () => {
  await call(['site', 'set', 'campus', 'target=8', 'limits.maxPending=50']);
  cluster.faults.set({ refuse: 'capacity' }, 1);
  expect(await site(['top-up'])).toMatchObject({ code: 1, state: 'short', submitted: 0 });
  expect(await site(['top-up'])).toMatchObject({
    code: 0,
    submitted: 4,
    reason: expect.stringContaining('refused more at once'),
  });
  expect(await site(['top-up'])).toMatchObject({ code: 0, submitted: 4 });
});

it('shows the words of a remote machine, but lets them steer no terminal', async () => {
  cluster.faults.set({ refuseSaying: 'sbatch: error: Batch job submission failed: \u001b]0;owned\u0007' }, 1);
  const refused = await call(['top-up']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('?]0;owned?');
  expect(refused.stderr).not.toContain('\u001b]');
});

it('names a missing image before anything is submitted', async () => {
  await call(['site', 'set', 'campus', 'image.remotePath=~/no-such.sif']);
  expect(await site(['top-up'])).toMatchObject({
    code: 2,
    state: 'invalid',
    submitted: 0,
    stderr: expect.stringContaining('no-such.sif'),
  });
  expect(readdirSync(join(cluster.home, '.glidein/campus/intents'))).toEqual([]);
  writeFileSync(join(cluster.home, 'no-such.sif'), '');
  expect(await site(['top-up'])).toMatchObject({ code: 0, submitted: 3 });
});

it('says with --dry-run what it would do and leaves no trace', async () => {
  expect(await site(['top-up', '--dry-run'])).toMatchObject({
    code: 0,
    submitted: 0,
    planned: { submit: 3, cancel: [] },
  });
  expect(aliveIn(cluster)).toEqual([]);
  expect(await site(['status'])).toMatchObject({ code: 0, pending: 0 });
  expect(existsSync(join(cluster.home, '.glidein'))).toBe(false);
  expect(existsSync(join(configDir, 'history'))).toBe(false);
});

it('is interrupted with 130 and leaves no lock behind', async () => {
  cluster.faults.set({ hang: 'list' });
  const { spawn } = await import('node:child_process');
  const bin = new URL('../../bin/glidein.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [bin, 'top-up', '--verbose'], {
    env: { ...process.env, ...cluster.environment, GLIDEIN_CONFIG_DIR: configDir },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.includes('step list')) child.kill('SIGINT');
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(130);
  cluster.faults.clear();
  expect(await site(['top-up'])).toMatchObject({ code: 0, submitted: 3 });
});

it('survives an intent of a time that is none', async () => {
  const remote = join(cluster.home, '.glidein/campus');
  for (const name of ['intents/1', 'jobs', 'seen', 'ends', 'logs', 'drain'])
    mkdirSync(join(remote, name), { recursive: true });
  writeFileSync(join(remote, 'intents/1/intent'), '\nintent 1 campus-0123456789 3 keep 99999999999999999 .\n');
  expect(await site(['status'])).toMatchObject({ code: 3, inDoubt: 3 });
});
