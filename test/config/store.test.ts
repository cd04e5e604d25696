import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { changeProfile, listSites, loadProfile, readProfile, removeProfile } from '../../src/config/store.ts';
import { ok } from '../../src/failure.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleProfile, exampleWith } from '../support/example-profile.ts';

const config = useConfigDirectory();
const umask = process.umask();

afterEach(() => {
  process.umask(umask);
  delete process.env['SNAP'];
});

const create = (raw: Record<string, unknown> = exampleProfile()) =>
  changeProfile(config.path, 'campus', { mustExist: false, dryRun: false }, () => ok(raw));

const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

describe('reading', () => {
  it('gives what is written, and the checked profile', async () => {
    const file = config.write('sites/campus.json', JSON.stringify(exampleWith({ target: 3 })));
    expect(await readProfile(config.path, 'campus')).toEqual(
      ok({ site: 'campus', file, raw: exampleWith({ target: 3 }) }),
    );
    expect(await loadProfile(config.path, 'campus')).toMatchObject({
      ok: true,
      value: { target: 3, limits: { maxPending: 5 } },
    });
  });

  it('of a site that is not there names those that are', async () => {
    expect(await loadProfile(config.path, 'campus')).toMatchObject({
      failure: { kind: 'profile-missing', site: 'campus', known: [] },
    });
    for (const site of ['b', 'a']) config.write(`sites/${site}.json`, '{}');
    expect(await loadProfile(config.path, 'campus')).toMatchObject({ failure: { known: ['a', 'b'] } });
  });

  it('of a broken file names file and line', async () => {
    const file = config.write('sites/campus.json', '{\n  "name": "campus",\n  "target" 3\n}\n');
    const failure = { kind: 'file-broken', file, line: 3, reason: 'expected ":", found "3"' };
    expect(await readProfile(config.path, 'campus')).toEqual({ ok: false, failure });
  });

  it('of bytes that are no UTF-8 says so instead of guessing', async () => {
    const file = config.write('sites/campus.json', '');
    writeFileSync(file, Buffer.from([0x7b, 0xff, 0x7d]));
    expect(await readProfile(config.path, 'campus')).toMatchObject({
      failure: { kind: 'file-broken', file, line: null },
    });
  });

  it.each([0o620, 0o602, 0o666])('refuses a file with mode %o: others could write commands into it', async (mode) => {
    const file = config.write('sites/campus.json', JSON.stringify(exampleProfile()));
    chmodSync(file, mode);
    const reason = `others may write to it; type: chmod 600 ${file}`;
    expect(await loadProfile(config.path, 'campus')).toEqual({
      ok: false,
      failure: { kind: 'file-unusable', file, reason },
    });
  });

  it('takes a file that others may read', async () => {
    chmodSync(config.write('sites/campus.json', JSON.stringify(exampleProfile())), 0o644);
    expect((await loadProfile(config.path, 'campus')).ok).toBe(true);
  });

  it.skipIf(process.getuid?.() === 0)('of a file that may not be read says so', async () => {
    const file = config.write('sites/campus.json', '{}', 0o000);
    const reason = 'EACCES: permission denied';
    expect(await loadProfile(config.path, 'campus')).toEqual({
      ok: false,
      failure: { kind: 'file-unusable', file, reason },
    });
  });

  it('of a directory in place of the file says so', async () => {
    mkdirSync(join(config.path, 'sites/campus.json'), { recursive: true });
    expect(await loadProfile(config.path, 'campus')).toMatchObject({ failure: { kind: 'file-unusable' } });
  });

  it('of a FIFO in place of the file says so, and does not wait for a writer', async () => {
    const file = config.write('sites/campus.json', '');
    unlinkSync(file);
    execFileSync('sh', ['-c', 'mkfifo -m 600 "$1"', 'sh', file]);
    const failure = { kind: 'file-unusable', file, reason: 'it is not a regular file' };
    expect(await loadProfile(config.path, 'campus')).toEqual({ ok: false, failure });
  });

  it('refuses a profile that says another name than its file', async () => {
    config.write('sites/other.json', JSON.stringify(exampleProfile()));
    const mistakes = [{ key: 'name', message: 'must be other, the name the profile is stored under' }];
    expect(await loadProfile(config.path, 'other')).toMatchObject({ failure: { kind: 'profile-invalid', mistakes } });
  });

  it.each(['../campus', '..', '', 'Campus', 'a/b', '.hidden', 'a\0b', 'campus.json', 'x'.repeat(33)])(
    'takes %j for no site name, and never for a path',
    async (site) => {
      config.write('campus.json', JSON.stringify(exampleProfile()));
      mkdirSync(join(config.path, 'sites'));
      const refused = { failure: { kind: 'usage', message: expect.stringContaining('is not a site name') } };
      expect(await loadProfile(config.path, site)).toMatchObject(refused);
      expect(await removeProfile(config.path, site, { dryRun: false })).toMatchObject(refused);
      const options = { mustExist: false, dryRun: false };
      expect(await changeProfile(config.path, site, options, () => ok({}))).toMatchObject(refused);
      expect(existsSync(join(config.path, 'campus.json'))).toBe(true);
    },
  );
});

describe('listSites', () => {
  it('names the sites, sorted, and nothing else that lies there', async () => {
    expect(await listSites(config.path)).toEqual(ok([]));
    for (const name of ['b.json', 'a.json', 'a.json.tmp-12', 'README', '.x.json', 'A.json'])
      config.write(`sites/${name}`, '{}');
    mkdirSync(join(config.path, 'sites/b.json.lock'));
    expect(await listSites(config.path)).toEqual(ok(['a', 'b']));
  });

  it('of something that is no directory says so', async () => {
    config.write('sites', '');
    expect(await listSites(config.path)).toMatchObject({
      failure: { kind: 'file-unusable', file: join(config.path, 'sites') },
    });
  });
});

