import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { chown } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exampleWith } from '../support/example-profile.ts';
import { loops } from '../support/loops.ts';
import { type MovingRegistry, movingRegistry } from '../support/moving-registry.ts';
import { processesWith } from '../support/processes-with.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The built program, with a stand-in for the one that builds, as a user who is not root. */

const builder = fileURLToPath(new URL('../support/stand-in-builder', import.meta.url));
const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const rounds = loops({ usual: 6, full: 100 });
const isRoot = process.getuid?.() === 0;
const nobody = 65534;

let registry: MovingRegistry;
beforeAll(async () => {
  registry = await movingRegistry();
});
afterAll(() => registry.close());

let directory: string;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'glidein-build-test-'));
  for (const name of ['data', 'home', 'scratch']) mkdirSync(join(directory, name));
  for (const name of ['', 'data', 'home', 'scratch']) if (isRoot) await chown(join(directory, name), nobody, nobody);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const store = () => join(directory, 'data/images');
const source = (tag = '25-release') => registry.source(tag);

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    env: {
      PATH: `${builder}${delimiter}${process.env['PATH']}`,
      HOME: join(directory, 'home'),
      TMPDIR: join(directory, 'scratch'),
      GLIDEIN_CONFIG_DIR: join(directory, 'data'),
      NO_COLOR: '1',
      ...env,
    },
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot ? { uid: nobody, gid: nobody } : {}),
  });
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function end(child: ChildProcess): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const [code] = await once(child, 'close');
  return { code, ...said };
}

const glidein = (args: readonly string[], env?: NodeJS.ProcessEnv) => end(start(args, env));
const build = (env?: NodeJS.ProcessEnv, more: readonly string[] = []) =>
  glidein(['image', 'build', '--source', source(), ...more], env);

async function images(): Promise<{ name: string; sha256: string; digest: string; path: string; bytes: number }[]> {
  const { code, stdout } = await glidein(['image', 'list', '--json']);
  expect(code).toBe(0);
  return JSON.parse(stdout).images;
}

/** Only what images are made of is in the store, each as it should be, and nothing in scratch or home. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => readdirSync(join(directory, 'scratch')), { timeout: 5000 }).toEqual([]);
  expect(readdirSync(join(directory, 'home'))).toEqual([]);
  if (!existsSync(store())) return;
  expect(readdirSync(join(store(), 'work'))).toEqual([]);
  for (const name of readdirSync(store()))
    expect(name).toMatch(/^(?:work|index\.json|[0-9a-f]{64}\.(?:sif|25-release\.json))$/);
}

/** Of builds and of the store: those of killed ones are let go after some seconds. */
const locks = () =>
  [store(), join(store(), 'work')].flatMap((place) =>
    readdirSync(place).flatMap((name) => (name.endsWith('.lock') ? [join(place, name)] : [])),
  );

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

