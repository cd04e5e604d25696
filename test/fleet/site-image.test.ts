import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import { imageUsers } from '../../src/fleet/image-users.ts';
import { imageInJob, imageToShip, siteImage } from '../../src/fleet/site-image.ts';
import { openImageStore } from '../../src/image/store.ts';
import { exampleWith } from '../support/example-profile.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glidein-site-image-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const source = 'docker://registry.example.org/osg/ep:25-release';
const older = 'docker://registry.example.org/osg/ep:24-release';

function profileWith(changes: Record<string, unknown>): Profile {
  const checked = checkProfile(exampleWith(changes), { site: 'campus', file: null });
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
  return checked.value;
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

async function stored(name: string, from: string, builtAt: string, text = `${name} ${builtAt}`): Promise<string> {
  const store = openImageStore({ dataDir });
  mkdirSync(store.directory, { recursive: true, mode: 0o700 });
  const file = join(store.directory, 'new');
  writeFileSync(file, text);
  const facts = { name, source: from, digest: null, sha256: digestOf(text), bytes: text.length, builtBy: 'a test' };
  const added = await store.add(file, { ...facts, builtAt });
  if (!added.ok) throw new Error(JSON.stringify(added.failure));
  return facts.sha256;
}

async function inJob(changes: Record<string, unknown>): Promise<string> {
  const image = await siteImage(profileWith(changes), { dataDir });
  return image.ok ? imageInJob(image.value) : JSON.stringify(image.failure);
}

it('is what is nearest: there already, of a name, newest of its source, else the URI itself', async () => {
  expect(await inJob({ 'image.source': source })).toBe(source);
  const first = await stored('mine', source, '2026-01-01T00:00:00.000Z');
  expect(await inJob({ 'image.source': source })).toBe(`~/.glidein/campus/images/${first}.sif`);
  const second = await stored('other', source, '2026-02-01T00:00:00.000Z');
  const third = await stored('mine', older, '2026-03-01T00:00:00.000Z');
  expect(await inJob({ 'image.source': source })).toBe(`~/.glidein/campus/images/${second}.sif`);
  expect(await inJob({ 'image.source': source, 'image.name': 'mine', 'image.dir': '/images/' })).toBe(
    `/images/${third}.sif`,
  );
  expect(await inJob({ 'image.name': 'mine', 'image.remotePath': '~/there.sif' })).toBe('~/there.sif');
});

it('is a failure where the store has no such name, which tells what it has', async () => {
  await stored('mine', source, '2026-01-01T00:00:00.000Z');
  expect(await siteImage(profileWith({ 'image.name': 'yours' }), { dataDir })).toEqual({
    ok: false,
    failure: { kind: 'image-unknown', site: 'campus', name: 'yours', known: ['mine'] },
  });
});

it('may be a SIF of this machine, known by its content; what is none is refused', async () => {
  const file = join(dataDir, 'own image.sif');
  const text = `${'#!/usr/bin/env run-singularity'.padEnd(32, '\n')}SIF_MAGIC\0and more`;
  writeFileSync(file, text);
  expect(await inJob({ 'image.source': file })).toBe(`~/.glidein/campus/images/${digestOf(text)}.sif`);
  writeFileSync(file, 'half a download');
  expect(await inJob({ 'image.source': file })).toContain('it is no SIF image');
  rmSync(file);
  expect(await inJob({ 'image.source': file })).toContain('ENOENT');
});

it('is shipped where the login host has none of its name', async () => {
  const sha256 = await stored('mine', source, '2026-01-01T00:00:00.000Z');
  const profile = profileWith({ 'image.name': 'mine' });
  const missing = await imageToShip(profile, { dataDir }, new Set(['another.sif']));
  expect(missing).toMatchObject({
    ok: true,
    value: { sha256, name: `${sha256}.sif`, isFixed: true, calledBy: 'mine' },
  });
  expect(await imageToShip(profile, { dataDir }, new Set([`${sha256}.sif`]))).toEqual({ ok: true, value: null });
  expect(await imageToShip(profileWith({}), { dataDir }, new Set())).toEqual({ ok: true, value: null });
});

it('is the business of every site that has the same directory; what cannot be read keeps all of it', async () => {
  const sites = join(dataDir, 'sites');
  mkdirSync(sites, { mode: 0o700 });
  const write = (name: string, changes: Record<string, unknown>) =>
    writeFileSync(join(sites, `${name}.json`), JSON.stringify(exampleWith({ name, ...changes })), { mode: 0o600 });
  const places = { configDir: dataDir, dataDir };
  const sha256 = await stored('mine', source, '2026-01-01T00:00:00.000Z');
  const shared = { 'image.dir': '/shared' };
  write('biology', { ...shared, 'image.name': 'mine' });
  write('physics', {});
  expect(await imageUsers(profileWith(shared), places)).toEqual({
    // Another spelling of the directory is known to nobody here: jobs of all sites are looked at.
    siteDirectories: ['~/.glidein/campus', '~/.glidein/biology', '~/.glidein/physics'],
    wanted: [`${sha256}.sif`],
  });
  write('biology', { 'image.dir': '/shared/', 'image.name': 'mine' });
  expect(await imageUsers(profileWith(shared), places)).toMatchObject({ wanted: [`${sha256}.sif`] });
  writeFileSync(join(sites, 'physics.json'), '{', { mode: 0o600 });
  expect(await imageUsers(profileWith(shared), places)).toBeNull();
});