describe('changing', () => {
  it.each([0o000, 0o077, 0o277])('makes 0600 files in 0700 directories under umask %o', async (mask) => {
    process.umask(mask);
    const created = await create();
    expect(created).toMatchObject({ ok: true, value: { before: undefined, after: exampleProfile() } });
    expect((await create(exampleWith({ target: 1 }))).ok).toBe(true);
    process.umask(umask);
    expect(modeOf(config.path)).toBe('700');
    expect(modeOf(join(config.path, 'sites'))).toBe('700');
    expect(modeOf(join(config.path, 'sites/campus.json'))).toBe('600');
    expect(readdirSync(join(config.path, 'sites'))).toEqual(['campus.json']);
  });

  it('closes the sites directory and the file where they were open, and leaves a directory of the user alone', async () => {
    mkdirSync(join(config.path, 'sites'), { recursive: true });
    chmodSync(config.path, 0o755);
    chmodSync(join(config.path, 'sites'), 0o755);
    const file = config.write('sites/campus.json', '{}');
    chmodSync(file, 0o644);
    await create();
    expect([config.path, join(config.path, 'sites'), file].map(modeOf)).toEqual(['755', '700', '600']);
  });

  it('writes JSON that a person can read, keys in their order', async () => {
    await create({ name: 'campus', b: 1, a: [2] });
    const text = readFileSync(join(config.path, 'sites/campus.json'), 'utf8');
    expect(text).toBe('{\n  "name": "campus",\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n');
  });

  it('takes keys out that were there', async () => {
    await create({ name: 'campus', target: 1 });
    await create({ name: 'campus' });
    expect(JSON.parse(readFileSync(join(config.path, 'sites/campus.json'), 'utf8'))).toEqual({ name: 'campus' });
  });

  it('leaves a broken file as it is', async () => {
    const file = config.write('sites/campus.json', '{\n"name": ');
    expect(await create()).toMatchObject({ failure: { kind: 'file-broken', file, line: 2 } });
    expect(readFileSync(file, 'utf8')).toBe('{\n"name": ');
    expect(readdirSync(join(config.path, 'sites'))).toEqual(['campus.json']);
  });

  it('writes nothing in a dry run, not even a directory', async () => {
    const dry = await changeProfile(config.path, 'campus', { mustExist: false, dryRun: true }, () =>
      ok(exampleProfile()),
    );
    expect(dry).toMatchObject({ ok: true, value: { before: undefined } });
    expect(existsSync(config.path)).toBe(false);
  });

  it('of a site that must be there and is not makes nothing', async () => {
    const change = () => changeProfile(config.path, 'campus', { mustExist: true, dryRun: false }, () => ok({}));
    expect(await change()).toMatchObject({ failure: { kind: 'profile-missing' } });
    expect(existsSync(config.path)).toBe(false);
  });

  it('replaces by rename even where conf believes to be in a snap', async () => {
    process.env['SNAP'] = '/snap/editor/1';
    await create();
    const file = join(config.path, 'sites/campus.json');
    const first = statSync(file).ino;
    await create(exampleWith({ target: 1 }));
    expect(statSync(file).ino).not.toBe(first);
    expect(process.env['SNAP']).toBe('/snap/editor/1');
  });

  it('removes what a killed writer left of this site, and of no other', async () => {
    for (const left of ['campus.json.tmp-0123456789abcdef', 'campus-2.json.tmp-0123456789abcdef'])
      config.write(`sites/${left}`, '{"na');
    await create();
    expect(readdirSync(join(config.path, 'sites')).sort()).toEqual([
      'campus-2.json.tmp-0123456789abcdef',
      'campus.json',
    ]);
  });

  it('follows a link to a file that is kept elsewhere', async () => {
    const target = config.write('dotfiles/campus-profile', '{}');
    mkdirSync(join(config.path, 'sites'));
    symlinkSync(target, join(config.path, 'sites/campus.json'));
    await create();
    expect(JSON.parse(readFileSync(target, 'utf8'))).toEqual(exampleProfile());
    expect(readdirSync(join(config.path, 'dotfiles'))).toEqual(['campus-profile']);
    expect(readlinkSync(join(config.path, 'sites/campus.json'))).toBe(target);
  });

  it('says so when the directory cannot be made', async () => {
    config.write('x', '');
    const result = await changeProfile(join(config.path, 'x'), 'campus', { mustExist: false, dryRun: false }, () =>
      ok({}),
    );
    expect(result).toMatchObject({ failure: { kind: 'file-unusable', reason: expect.stringMatching(/^E[A-Z]+: /) } });
  });
});

describe('removing', () => {
  it('removes the file and leaves nothing', async () => {
    const file = config.write('sites/campus.json', '{}');
    expect(await removeProfile(config.path, 'campus', { dryRun: false })).toEqual(ok(file));
    expect(readdirSync(join(config.path, 'sites'))).toEqual([]);
    expect(await removeProfile(config.path, 'campus', { dryRun: false })).toMatchObject({
      failure: { kind: 'profile-missing' },
    });
  });

  it('removes a broken file too', async () => {
    const file = config.write('sites/campus.json', '{', 0o666);
    expect(await removeProfile(config.path, 'campus', { dryRun: false })).toEqual(ok(file));
    expect(existsSync(file)).toBe(false);
  });

  it('keeps it in a dry run', async () => {
    const file = config.write('sites/campus.json', '{}');
    expect(await removeProfile(config.path, 'campus', { dryRun: true })).toEqual(ok(file));
    expect(existsSync(file)).toBe(true);
  });
});
