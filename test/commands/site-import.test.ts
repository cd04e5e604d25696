import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { siteImport } from '../../src/commands/site-import.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleProfile, exampleWith } from '../support/example-profile.ts';

const config = useConfigDirectory();

const importText = (text: string, dryRun = false) => siteImport({ configDir: config.path, file: '-', text, dryRun });

const stored = () => join(config.path, 'sites/campus.json');
const storedProfile = () => JSON.parse(readFileSync(stored(), 'utf8'));

describe('site import', () => {
  it('writes a profile as it is written, without defaults, and says that it is new', async () => {
    const report = await importText(JSON.stringify(exampleWith({ target: 2 })));
    expect(report).toEqual({ ok: true, value: { site: 'campus', file: stored(), outcome: 'created', dryRun: false } });
    expect(storedProfile()).toEqual(exampleWith({ target: 2 }));
    expect(statSync(stored()).mode & 0o777).toBe(0o600);
  });

  it('replaces the whole profile of the same site', async () => {
    await importText(JSON.stringify(exampleWith({ target: 2, 'pilot.env': { A: 'b' } })));
    const report = await importText(JSON.stringify(exampleProfile()));
    expect(report).toMatchObject({ ok: true, value: { outcome: 'replaced' } });
    expect(storedProfile()).toEqual(exampleProfile());
  });

  it('reads a file, also one that begins with a byte order mark', async () => {
    const file = config.write('from.json', `\uFEFF${JSON.stringify(exampleProfile())}`);
    expect(await siteImport({ configDir: config.path, file, text: null, dryRun: false })).toMatchObject({ ok: true });
    expect(storedProfile()).toEqual(exampleProfile());
  });

  it('says that there is no such file', async () => {
    const file = join(config.path, 'none.json');
    const failure = { kind: 'file-unusable', file, reason: 'there is no such file' };
    expect(await siteImport({ configDir: config.path, file, text: null, dryRun: false })).toEqual({
      ok: false,
      failure,
    });
  });

  it('tells all mistakes at once and writes nothing', async () => {
    await importText(JSON.stringify(exampleProfile()));
    const before = readFileSync(stored(), 'utf8');
    const report = await importText(
      JSON.stringify(exampleWith({ target: -1, 'pilot.owner': ['ada'], 'pilot.owners': [] })),
    );
    expect(report).toMatchObject({ failure: { kind: 'profile-invalid', site: null, file: '-' } });
    const mistakes = !report.ok && report.failure.kind === 'profile-invalid' ? report.failure.mistakes : [];
    expect(mistakes.map(({ key }) => key).sort()).toEqual(['pilot.owner', 'pilot.owners', 'target']);
    expect(readFileSync(stored(), 'utf8')).toBe(before);
  });

  it('names the line where text is no JSON', async () => {
    expect(await importText('{\n"name": campus\n}')).toMatchObject({
      failure: { kind: 'file-broken', file: '-', line: 2 },
    });
    expect(existsSync(config.path)).toBe(false);
  });

  it('does not write over a broken file', async () => {
    await importText(JSON.stringify(exampleProfile()));
    writeFileSync(stored(), '{"half":');
    expect(await importText(JSON.stringify(exampleProfile()))).toMatchObject({
      failure: { kind: 'file-broken', file: stored() },
    });
    expect(readFileSync(stored(), 'utf8')).toBe('{"half":');
  });

  it('writes nothing in a dry run, and says what it would do', async () => {
    const text = JSON.stringify(exampleProfile());
    expect(await importText(text, true)).toMatchObject({ value: { outcome: 'created', dryRun: true } });
    expect(existsSync(config.path)).toBe(false);
    await importText(text);
    expect(await importText(JSON.stringify(exampleWith({ target: 9 })), true)).toMatchObject({
      value: { outcome: 'replaced' },
    });
    expect(storedProfile()).toEqual(exampleProfile());
  });

  it.each(['../campus', 'a/b', '/etc/x'])('never makes a path of the name %j', async (name) => {
    expect(await importText(JSON.stringify(exampleWith({ name })))).toMatchObject({
      failure: { kind: 'profile-invalid' },
    });
    expect(existsSync(config.path)).toBe(false);
  });
});
