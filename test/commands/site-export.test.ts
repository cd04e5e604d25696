import { describe, expect, it } from 'vitest';
import { siteExport } from '../../src/commands/site-export.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleProfile } from '../support/example-profile.ts';

const config = useConfigDirectory();

describe('site export', () => {
  it('gives what is written and no defaults', async () => {
    const file = config.write('sites/campus.json', JSON.stringify(exampleProfile()));
    const report = await siteExport({ configDir: config.path, site: 'campus' });
    expect(report).toEqual({ ok: true, value: { site: 'campus', file, raw: exampleProfile() } });
  });

  it('gives a profile with mistakes too, and says when there is none', async () => {
    config.write('sites/campus.json', '{"target": -1}');
    expect(await siteExport({ configDir: config.path, site: 'campus' })).toMatchObject({
      value: { raw: { target: -1 } },
    });
    expect(await siteExport({ configDir: config.path, site: 'x' })).toMatchObject({
      failure: { kind: 'profile-missing', known: ['campus'] },
    });
  });
});