describe('image build', () => {
  it('builds what the tag stands for now, and leaves nothing else', async () => {
    const digest = registry.put('25-release', Buffer.from('one'));
    const { code, stdout } = await build({ BUILDER_CONTENT: 'x' }, ['--json']);
    expect(code).toBe(0);
    const pinned = source().replace(':25-release', `@${digest}`);
    const content = `image of --no-https ${pinned} x\n`;
    const path = join(store(), `${sha256(content)}.sif`);
    expect(JSON.parse(stdout).image).toEqual({
      ...{ name: '25-release', source: source(), digest, sha256: sha256(content), bytes: content.length, path },
      ...{ builtAt: expect.stringMatching(/^20\d\d-.*Z$/), builtBy: 'apptainer 9.9.9' },
    });
    expect(readFileSync(path, 'utf8')).toBe(content);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await expectNothingLeft();
  });

  it('says each line of the builder with --verbose, and what it would do with --dry-run', async () => {
    registry.put('25-release', Buffer.from('one'));
    const dry = await build({}, ['--dry-run']);
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('would be built from') });
    expect(existsSync(store())).toBe(false);
    const { stderr } = await build({}, ['--verbose']);
    expect(stderr).toContain('25-release: step build Extracting OCI image...\n');
  });

  it('that fails says the last words of the builder, and leaves what was there before', async () => {
    registry.put('25-release', Buffer.from('one'));
    await build();
    const before = await images();
    const words = 'While performing build: http://ada:secret@proxy.example.org refused';
    const { code, stdout, stderr } = await build({ BUILDER_FAILS: words }, ['--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'build-failed',
      message: expect.stringContaining('http://***@proxy.example.org refused'),
    });
    expect(stdout + stderr).not.toContain('secret');
    expect(stdout).not.toContain('something else');
    expect(await images()).toEqual(before);
    await expectNothingLeft();
  });

  it('says when there is nothing to build with, nothing to build from, and no name', async () => {
    const none = await glidein(['image', 'build'], { PATH: directory });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('neither apptainer nor singularity') });
    const odd = await glidein(['image', 'build', '--source', 'alpine']);
    expect(odd).toMatchObject({ code: 2, stderr: expect.stringContaining('is no source of an image') });
    const path = await glidein(['image', 'build', '../x', '--source', source()]);
    expect(path).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be the name of an image') });
    expect(existsSync(store())).toBe(false);
  });

  it('looks for room first', async () => {
    registry.put('huge', Buffer.from('one'), { saidBytes: 1e15 });
    const { code, stdout } = await glidein(['image', 'build', '--source', source('huge'), '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'no-space-here',
      message: expect.stringContaining('1250000000.0 MB'),
    });
    await expectNothingLeft();
  });

  it('builds although the registry says nothing, and says what that costs', async () => {
    const { code, stderr, stdout } = await glidein(['image', 'build', '--source', source('not-there'), '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).image).toMatchObject({ name: 'not-there', digest: null });
    expect(stderr).toContain('nobody can tell whether there is a newer one');
  });

  it('builds a name again from what it was built from before', async () => {
    const digest = registry.put('25-release', Buffer.from('one'));
    await build({}, ['mine']);
    const { code, stdout } = await glidein(['image', 'build', 'mine', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).image).toMatchObject({ name: 'mine', source: source(), digest });
  });

  it('is ended by an interrupt, with all that it started', async () => {
    registry.put('25-release', Buffer.from('one'));
    const child = start(['image', 'build', '--source', source()], { BUILDER_SECONDS: '20' });
    await waitUntil('the builder works', 20, () => readdirSync(join(directory, 'scratch')).length > 0);
    const ended = end(child);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130 });
    expect(processesWith(join(directory, 'scratch'))).toEqual([]);
    await expectNothingLeft();
  });

  it('is never half done, whenever it is killed, and the next one cleans up after it', async () => {
    registry.put('25-release', Buffer.from('one'));
    await build({ BUILDER_CONTENT: 'first' });
    const [first] = await images();
    const died = { before: 0, working: 0, after: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const content = `round ${round}`;
      const child = start(['image', 'build', '--source', source()], {
        BUILDER_SECONDS: '0.4',
        BUILDER_CONTENT: content,
      });
      const closed = once(child, 'close');
      // Every second one while it builds, which would be left to chance.
      const isBuilding = () => readdirSync(join(directory, 'scratch')).length > 0;
      if (round % 2 === 0) await Promise.race([closed, waitUntil('it builds', 20, isBuilding, 5)]);
      else await sleep(150 + (900 * round) / rounds + Math.random() * 100);
      child.kill('SIGKILL');
      await closed;
      await waitUntil('what it started has ended', 10, () => processesWith(join(directory, 'scratch')).length === 0);
      for (const lock of locks()) utimesSync(lock, new Date(0), new Date(0));
      const isWorking = readdirSync(join(directory, 'scratch')).length > 0;
      const now = await images();
      const isThere = now.some(({ path }) => readFileSync(path, 'utf8').includes(content));
      died[isWorking ? 'working' : isThere ? 'after' : 'before'] += 1;
      expect(now).toContainEqual(first);
      for (const image of now) expect(sha256(readFileSync(image.path, 'utf8'))).toBe(image.sha256);
    }
    console.log(`kill -9 of a build: ${JSON.stringify(died)} of ${rounds}`);
    expect(died.working).toBeGreaterThan(0);
    expect(await build({ BUILDER_CONTENT: 'last' })).toMatchObject({ code: 0 });
    await expectNothingLeft();
  }, 180_000);

  it('of one name by two at once is done one after the other, and both are kept', async () => {
    registry.put('25-release', Buffer.from('one'));
    const both = ['a', 'b'].map((content) =>
      build({ BUILDER_SECONDS: '0.5', BUILDER_CONTENT: content }, ['--verbose']),
    );
    const [one, other] = await Promise.all(both);
    expect([one?.code, other?.code]).toEqual([0, 0]);
    expect(`${one?.stderr}${other?.stderr}`).toContain('waiting for another build of it');
    expect(await images()).toHaveLength(2);
    await expectNothingLeft();
  });
});

