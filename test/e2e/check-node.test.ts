import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { checkedIn } from '../support/check-json.ts';
import { glidein } from '../support/glidein.ts';
import { type LoopbackServer, loopbackServer } from '../support/loopback-server.ts';
import { aliveIn, standIn, until } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/** `glidein check --node` with each batch system as the stand-in speaks it. With real Slurm it is in test/real/check-node.test.ts. */

let cluster: StandIn;
let configDir: string;
let pool: LoopbackServer;
beforeEach(async () => {
  pool = await loopbackServer();
});
afterEach(async () => {
  pool.close();
  await cluster[Symbol.asyncDispose]();
});
const call = (args: string[]) => glidein(configDir, args, { env: cluster.environment });
const check = async (...more: string[]) => checkedIn(await call(['check', 'campus', '--json', '--node', ...more]));
const remoteDir = () => join(cluster.home, '.glidein/campus');

async function start(kind: SpokenKind, starts: 'at once' | 'when told'): Promise<void> {
  cluster = await standIn({ scheduler: kind, starts });
  configDir = join(cluster.home, 'config');
  writeFileSync(join(cluster.home, 'token'), testToken(), { mode: 0o600 });
  writeFileSync(join(cluster.home, 'pilot.sif'), '');
  const here = `${pool.host}:${pool.port}`;
  const profile = {
    name: 'campus',
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    scheduler: { kind, walltime: '12:00:00', cores: 4 },
    pilot: {
      ...{ site: 'Campus', resource: 'Campus-1', owners: ['ada@ap.example.org'], token: join(cluster.home, 'token') },
      ...{ env: { POOL: here }, cvmfs: 'none' },
    },
    image: { remotePath: '~/pilot.sif', source: `docker://${here}/pilot:1` },
  };
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await call(['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
}

/** Nothing of a trial is left: neither a job nor a file. */
function expectNothingLeft(): void {
  expect(aliveIn(cluster)).toEqual([]);
  expect(readdirSync(remoteDir()).sort()).toEqual(['drain', 'ends', 'intents', 'jobs', 'logs', 'seen']);
  for (const directory of ['jobs', 'logs', 'seen', 'ends', 'drain'])
    expect(readdirSync(join(remoteDir(), directory)), directory).toEqual([]);
}

describe.each(Object.keys(spokenSchedulers) as SpokenKind[])('check --node with %s', (kind) => {
  it('tells what a job finds on a node, and leaves nothing of it', async () => {
    await start(kind, 'at once');
    const checked = await check();
    const all = JSON.stringify(checked.steps, null, 1);
    // Where these tests are root, so are the jobs of the stand-in.
    expect(checked.failed, all).toEqual(process.getuid?.() === 0 ? ['node-user'] : []);
    const said = Object.fromEntries(checked.steps.map(({ step, message }) => [step, message]));
    expect(said, all).toMatchObject({
      node: expect.stringMatching(/^the job \d+\S* ran on \S+$/),
      'node-clock': "its clock is the login host's",
      'node-marks': '~/.glidein/campus can be read and written',
      'node-logs': '~/.glidein/campus/logs can be written',
      'node-image': '~/pilot.sif can be read',
      'node-runtime': expect.stringMatching(/^a stand-in for apptainer/),
      'node-container': 'the image starts',
      'node-scratch': expect.stringContaining('GB are free in'),
      'node-pool': expect.stringMatching(/^127\.0\.0\.1:\d+ takes connections$/),
      'node-registry': expect.stringMatching(/^127\.0\.0\.1:\d+ takes connections$/),
    });
    expectNothingLeft();
  });

  it('gives up a job that does not start, says why it waits, and cancels it', async () => {
    await start(kind, 'when told');
    const checked = await check('--wait', '2s');
    expect(checked.code).toBe(3);
    expect(checked.failed).toEqual(['node']);
    const node = checked.steps.find(({ step }) => step === 'node');
    expect(node?.message).toMatch(/^the job \d+\S* did not start within 2s: it is pending.*; it was cancelled$/);
    expect(node?.hint).toContain('glidein check campus --node --wait 12s');
    expect(checked.stderr).toMatch(
      /^campus: the job \d+\S* is pending.* s after its submission; given up after 2s \(--wait\)$/m,
    );
    await until(() => aliveIn(cluster).length === 0);
    expectNothingLeft();
    expect(existsSync(join(remoteDir(), 'check'))).toBe(false);
  });
});

describe('check --node where the queue cannot be seen', () => {
  /** Programs in front of the stand-in's own. */
  async function inFront(programs: Record<string, string>): Promise<void> {
    mkdirSync(join(cluster.home, 'front'));
    for (const [name, text] of Object.entries(programs)) {
      const real = join(cluster.directory, 'bin', name);
      writeFileSync(join(cluster.home, 'front', name), `#!/bin/sh\nreal=${real}\n${text}\n`, { mode: 0o755 });
    }
    const prologue = JSON.stringify(['PATH=$HOME/front:$PATH']);
    expect(await call(['site', 'set', 'campus', `connection.prologue=${prologue}`])).toMatchObject({ code: 0 });
  }

  it('submits nothing', async () => {
    await start('slurm', 'when told');
    await inFront({ squeue: 'echo no controller >&2; exit 1' });
    const checked = await check();
    expect(checked).toMatchObject({ code: 3, failed: ['listing'] });
    expect(checked.steps.find(({ step }) => step === 'node')).toMatchObject({ state: 'skipped', message: 'not tried' });
    expectNothingLeft();
  });

  it('does not say of a job that it was cancelled when nobody knows its id', async () => {
    await start('slurm', 'when told');
    const once = 'if [ -e "$HOME/listed" ]; then exit 1; fi; : > "$HOME/listed"; exec $real "$@"';
    await inFront({ squeue: once, sbatch: '$real "$@" >/dev/null; exit 137' });
    const checked = await check('--wait', '2s');
    expect(checked).toMatchObject({ code: 3, failed: ['node'] });
    expect(checked.steps.find(({ step }) => step === 'node')?.message).toMatch(
      /cannot be seen: .*; whether it was ended is not known: it ends by itself$/,
    );
    expect(aliveIn(cluster)).toHaveLength(1);
  });
});
