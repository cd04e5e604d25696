import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import { distributionOnCluster, distributionToShip } from '../../src/fleet/distribution.ts';
import { exampleWith } from '../support/example-profile.ts';

let made: string;
beforeEach(() => {
  made = mkdtempSync(join(tmpdir(), 'glidein-distribution-'));
  mkdirSync(join(made, 'dist'));
  writeFileSync(join(made, 'mountrepo'), '#!/bin/sh\n', { mode: 0o755 });
});
afterEach(() => rmSync(made, { recursive: true, force: true }));

const nothingThere = { shipped: new Set<string>(), isAtItsPath: false };

function profileWith(dist: string | null, more: Record<string, unknown> = {}): Profile {
  const cvmfsOptions = { repos: ['config-osg.opensciencegrid.org'], dist };
  const raw = exampleWith({ 'pilot.cvmfsOptions': cvmfsOptions, 'connection.jobDir': '~/jobs/', ...more });
  const profile = checkProfile(raw, { site: null, file: null });
  if (!profile.ok) throw new Error(JSON.stringify(profile.failure));
  return profile.value;
}

it('has a name by its content in the directory that jobs read, and is sent when no file there has it', async () => {
  const profile = profileWith(made);
  const path = await distributionOnCluster(profile);
  expect(path).toEqual({ ok: true, value: expect.stringMatching(/^~\/jobs\/cvmfs\/[0-9a-f]{64}\.tar$/) });
  const name = path.ok && path.value !== null ? path.value.slice('~/jobs/cvmfs/'.length) : '';
  expect(await distributionToShip(profile, nothingThere)).toMatchObject({
    ok: true,
    value: { source: made, directory: '~/jobs/cvmfs', name },
  });
  const seen = { shipped: new Set(['other', name]), isAtItsPath: false };
  expect(await distributionToShip(profile, seen)).toEqual({ ok: true, value: null });
  expect(await distributionToShip(profile, { ...seen, shipped: new Set([`${name}.part-1`]) })).toMatchObject({
    value: { name },
  });
});

it('is the same for a pass from its beginning to its end, and another one for the next', async () => {
  const profile = profileWith(made);
  const before = await distributionOnCluster(profile);
  writeFileSync(join(made, 'mountrepo'), '#!/bin/sh\nexit 1\n');
  expect(await distributionOnCluster(profile)).toEqual(before);
  expect(await distributionOnCluster(profileWith(made))).not.toEqual(before);
});

it('that is not here must be there, under the path of the profile', async () => {
  const dist = '~/no-such-distribution';
  expect(await distributionOnCluster(profileWith(dist))).toEqual({ ok: true, value: dist });
  expect(await distributionToShip(profileWith(dist), { ...nothingThere, isAtItsPath: true })).toEqual({
    ok: true,
    value: null,
  });
  expect(await distributionToShip(profileWith(dist), nothingThere)).toEqual({
    ok: false,
    failure: {
      kind: 'distribution-missing',
      site: 'campus',
      here: join(homedir(), 'no-such-distribution'),
      there: dist,
    },
  });
});

it('is none where the profile names none', async () => {
  expect(await distributionOnCluster(profileWith(null))).toEqual({ ok: true, value: null });
  expect(await distributionToShip(profileWith(null), nothingThere)).toEqual({ ok: true, value: null });
});

it.each([
  ['a directory of something else', (at: string) => rmSync(join(at, 'mountrepo')), ''],
  ['a directory without dist', (at: string) => rmSync(join(at, 'dist'), { recursive: true }), ''],
  ['a file that cannot be run', (at: string) => writeFileSync(join(at, 'osg.tar'), 'ustar'), 'osg.tar'],
  ['an empty file', (at: string) => writeFileSync(join(at, 'osg.sh'), ''), 'osg.sh'],
])('is never %s', async (_what, change, name) => {
  change(made);
  const file = join(made, name);
  expect(await distributionOnCluster(profileWith(file))).toMatchObject({
    ok: false,
    failure: { kind: 'file-unusable', file: name === '' ? made : file },
  });
});
