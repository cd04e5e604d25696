import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { siteRemove } from '../../src/commands/site-remove.ts';
import { useConfigDirectory } from '../support/config-directory.ts';

const config = useConfigDirectory();

describe('site remove', () => {
  it('removes the profile, in a dry run only says so', async () => {
    const file = config.write('sites/campus.json', '{');
    const remove = (dryRun: boolean) => siteRemove({ configDir: config.path, site: 'campus', dryRun });
    expect(await remove(true)).toEqual({ ok: true, value: { site: 'campus', file, dryRun: true } });
    expect(existsSync(file)).toBe(true);
    expect(await remove(false)).toEqual({ ok: true, value: { site: 'campus', file, dryRun: false } });
    expect(existsSync(file)).toBe(false);
    expect(await remove(false)).toMatchObject({ failure: { kind: 'profile-missing', site: 'campus' } });
  });
});
