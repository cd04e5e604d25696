import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BuildInJob, buildJob, readBuildJob } from '../../src/login/building-job.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The job that builds an image, in a real shell; the builder is a stand-in. */

const builder = fileURLToPath(new URL('../support/stand-in-builder/apptainer', import.meta.url));
const tag = 'build-campus-0123456789';
let home: string;
let running: ChildProcess[];
beforeEach(() => {
  running = [];
  home = mkdtempSync(join(tmpdir(), 'glidein-building-'));
  for (const name of [`jobs/build/${tag}`, 'images', 'scratch', 'tmp'])
    mkdirSync(join(home, name), { recursive: true });
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

function script(changes: Partial<BuildInJob> = {}): string {
  const file = join(home, 'job.sh');
  const order: BuildInJob = {
    ...{ head: '#!/bin/bash -p\n#SBATCH --job-name=gb-campus\n', tag, jobDir: '~/jobs', directory: '~/images' },
    ...{ uri: "docker://h/o'dd", options: [], runtimes: ['no-such-runtime', builder], modules: [], scratch: '$LOCAL' },
    room: { imageBytes: 1_000, workBytes: 4_000, isKnown: true },
    ...changes,
  };
  writeFileSync(file, buildJob(order));
  chmodSync(file, 0o700);
  return file;
}
const environment = (more: Record<string, string> = {}) => ({
  ...{ PATH: process.env['PATH'], HOME: home, LOCAL: join(home, 'scratch'), TMPDIR: join(home, 'tmp'), ...more },
});
const run = (changes?: Partial<BuildInJob>) =>
  spawnSync(script(changes), { env: environment(), encoding: 'utf8', cwd: home });
const answer = () => readFileSync(join(home, 'jobs/build', tag, 'answer'), 'utf8');
/** What is left in the places in which it works. */
const left = () => ['images', 'scratch', 'tmp'].flatMap((name) => readdirSync(join(home, name)));

describe('a job that builds an image', () => {
  it('makes it by its content, says so, and leaves nothing else', () => {
    const { status, stderr } = run({ modules: ['apptainer/1.4'] });
    expect(status, stderr).toBe(0);
    const progress = readBuildJob(answer(), tag);
    expect(progress).toMatchObject({ runtime: 'apptainer version 9.9.9', built: { sha256: expect.any(String) } });
    expect(left()).toEqual([`${progress?.built?.sha256}.sif`]);
    expect(readFileSync(join(home, 'images', `${progress?.built?.sha256}.sif`), 'utf8')).toBe(
      "image of docker://h/o'dd \n",
    );
  });

  it('builds nothing for nobody', () => {
    rmSync(join(home, 'jobs/build'), { recursive: true });
    const { status, stderr } = run();
    expect(status).toBe(73);
    expect(stderr).toContain('nobody waits for the image');
    expect({ left: left(), jobs: readdirSync(join(home, 'jobs')) }).toEqual({ left: [], jobs: [] });
  });

  it('says what it lacks: a runtime, or room for the image, or to work in', () => {
    run({ runtimes: ['no-such-runtime'] });
    expect(readBuildJob(answer(), tag)).toMatchObject({ hasNoRuntime: true, built: null });
    const room = { imageBytes: 2 ** 52, workBytes: 4_000, isKnown: true };
    run({ room });
    expect(readBuildJob(answer(), tag)?.noRoom).toMatchObject({ key: 'image.dir', neededBytes: 2 ** 52 });
    run({ room: { ...room, imageBytes: 1_000, workBytes: 2 ** 52 } });
    expect(readBuildJob(answer(), tag)?.noRoom).toMatchObject({ key: 'pilot.scratch' });
    expect(left()).toEqual([]);
  });

  it('refuses nothing where nobody knows how much room it needs', () => {
    run({ room: { imageBytes: 1_000, workBytes: 2 ** 52, isKnown: false } });
    expect(readBuildJob(answer(), tag)?.built).not.toBeNull();
  });

  it.each(['is told to end', 'has nobody left that waits for it'])('leaves nothing when it %s', async (when) => {
    const child = spawn(script(), { env: environment({ BUILDER_SECONDS: '30' }), stdio: 'ignore' });
    running.push(child);
    const over = new Promise((resolve) => child.once('exit', resolve));
    await waitUntil('it builds', 10, () => existsSync(join(home, 'scratch', `glidein-build-${tag}.tmp/cache`)), 50);
    if (when === 'is told to end') child.kill('SIGTERM');
    else rmSync(join(home, 'jobs/build'), { recursive: true });
    await over;
    expect(left()).toEqual([]);
  });

  it('is believed only by its own whole words', () => {
    const words = `glidein-build ${tag}\nnode c1\nruntime apptainer version 1\nline INFO: x\nend\n`;
    expect(readBuildJob(words, tag)).toMatchObject({ node: 'c1', at: 'INFO: x', built: null, failed: null });
    expect(readBuildJob(words, 'build-campus-aaaaaaaaaa')).toBeNull();
    expect(readBuildJob(words.slice(0, -4), tag)).toBeNull();
    expect(readBuildJob('', tag)).toBeNull();
  });
});
