import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type MovingRegistry, movingRegistry } from '../support/moving-registry.ts';
import { processesWith } from '../support/processes-with.ts';
import { cancelAllJobs, livingJobs, slurmJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const builder = fileURLToPath(new URL('../support/stand-in-builder/apptainer', import.meta.url));

describeOnCluster('an image that a batch job builds', (cluster) => {
  const { ada } = cluster.users;
  let registry: MovingRegistry;
  let directory: string;
  let runtime: string;
  let here: Campus;
  let running: ChildProcess[];

  beforeAll(async () => {
    registry = await movingRegistry();
    registry.put('25-release', Buffer.from('one'));
    directory = mkdtempSync(join(cluster.prefix, 'in-batch-'));
    chmodSync(directory, 0o755);
    runtime = join(directory, 'apptainer');
    cpSync(builder, `${runtime}-itself`);
    chmodSync(`${runtime}-itself`, 0o755);
  });
  afterAll(async () => {
    await registry.close();
    rmSync(directory, { recursive: true });
  });
  beforeEach(async () => {
    running = [];
    here = await campus(cluster, 1);
    mkdirSync(scratch(), { recursive: true });
    chmodSync(scratch(), 0o777);
    onNodes();
    await here.set(`pilot.runtime=${runtime}`, `pilot.scratch=${scratch()}`);
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(ada);
  });

  const scratch = () => join(ada.home, 'scratch');
  /** What the builder finds there: only in a job, for the login host forbids it. */
  function onNodes(...environment: string[]): void {
    const forbids = `[ -n "$SLURM_JOB_ID" ] || { echo 'FATAL: Killed' >&2; kill -KILL $$; }`;
    const lines = [
      '#!/bin/sh',
      `[ "$1" = --version ] || ${forbids}`,
      ...environment,
      `exec ${runtime}-itself "$@"`,
      '',
    ];
    writeFileSync(runtime, lines.join('\n'));
    chmodSync(runtime, 0o755);
  }
  const args = (...more: string[]) => {
    const from = ['--source', registry.source('25-release')];
    return ['image', 'build', '--on', 'campus', ...from, ...more];
  };
  const build = (...more: string[]) => here.glidein(args('--batch', ...more));
  const images = () => join(here.remoteDir, 'images');
  const left = () =>
    [scratch(), images(), '/tmp', '/var/tmp']
      .filter((place) => existsSync(place))
      .flatMap((place) => readdirSync(place).filter((name) => name.startsWith('glidein-build-')));

  /** Neither a job nor a file of a build is left, but the images. */
  async function expectNothingLeft(): Promise<void> {
    await waitUntil('the job is gone', 40, async () => (await livingJobs(cluster)).length === 0, 250);
    await waitUntil('what it made is gone', 20, () => left().length === 0 && processesWith(runtime).length === 0, 250);
    expect(existsSync(join(here.remoteDir, 'build'))).toBe(false);
    for (const name of ['jobs', 'logs']) expect(readdirSync(join(here.remoteDir, name)), name).toEqual([]);
  }
  const built = () => (existsSync(images()) ? readdirSync(images()) : []);

  it.for(['ssh2', 'openssh'])(
    'is there whole and by its content, and the profile names it, by %s',
    async (transport) => {
      await here.set(`connection.transport=${transport}`);
      onNodes('export BUILDER_SECONDS=1');
      const { code, stdout, stderr } = await build('--json', '--verbose');
      expect(code, stderr).toBe(0);
      const { image } = JSON.parse(stdout);
      expect(built()).toEqual([`${image.sha256}.sif`]);
      const content = readFileSync(join(images(), `${image.sha256}.sif`));
      expect(createHash('sha256').update(content).digest('hex')).toBe(image.sha256);
      expect(stderr).toMatch(/(?:Extracting OCI image|Creating SIF file)/);
      const shown = JSON.parse((await here.glidein(['site', 'show', 'campus'])).stdout);
      expect(shown.image.remotePath).toBe(image.path);
      const jobs = (await slurmJobs(cluster)).filter(({ comment }) => comment.startsWith('build-campus-'));
      expect(jobs.at(-1)).toMatchObject({ name: 'gb-campus', state: 'COMPLETED' });
      await expectNothingLeft();
      await cancelAllJobs(cluster);
      expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
    },
  );

  it('is what a login host that forbids it names as the next thing to type', async () => {
    const { code, stdout } = await here.glidein(args('--json'));
    expect(code).toBe(3);
    const { hint } = JSON.parse(stdout).error;
    expect(hint).toMatch(/^glidein image build --on campus --batch --source /);
    expect(await build()).toMatchObject({ code: 0 });
    await expectNothingLeft();
  });

  it('is one file where two build it at once', async () => {
    onNodes('export BUILDER_SECONDS=1');
    const both = await Promise.all([build(), build()]);
    expect(
      both.map(({ code }) => code),
      both.map(({ stderr }) => stderr).join('\n'),
    ).toEqual([0, 0]);
    expect(built()).toHaveLength(1);
    await expectNothingLeft();
  });

  it('whose job is ended by somebody else is no image, and says so', async () => {
    onNodes('export BUILDER_SECONDS=100');
    const building = build('--json');
    await waitUntil('it builds', 60, () => left().length > 1, 250);
    await cancelAllJobs(cluster);
    const { code, stdout } = await building;
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error.message).toMatch(/nothing was left behind: the job \d+ was ended/);
    await expectNothingLeft();
    expect(built()).toEqual([]);
  });

  it.for(['SIGINT', 'SIGKILL'] as const)('is given up when whoever waits for it gets %s', async (signal) => {
    onNodes('export BUILDER_SECONDS=100');
    const child = spawn(process.execPath, [program, ...args('--batch')], {
      env: { ...process.env, ...here.env },
      stdio: 'ignore',
    });
    running.push(child);
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await waitUntil('it builds', 60, () => left().length > 1, 250);
    child.kill(signal);
    expect(await code).toBe(signal === 'SIGINT' ? 130 : null);
    await expectNothingLeft();
    expect(built()).toEqual([]);
  });
});
