import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { siteSet } from '../../src/commands/site-set.ts';
import { siteShow } from '../../src/commands/site-show.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleProfile, exampleWith } from '../support/example-profile.ts';

const config = useConfigDirectory();

const have = (raw: unknown = exampleProfile()) => config.write('sites/campus.json', JSON.stringify(raw));
const set = (...assignments: string[]) =>
  siteSet({ configDir: config.path, site: 'campus', assignments, dryRun: false });
const written = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

async function mistakesOf(...assignments: string[]) {
  const report = await set(...assignments);
  return !report.ok && report.failure.kind === 'profile-invalid' ? report.failure.mistakes : report;
}

describe('site set', () => {
  it('changes many keys at once and says what they were', async () => {
    const file = have(exampleWith({ target: 1 }));
    const report = await set(
      'target=5',
      'pilot.owners=["ada","ada@ap.example.org"]',
      'pilot.env.FOO=bar',
      'scheduler.account=1234',
    );
    expect(report).toEqual({
      ok: true,
      value: {
        site: 'campus',
        file,
        dryRun: false,
        changes: [
          { key: 'target', before: 1, after: 5 },
          { key: 'pilot.owners', before: ['ada'], after: ['ada', 'ada@ap.example.org'] },
          { key: 'pilot.env.FOO', before: null, after: 'bar' },
          { key: 'scheduler.account', before: null, after: '1234' },
        ],
      },
    });
    expect(written(file)).toEqual(
      exampleWith({
        target: 5,
        'pilot.owners': ['ada', 'ada@ap.example.org'],
        'pilot.env': { FOO: 'bar' },
        'scheduler.account': '1234',
      }),
    );
  });

  it('takes a key out with null, so that its default counts', async () => {
    const file = have(exampleWith({ target: 5 }));
    expect(await set('target=null')).toMatchObject({ value: { changes: [{ key: 'target', before: 5, after: null }] } });
    expect(written(file)).toEqual(exampleProfile());
  });

  it('tells all mistakes at once, of keys and of values, and writes nothing', async () => {
    const file = have();
    const mistakes = await mistakesOf(
      'target=7',
      'pilot.owner=ada',
      'nonsense',
      'scheduler.walltime=1h',
      'pilot.token=null',
      '__proto__.x=1',
    );
    expect(mistakes).toEqual([
      { key: 'nonsense', message: expect.stringContaining('KEY=VALUE') },
      { key: '__proto__.x', message: 'this name cannot be used as a key' },
      { key: 'pilot.owner', message: 'unknown key; did you mean pilot.owners?' },
      { key: 'scheduler.walltime', message: expect.stringContaining('[D-]HH:MM:SS') },
      { key: 'pilot.token', message: expect.stringContaining('is missing') },
    ]);
    expect(written(file)).toEqual(exampleProfile());
  });

  it('checks the profile as a whole: a shorter wall clock does not go with a longer drain time', async () => {
    have(exampleWith({ 'pilot.drainMinutes': 300 }));
    expect(await mistakesOf('scheduler.walltime=04:00:00')).toEqual([
      { key: 'pilot.drainMinutes', message: 'must be at most a quarter of scheduler.walltime, here 60' },
    ]);
    expect((await set('scheduler.walltime=04:00:00', 'pilot.drainMinutes=60')).ok).toBe(true);
  });

  it('says plainly that a key has no effect yet', async () => {
    have();
    expect(await mistakesOf('minTarget=1')).toEqual([
      { key: 'minTarget', message: 'has no effect yet in this version; remove it' },
    ]);
  });

  it('can make a file right again that has an unknown key', async () => {
    const file = have(exampleWith({ 'pilot.owner': 'ada' }));
    expect((await set('target=1')).ok).toBe(false);
    expect((await set('pilot.owner=null')).ok).toBe(true);
    expect(written(file)).toEqual(exampleProfile());
  });

  it('does not rename a site', async () => {
    have();
    expect(await mistakesOf('name=other')).toEqual([
      { key: 'name', message: expect.stringContaining('must be campus') },
    ]);
  });

  it('changes nothing in a dry run', async () => {
    const file = have();
    const report = await siteSet({ configDir: config.path, site: 'campus', assignments: ['target=5'], dryRun: true });
    expect(report).toMatchObject({ ok: true, value: { dryRun: true, changes: [{ before: null, after: 5 }] } });
    expect(written(file)).toEqual(exampleProfile());
  });

  it('fails for no site, for nothing to set, and for a file that is no object', async () => {
    expect(await set('target=5')).toMatchObject({ failure: { kind: 'profile-missing' } });
    have([]);
    expect(await mistakesOf('target=5')).toEqual([{ key: '', message: 'must be an object, not a list' }]);
    expect(await set()).toMatchObject({ failure: { kind: 'usage' } });
  });

  it('carries any text to what a pass reads, exactly', async () => {
    have();
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !/[\0\p{Surrogate}]/u.test(value));
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        expect((await set(`pilot.env.A=${JSON.stringify(value)}`)).ok).toBe(true);
        const shown = await siteShow({ configDir: config.path, site: 'campus' });
        expect(shown.ok && shown.value.profile.pilot.env['A']).toBe(value);
      }),
      { numRuns: 30 },
    );
  });
});
