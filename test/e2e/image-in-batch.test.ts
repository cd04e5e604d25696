import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { glidein } from '../support/glidein.ts';
import { type MovingRegistry, movingRegistry } from '../support/moving-registry.ts';
import { aliveIn, standIn, until } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/** `image build --on SITE --batch` with each batch system as the stand-in speaks it. With real Slurm it is in test/real/image-in-batch.test.ts. */

const builder = fileURLToPath(new URL('../support/stand-in-builder/apptainer', import.meta.url));
let cluster: StandIn;
let configDir: string;
let registry: MovingRegistry;
beforeEach(async () => {
  registry = await movingRegistry();
  registry.put('25-release', Buffer.from('one'));
});
afterEach(async () => {
  await registry.close();
  await cluster[Symbol.asyncDispose]();
});
const call = (args: string[]) => glidein(configDir, args, { env: cluster.environment });
const build = (...more: string[]) =>
  call(['image', 'build', '--on', 'campus', '--batch', '--source', registry.source('25-release'), ...more]);
const remoteDir = () => join(cluster.home, '.glidein/campus');
const scratch = () => join(cluster.home, 'scratch');
const images = () => (existsSync(join(remoteDir(), 'images')) ? readdirSync(join(remoteDir(), 'images')) : []);

/** `environment`: what the builder finds on a node. */
async function start(kind: SpokenKind, starts: 'at once' | 'when told', ...environment: string[]): Promise<void> {
  cluster = await standIn({ scheduler: kind, starts });
  configDir = join(cluster.home, 'config');
  writeFileSync(join(cluster.home, 'token'), testToken(), { mode: 0o600 });
  const runtime = join(cluster.home, 'on-nodes/apptainer');
  mkdirSync(dirname(runtime));
  mkdirSync(scratch());
  cpSync(builder, `${runtime}.real`);
  writeFileSync(runtime, ['#!/bin/sh', ...environment, `exec '${runtime}.real' "$@"`, ''].join('\n'), { mode: 0o755 });
  const profile = {
    name: 'campus',
    connection: { host: 'localhost', transport: 'local', loginShell: false },
    scheduler: { kind, walltime: '12:00:00', cores: 4 },
    pilot: {
      ...{ site: 'Campus', resource: 'Campus-1', owners: ['ada@ap.example.org'], token: join(cluster.home, 'token') },
      ...{ cvmfs: 'none', runtime, scratch: scratch() },
    },
  };
  writeFileSync(join(cluster.home, 'campus.json'), JSON.stringify(profile));
  expect(await call(['site', 'import', join(cluster.home, 'campus.json')])).toMatchObject({ code: 0 });
}

/** Nothing of a build is left but the images: neither a job nor a file. */
async function expectNothingLeft(): Promise<void> {
  await until(() => aliveIn(cluster).length === 0);
  expect(readdirSync(scratch())).toEqual([]);
  for (const directory of ['jobs', 'logs']) expect(readdirSync(join(remoteDir(), directory)), directory).toEqual([]);
  expect(existsSync(join(remoteDir(), 'build'))).toBe(false);
  expect(images().filter((name) => !name.endsWith('.sif'))).toEqual([]);
}

describe.each(Object.keys(spokenSchedulers) as SpokenKind[])('an image that a job of %s builds', (kind) => {
  it('is there whole and by its content, and the profile names it', async () => {
    await start(kind, 'at once', 'BUILDER_SECONDS=1; export BUILDER_SECONDS');
    const { code, stdout, stderr } = await build('--json', '--verbose');
    expect(code, stderr).toBe(0);
    const { image } = JSON.parse(stdout);
    const content = readFileSync(join(remoteDir(), 'images', `${image.sha256}.sif`));
    expect(createHash('sha256').update(content).digest('hex')).toBe(image.sha256);
    expect(content.toString()).toMatch(/^image of --no-https docker:/);
    expect(image).toMatchObject({ bytes: content.length, builtBy: 'apptainer 9.9.9' });
    expect(stderr).toMatch(/(?:Extracting OCI image|Creating SIF file)/);
    const shown = await call(['site', 'show', 'campus']);
    expect(JSON.parse(shown.stdout).image.remotePath).toBe(image.path);
    await expectNothingLeft();
    expect(images()).toEqual([`${image.sha256}.sif`]);
  });

  it('that fails says why, and leaves nothing', async () => {
    await start(kind, 'at once', "BUILDER_FAILS='no such luck'; export BUILDER_FAILS");
    const { code, stdout } = await build('--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'build-failed',
      message: expect.stringContaining('FATAL: no such luck'),
      hint: expect.stringContaining('--batch'),
    });
    await expectNothingLeft();
    expect(images()).toEqual([]);
  });

  it('is given up when its job does not start, with what to type next', async () => {
    await start(kind, 'when told');
    const { code, stdout, stderr } = await build('--json', '--wait', '2s');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      message: expect.stringMatching(/the job \d+\S* did not start within 2s: it is pending.*; it was cancelled/),
      hint: expect.stringMatching(/^glidein image build --on campus --batch .*--wait 12s/),
    });
    expect(stderr).toMatch(/^campus: the job \d+\S* is pending.* s after its submission; given up after 2s/m);
    await expectNothingLeft();
  });

  it('needs room on the node', async () => {
    registry.put('25-release', Buffer.from('one'), { saidBytes: 1e15 });
    await start(kind, 'at once');
    const { code, stdout } = await build('--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(/on the node \S+ has [\d.]+ MB left; nothing was built/),
      hint: expect.stringContaining('image.dir='),
    });
    await expectNothingLeft();
  });
});

it('needs a site whose batch system builds', async () => {
  await start('slurm', 'when told');
  for (const option of [['--batch'], ['--wait', '5m']]) {
    const { code, stderr } = await call(['image', 'build', ...option]);
    expect(code).toBe(2);
    expect(stderr).toContain('glidein image build --on SITE --batch');
  }
});

it('is what a login host that kills whoever builds names as the next thing to type', async () => {
  await start('slurm', 'when told', '[ "$1" = --version ] || kill -KILL $PPID');
  const prologue = JSON.stringify([`export TMPDIR=${scratch()}`]);
  expect(await call(['site', 'set', 'campus', `connection.prologue=${prologue}`])).toMatchObject({ code: 0 });
  const args = ['image', 'build', '--on', 'campus', '--source', registry.source('25-release'), '--json'];
  const { code, stdout } = await call(args);
  expect(code).toBe(3);
  expect(JSON.parse(stdout).error).toMatchObject({
    message: expect.stringContaining('was killed on the login host'),
    hint: expect.stringMatching(/^glidein image build --on campus --batch --source /),
  });
});
