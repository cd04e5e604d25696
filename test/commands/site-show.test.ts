import { describe, expect, it } from 'vitest';
import { siteShow } from '../../src/commands/site-show.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';

const config = useConfigDirectory();
const show = () => siteShow({ configDir: config.path, site: 'campus' });

describe('site show', () => {
  it('gives the checked profile and names the keys that are defaults', async () => {
    const raw = exampleWith({ target: 5, 'connection.timeouts': { list: 30 }, 'scheduler.queue': null });
    const file = config.write('sites/campus.json', JSON.stringify(raw));
    const report = await show();
    expect(report).toMatchObject({
      ok: true,
      value: { site: 'campus', file, profile: { target: 5, scheduler: { walltime: '24:00:00' } } },
    });
    const defaults = report.ok ? report.value.defaults : [];
    // What is written is no default, even where it says the same.
    for (const key of ['name', 'target', 'connection.timeouts.list', 'scheduler.queue', 'scheduler.walltime']) {
      expect(defaults).not.toContain(key);
    }
    for (const key of [
      'connection.timeouts.connect',
      'connection.remoteDir',
      'limits.maxPending',
      'pilot.env',
      'demand',
      'pilot.drainMinutes',
    ]) {
      expect(defaults).toContain(key);
    }
    expect(defaults).not.toContain('limits');
    expect(defaults).not.toContain('demand.host');
  });

  it('tells the mistakes of a profile that has some', async () => {
    config.write('sites/campus.json', JSON.stringify(exampleWith({ target: -1 })));
    expect(await show()).toMatchObject({
      failure: { kind: 'profile-invalid', site: 'campus', mistakes: [{ key: 'target' }] },
    });
  });
});
