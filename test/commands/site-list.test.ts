import { describe, expect, it } from 'vitest';
import { siteList } from '../../src/commands/site-list.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';

const config = useConfigDirectory();

describe('site list', () => {
  it('of nothing is empty', async () => {
    expect(await siteList({ configDir: config.path })).toEqual({
      ok: true,
      value: { configDir: config.path, sites: [] },
    });
  });

  it('lists sites by name, and those that cannot be used with the reason', async () => {
    config.write('sites/b.json', JSON.stringify(exampleWith({ name: 'b', target: 4 })));
    config.write('sites/a.json', '{');
    config.write('sites/c.json', '{}');
    const report = await siteList({ configDir: config.path });
    expect(report.ok && report.value.sites).toEqual([
      { site: 'a', problem: expect.objectContaining({ kind: 'file-broken', line: 1 }) },
      { site: 'b', problem: null, host: 'login.example.org', scheduler: 'slurm', target: 4, owners: ['ada'] },
      { site: 'c', problem: expect.objectContaining({ kind: 'profile-invalid' }) },
    ]);
  });
});
