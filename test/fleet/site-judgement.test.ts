import { describe, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import { type Failure, failed, ok } from '../../src/failure.ts';
import type { CheckStep, StepName } from '../../src/fleet/check-steps.ts';
import { disksIn, judged, type SeenThere } from '../../src/fleet/site-judgement.ts';
import type { Part } from '../../src/login/remote-programs.ts';
import { lockStatus } from '../../src/login/site-facts.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { exampleWith } from '../support/example-profile.ts';
import { recordings } from '../support/recordings.ts';

/** What is made of what a login host showed. */

const nowSeconds = 1_700_000_000;
const df = '/dev/sda1 100000000 50000000 50000000 50% /home\n';

function profileWith(changes: Record<string, unknown> = {}): Profile {
  const profile = checkProfile(exampleWith({ 'image.remotePath': '~/pilot.sif', ...changes }), {
    site: 'campus',
    file: null,
  });
  if (!profile.ok) throw new Error(JSON.stringify(profile.failure));
  return profile.value;
}

const recorded = recordings('slurm-22.05.8').find(
  ({ command, note }) => command === slurm.discoverCommand() && note === 'as glidein asks',
);
if (recorded === undefined) throw new Error('not recorded as it is asked now');

const part = (stdout = '', more: Partial<Part> = {}): Part => ({ stdout, stderr: '', code: 0, ...more });
const good: Readonly<Record<string, Part>> = {
  clock: part(`${nowSeconds}\n`),
  shell: part('/bin/bash\n'),
  directories: part(),
  space: part(df.repeat(3)),
  quota: part(),
  lock: part('flock\n'),
  clients: part(),
  version: part('slurm-wlm 22.05.8\n'),
  listing0: part(),
  discover: recorded,
  image: part(),
  runtime: part('apptainer version 1.4.5\n'),
};

function steps(parts: Record<string, Part> = {}, more: Partial<SeenThere> = {}): Map<StepName, CheckStep> {
  const all = Object.entries({ ...good, ...parts });
  const span = { beganAt: nowSeconds * 1000 - 200, endedAt: nowSeconds * 1000 };
  const facts = {
    parts: new Map(all),
    spans: new Map(all.map(([name]) => [name, span])),
    listing: ok([]),
    broken: null,
  };
  const image = ok({ kind: 'there', path: '~/pilot.sif' } as const);
  const seen = { profile: profileWith(), image, facts, noise: '', shellSeconds: 0.1, distribution: ok(null), ...more };
  return new Map(judged(seen).map((step) => [step.step, step]));
}

const inState = (found: Map<StepName, CheckStep>, state: CheckStep['state']) =>
  [...found.values()].filter((step) => step.state === state).map(({ step }) => step);
const words = (found: Map<StepName, CheckStep>, step: StepName) => {
  const said = found.get(step)?.said;
  return said === undefined || 'failure' in said ? JSON.stringify(said) : said.message;
};

describe('what a login host shows', () => {
  it('is all well where nothing is wrong, with the time that each step took', () => {
    const found = steps();
    expect(inState(found, 'failed')).toEqual([]);
    expect(inState(found, 'warning')).toEqual([]);
    expect(inState(found, 'skipped')).toEqual(['account', 'cvmfs', 'outbound']);
    expect(found.get('lock')?.seconds).toBe(0.2);
    expect(found.get('scheduler')?.seconds).toBe(0.4);
    expect(words(found, 'scheduler')).toBe('slurm-wlm 22.05.8');
    expect(words(found, 'space')).toBe('51.2 GB free on /home');
  });

  const wrongs: [string, StepName, 'failed' | 'warning', string, Record<string, Part>, Partial<SeenThere>?][] = [
    [
      'tools that are missing',
      'shell',
      'failed',
      'sha256sum; tail',
      { shell: part('/bin/sh\n', { stderr: 'sha256sum\ntail\n' }) },
    ],
    ['a shell that prints', 'start-up', 'warning', '2 lines (hello)', {}, { noise: 'hello\nworld' }],
    ['a clock that is ahead', 'clock', 'warning', '61 s ahead of', { clock: part(`${nowSeconds + 61}\n`) }],
    ['a clock that is behind', 'clock', 'warning', '3600 s behind', { clock: part(`${nowSeconds - 3600}\n`) }],
    ['no clock', 'clock', 'warning', 'gave no time', { clock: part('date: bad\n') }],
    [
      'a disk with little room',
      'space',
      'warning',
      'only 512 MB free on /home',
      { space: part(df.replace('50000000 50%', '500000 99%')) },
    ],
    [
      'a disk without room',
      'space',
      'failed',
      '0 MB free on /home',
      { space: part(df.replace('50000000 50%', '0 100%')) },
    ],
    [
      'a quota that is used up',
      'space',
      'warning',
      'over your quota: Disk quotas',
      { quota: part('Disk quotas for ada\n /home 10* 9\n', { code: 1 }) },
    ],
    [
      'a lock that all can have',
      'lock',
      'failed',
      'keeps nobody out',
      { lock: part('flock\n', { code: lockStatus.keepsNobodyOut }) },
    ],
    ['a lock that stays', 'lock', 'failed', 'not let go', { lock: part('directory\n', { code: lockStatus.notLetGo }) }],
    [
      'no lock',
      'lock',
      'failed',
      'cannot be had in ~/.glidein/campus: no',
      { lock: part('', { code: 2, stderr: 'no' }) },
    ],
    ['queues nobody knows', 'queue', 'warning', 'could not be learned', { discover: part('', { code: 124 }) }],
    [
      'a queue that is none',
      'queue',
      'failed',
      'scheduler.queue is shred',
      {},
      { profile: profileWith({ 'scheduler.queue': 'shred' }) },
    ],
    [
      'too many cores',
      'cores',
      'failed',
      'scheduler.cores is 4000',
      {},
      { profile: profileWith({ 'scheduler.cores': 4000 }) },
    ],
    ['an image that is gone', 'image', 'failed', '~/pilot.sif cannot be read', { image: part('', { code: 1 }) }],
    [
      'an image that nobody has built',
      'image',
      'failed',
      'image-unknown',
      {},
      { image: failed({ kind: 'image-unknown', site: 'campus', name: 'x', known: [] }) },
    ],
    [
      'no image',
      'image',
      'warning',
      'every node pulls',
      { outside: part() },
      { image: ok({ kind: 'pulled', uri: 'docker://x' }) },
    ],
  ];
  it.each(wrongs)('is wrong in one step for %s', (_what, step, state, message, parts, more = {}) => {
    const found = steps(parts, more);
    expect(words(found, step)).toContain(message);
    expect([...inState(found, 'failed'), ...inState(found, 'warning')]).toEqual([step]);
    expect(found.get(step)?.state).toBe(state);
  });

  it('needs no registry for an image that is sent from here', () => {
    const sent = { source: '/here.sif', directory: '~/images', name: 'a.sif', sha256: 'a', bytes: 1, isFixed: true };
    const unreached = { outside: part('', { code: 124 }) };
    const found = steps(unreached, { image: ok({ kind: 'here', ...sent, calledBy: 'mine' }) });
    expect(found.get('outbound')?.state).toBe('skipped');
    const pulled = steps(unreached, { image: ok({ kind: 'pulled', uri: 'docker://x' }) });
    expect(pulled.get('outbound')?.state).toBe('warning');
  });

  it('is not tried where it needs what is missing', () => {
    const unwritable = steps({
      directories: part('', { code: 1, stderr: 'Permission denied' }),
      lock: part('', { code: 3 }),
      space: part(),
    });
    expect(inState(unwritable, 'failed')).toEqual(['directories']);
    for (const step of ['space', 'lock'] as const) expect(words(unwritable, step)).toBe('not tried');
    const clientless = steps({
      clients: part('sbatch\n'),
      listing0: part('', { code: 127 }),
      discover: part('', { code: 127 }),
    });
    expect(inState(clientless, 'failed')).toEqual(['scheduler']);
    expect(words(clientless, 'scheduler')).toBe('sbatch is not on PATH there');
    for (const step of ['listing', 'queue', 'account', 'cores'] as const)
      expect(words(clientless, step)).toBe('not tried');
  });

  it('says of an image of this machine whether it is there, and that a pass would send it', () => {
    const name = `${'a'.repeat(64)}.sif`;
    const [directory, sha256, source] = ['/images', 'a'.repeat(64), '/here/x'];
    const where = {
      kind: 'here',
      source,
      directory,
      name,
      sha256,
      bytes: 1e9,
      isFixed: true,
      calledBy: 'mine',
    } as const;
    const image = ok(where);
    const there = steps({ images: part(`/images/other.sif\n/images/${name}\n`) }, { image });
    expect([there.get('image')?.state, words(there, 'image')]).toEqual(['ok', `mine is there: /images/${name}`]);
    const missing = steps({ images: part('/images/*.sif\n') }, { image });
    expect(missing.get('image')?.state).toBe('skipped');
    expect(words(missing, 'image')).toContain('mine is not there yet (1000 MB)');
    expect(words(missing, 'image')).toContain('glidein image push campus');
  });

  it('is what a pass would say of the listing and the distribution', () => {
    const incomplete: Failure = {
      kind: 'listing-incomplete',
      site: 'campus',
      command: 'squeue',
      said: 'no controller',
    };
    const gone: Failure = { kind: 'distribution-missing', site: 'campus', here: '/dist', there: '~/dist' };
    const facts = { parts: new Map(Object.entries(good)), spans: new Map(), listing: failed(incomplete), broken: null };
    const found = steps({}, { facts, distribution: failed(gone) });
    expect(found.get('listing')).toMatchObject({ state: 'failed', said: { failure: incomplete }, seconds: null });
    expect(found.get('cvmfs')).toMatchObject({ state: 'failed', said: { failure: gone } });
  });

  it('fails in the step in which the connection was lost', () => {
    const lost: Failure = { kind: 'connection-lost', site: 'campus', step: 'checking the site', reason: 'closed' };
    const spans = new Map([
      ['clock', { beganAt: 1, endedAt: 2 }],
      ['listing0', { beganAt: 2, endedAt: null }],
    ]);
    const found = steps({}, { facts: { parts: new Map(), spans, listing: failed(lost), broken: lost } });
    expect(inState(found, 'failed')).toEqual(['listing']);
    expect(found.get('listing')?.said).toEqual({ failure: lost });
    expect(words(found, 'clock')).toBe('not tried');
  });
});

it('disks are told once, also those with blanks in their names and those that are overdrawn', () => {
  const text = `${df}nfs:/a b 1000 900 100 90% /scratch of ada\n${df}none 0 0 -5 - /over\nrubbish\n`;
  expect(disksIn(text)).toEqual([
    { mount: '/home', freeMegabytes: 51_200 },
    { mount: '/scratch of ada', freeMegabytes: 0 },
    { mount: '/over', freeMegabytes: -1 },
  ]);
});
