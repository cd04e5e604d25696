import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sidFiles } from '../support/debian-sid.ts';
import { type MovingRegistry, movingRegistry } from '../support/moving-registry.ts';
import { pilotImageFiles } from '../support/pilot-image.ts';
import { describeOnPool } from '../support/pool.ts';
import { type PoolSites, poolSites } from '../support/pool-sites.ts';
import { processesWith } from '../support/processes-with.ts';

const tag = '25-release';

describeOnPool('an image whose tag moves while pilots run from it', (cluster, pool) => {
  let directory: string;
  let sites: PoolSites;
  let registry: MovingRegistry;
  let base: Buffer;
  let config: object;

  /** A layer with one file in it, as a tar file. */
  function mark(text: string): Buffer {
    const root = mkdtempSync(join(directory, 'mark-'));
    mkdirSync(join(root, 'etc/pilot'), { recursive: true });
    writeFileSync(join(root, 'etc/pilot/mark'), text);
    return execFileSync('tar', ['-c', '--owner=0', '--group=0', '-C', root, '.']);
  }
  const put = (text: string) => registry.put(tag, [base, mark(text)], { config });
  const glidein = (...args: string[]) => {
    const PATH = `${dirname(pool().apptainer.builder)}:${sites.here.env['PATH']}`;
    return sites.here.glidein(args, { env: { PATH, TMPDIR: directory } });
  };
  async function images(): Promise<{ sha256: string; digest: string }[]> {
    return JSON.parse((await glidein('image', 'list', '--json')).stdout).images;
  }
  async function state(): Promise<string> {
    return JSON.parse((await glidein('image', 'check', '--json')).stdout).images[0].state;
  }
  const onCluster = () => readdirSync(join(sites.here.user.home, '.glidein/fresh/images')).sort();

  beforeAll(async () => {
    directory = mkdtempSync(join(cluster.prefix, 'moving-'));
    sites = await poolSites(cluster, pool());
    registry = await movingRegistry();
    const files = await pilotImageFiles(await sidFiles(() => {}), directory);
    base = readFileSync(files.layerFile);
    config = files.config;
    sites.add('fresh');
    const source = registry.source(tag);
    const set = await glidein('site', 'set', 'fresh', 'target=1', 'image.remotePath=null', `image.source=${source}`);
    expect(set).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await sites.remove();
    await registry.close();
    rmSync(directory, { recursive: true });
  });

  it('is built once by a real Apptainer, and a pilot starts from what was built', async () => {
    const digest = put('one');
    const built = await glidein('image', 'build', '--source', registry.source(tag), '--json');
    expect(built, built.stderr).toMatchObject({ code: 0 });
    const [image] = await images();
    expect(JSON.parse(built.stdout).image).toMatchObject({
      name: tag,
      digest,
      builtBy: expect.stringMatching(/^apptainer 1/),
    });
    expect(await state()).toBe('current');
    const topUp = await glidein('top-up', 'fresh');
    expect(topUp, topUp.stderr).toMatchObject({ code: 0 });
    expect(topUp.stderr).not.toContain('newer');
    await sites.inPool(['fresh']);
    expect(onCluster()).toContain(`${image?.sha256}.sif`);
  });

  it('is found to be old when its tag moves, and leaves the next pass as quick as before', async () => {
    put('two');
    expect(await state()).toBe('newer');
    rmSync(join(sites.here.configDir, 'image-news.json'));
    const first = await glidein('top-up', 'fresh');
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('a newer image exists') });
    const asked = registry.asked.length;
    expect((await glidein('top-up', 'fresh')).stderr).not.toContain('newer');
    expect(registry.asked).toHaveLength(asked);
  });

  it('is built and sent anew by --refresh, and the pilot that runs keeps its own', async () => {
    const [old] = await images();
    const [before] = await pool().pilots();
    await glidein('site', 'set', 'fresh', 'target=2');
    const topUp = await glidein('top-up', 'fresh', '--refresh', '--json');
    expect(topUp, topUp.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(topUp.stdout).sites).toMatchObject([{ submitted: 1, cancelled: 0, drained: 0 }]);
    const [newest, ...others] = await images();
    expect(others).toEqual([old]);
    expect(await state()).toBe('current');
    const both = [newest, old].map((image) => `${image?.sha256}.sif`).sort();
    expect(onCluster()).toEqual(expect.arrayContaining(both));
    await expect.poll(async () => (await pool().pilots()).length, { timeout: 90_000, interval: 500 }).toBe(2);
    expect(await pool().pilots()).toContainEqual(before);
    for (const name of both) expect(processesWith(name).length, name).toBeGreaterThan(0);
  });
});
