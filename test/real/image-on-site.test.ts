import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster, type TestUser } from '../support/cluster.ts';
import { loops } from '../support/loops.ts';
import { type MovingRegistry, movingRegistry } from '../support/moving-registry.ts';
import { processesWith } from '../support/processes-with.ts';
import { waitUntil } from '../support/wait-until.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const builder = fileURLToPath(new URL('../support/stand-in-builder/apptainer', import.meta.url));
const rounds = loops({ usual: 4, full: 60 });

describeOnCluster('an image that a login host builds', (cluster) => {
  let registry: MovingRegistry;
  let directory: string;
  let runtime: string;
  let here: Campus;

  beforeAll(async () => {
    registry = await movingRegistry();
    directory = mkdtempSync(join(cluster.prefix, 'there-'));
    runtime = join(directory, 'apptainer');
    cpSync(builder, runtime);
    for (const one of [directory, runtime]) chmodSync(one, 0o755);
  });
  afterAll(async () => {
    await registry.close();
    rmSync(directory, { recursive: true });
  });
  beforeEach(async () => {
    registry.put('25-release', Buffer.from('one'));
    await site(cluster.users.ada);
  });
  afterEach(() => {
    here.remove();
    for (const user of Object.values(cluster.users)) clearRemote(user);
  });

  /** `environment`: lines of the prologue. */
  async function site(user: TestUser, ...environment: string[]): Promise<void> {
    here?.remove();
    here = await campus(cluster, 1, { user });
    // Also a place that is the user's alone, in which nothing may stay.
    const scratch = join(user.home, 'scratch');
    mkdirSync(scratch, { recursive: true });
    chmodSync(scratch, 0o777);
    const prologue = [`export TMPDIR=${scratch}`, ...environment];
    await here.set(`connection.user=${user.name}`, `connection.identityFile=${user.privateKeyFile}`);
    await here.set(`pilot.runtime=${runtime}`, `connection.prologue=${JSON.stringify(prologue)}`);
  }
  const build = (...more: string[]) =>
    here.glidein(['image', 'build', '--on', 'campus', '--source', registry.source('25-release'), ...more]);
  const images = () => join(here.remoteDir, 'images');
  const left = () => {
    const places = [join(here.user.home, 'scratch'), images(), '/tmp', '/var/tmp'].filter((place) => existsSync(place));
    return places.flatMap((place) => readdirSync(place).filter((name) => name.startsWith('glidein-build-')));
  };

  it('is there whole, private and by its content, and the profile names it', async () => {
    const { code, stdout, stderr } = await build('--json');
    expect(code, stderr).toBe(0);
    const { image } = JSON.parse(stdout);
    const name = `${image.sha256}.sif`;
    expect(readdirSync(images())).toEqual([name]);
    const content = readFileSync(join(images(), name));
    expect(createHash('sha256').update(content).digest('hex')).toBe(image.sha256);
    const pinned = registry.source('25-release').replace(':25-release', `@${image.digest}`);
    expect(content.toString()).toBe(`image of --no-https ${pinned} \n`);
    expect(image).toMatchObject({
      bytes: content.length,
      builtBy: 'apptainer 9.9.9',
      path: `~/.glidein/campus/images/${name}`,
    });
    expect(statSync(join(images(), name)).mode & 0o777).toBe(0o600);
    expect(left()).toEqual([]);
    const shown = await here.glidein(['site', 'show', 'campus']);
    expect(JSON.parse(shown.stdout).image.remotePath).toBe(image.path);
    expect(await here.site(['top-up', 'campus'])).toMatchObject({ code: 0, submitted: 1 });
  });

  it('that fails says why, leaves nothing, and the profile as it was', async () => {
    await site(cluster.users.ada, "export BUILDER_FAILS='no such luck'");
    const { code, stdout } = await build('--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'build-failed',
      message: expect.stringContaining('FATAL: no such luck'),
    });
    expect(readdirSync(images())).toEqual([]);
    expect(left()).toEqual([]);
    const shown = await here.glidein(['site', 'show', 'campus']);
    expect(JSON.parse(shown.stdout).image.remotePath).toBeNull();
  });

  it.each(['dash', 'tcsh', 'fish'] as const)('is built where the login shell is %s', async (nick) => {
    await site(cluster.users[nick]);
    const { code, stderr } = await build();
    expect(code, stderr).toBe(0);
    expect(readdirSync(images())).toHaveLength(1);
    expect(left()).toEqual([]);
  });

  it('needs a runtime there', async () => {
    await here.set('pilot.runtime=/nowhere/apptainer');
    const { code, stderr } = await build();
    expect(code).toBe(3);
    expect(stderr).toContain('neither apptainer nor singularity');
    expect(stderr).toContain('pilot.modules');
  });

  it('needs room there', async () => {
    registry.put('25-release', Buffer.from('one'), { saidBytes: 1e15 });
    const { code, stdout } = await build('--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'no-space' });
    expect(left()).toEqual([]);
  });

  it('is given up there when nobody waits for it any more, at whatever moment, and leaves nothing', async () => {
    await site(cluster.users.ada, 'export BUILDER_SECONDS=2');
    const args = ['image', 'build', '--on', 'campus', '--source', registry.source('25-release')];
    const cut = { before: 0, working: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const child = spawn(process.execPath, [program, ...args], { env: here.env, stdio: 'ignore' });
      const closed = once(child, 'close');
      await sleep(600 + (3_000 * round) / rounds);
      cut[left().length > 0 ? 'working' : 'before'] += 1;
      child.kill(round % 2 === 0 ? 'SIGKILL' : 'SIGINT');
      await closed;
      await waitUntil('it is given up there', 20, () => processesWith(runtime).length === 0 && left().length === 0);
      expect(existsSync(images()) ? readdirSync(images()) : []).toEqual([]);
    }
    console.log(`a build on a login host, cut off: ${JSON.stringify(cut)} of ${rounds}`);
    expect(cut.working).toBeGreaterThan(0);
  });
});