describe('the images that were built', () => {
  it('are current until their tag moves; what cannot be asked holds up nothing', async () => {
    registry.put('25-release', Buffer.from('one'));
    await build();
    await build({ BUILDER_CONTENT: 'other' }, ['other']);
    const check = async (...names: string[]) => {
      const { code, stdout } = await glidein(['image', 'check', '--json', ...names]);
      const states = JSON.parse(stdout).images.map(
        (image: { name: string; state: string }) => `${image.name} ${image.state}`,
      );
      return { code, states };
    };
    expect(await check()).toEqual({ code: 0, states: ['25-release current', 'other current'] });
    registry.put('25-release', Buffer.from('two'));
    expect(await check('25-release')).toEqual({ code: 0, states: ['25-release newer'] });
    const gone = await movingRegistry();
    gone.put('gone', Buffer.from('x'));
    await glidein(['image', 'build', '--source', gone.source('gone')]);
    await gone.close();
    expect(await check()).toEqual({ code: 3, states: ['25-release newer', 'gone unknown', 'other newer'] });
    const unknown = await glidein(['image', 'check', '25-relase']);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('there are 25-release, gone, other') });
    const words = await glidein(['image', 'check']);
    expect(words.stdout).toContain('25-release: a newer one exists');
    expect(words.stdout).toContain('next: glidein image build 25-release');
  });

  it('are pruned but for those that profiles use and the two before', async () => {
    registry.put('25-release', Buffer.from('one'));
    for (const content of ['1', '2', '3', '4', '5']) await build({ BUILDER_CONTENT: content });
    await build({ BUILDER_CONTENT: 'unused' }, ['unused']);
    const all = await images();
    writeFileSync(
      join(directory, 'campus.json'),
      JSON.stringify(exampleWith({ name: 'campus', 'image.name': '25-release' })),
    );
    expect(await glidein(['site', 'import', join(directory, 'campus.json')])).toMatchObject({ code: 0 });
    const dry = await glidein(['image', 'prune', '--dry-run']);
    expect(dry.stdout.match(/would remove/g)).toHaveLength(4);
    expect(await images()).toEqual(all);
    const { code, stdout } = await glidein(['image', 'prune', '--json']);
    expect(code).toBe(0);
    const gone = [...all.slice(4), ...all.slice(0, 1)];
    expect(JSON.parse(stdout)).toMatchObject({ bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0), kept: 3 });
    expect(await images()).toEqual(all.slice(1, 4));
    await expectNothingLeft();
    expect((await glidein(['image', 'list'])).stdout).toContain('25-release*');
  });

  it('are not pruned while a profile cannot be read', async () => {
    registry.put('25-release', Buffer.from('one'));
    await build();
    mkdirSync(join(directory, 'data/sites'), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'data/sites/broken.json'), '{', { mode: 0o600 });
    for (const name of ['sites', 'sites/broken.json'])
      if (isRoot) await chown(join(directory, 'data', name), nobody, nobody);
    expect(await glidein(['image', 'prune'])).toMatchObject({ code: 2 });
    expect(await images()).toHaveLength(1);
  });
});
