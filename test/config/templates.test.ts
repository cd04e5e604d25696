import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTemplate } from '../../src/config/templates.ts';
import { useConfigDirectory } from '../support/config-directory.ts';

const config = useConfigDirectory();
const packageTemplates = resolve(import.meta.dirname, '../../templates');

describe('loadTemplate', () => {
  it("takes the package's templates where the user has none", async () => {
    const template = await loadTemplate(config.path, 'slurm');
    expect(template).toMatchObject({
      ok: true,
      value: {
        name: 'slurm.sh.hbs',
        source: 'package',
        file: join(packageTemplates, 'slurm.sh.hbs'),
        partials: {
          pilot: { source: 'package', file: join(packageTemplates, 'partials/pilot.sh.hbs') },
          cvmfs: { source: 'package', file: join(packageTemplates, 'partials/cvmfs.sh.hbs') },
        },
      },
    });
    expect(template.ok && template.value.text).toContain('#!');
    expect(template.ok && template.value.partials.pilot.text.length).toBeGreaterThan(100);
  });

  it("takes the user's own of the same name, each file for itself", async () => {
    const own = config.write('templates/slurm.sh.hbs', '#!/bin/bash\n# mine\n');
    const first = await loadTemplate(config.path, 'slurm');
    expect(first).toMatchObject({
      value: { source: 'user', file: own, text: '#!/bin/bash\n# mine\n', partials: { pilot: { source: 'package' } } },
    });
    const partial = config.write('templates/partials/pilot.sh.hbs', '# my pilot\n');
    const second = await loadTemplate(config.path, 'slurm');
    expect(second).toMatchObject({
      value: {
        partials: { pilot: { source: 'user', file: partial, text: '# my pilot\n' }, cvmfs: { source: 'package' } },
      },
    });
    const mounts = config.write('templates/partials/cvmfs.sh.hbs', '# my mounts\n');
    const third = await loadTemplate(config.path, 'slurm');
    expect(third).toMatchObject({
      value: { partials: { cvmfs: { source: 'user', file: mounts, text: '# my mounts\n' } } },
    });
  });

  it('takes an empty template of the user for what it is', async () => {
    config.write('templates/slurm.sh.hbs', '');
    expect(await loadTemplate(config.path, 'slurm')).toMatchObject({ value: { source: 'user', text: '' } });
  });

  it("fails rather than pass over the user's own when that cannot be used", async () => {
    const own = config.write('templates/slurm.sh.hbs', '');
    chmodSync(own, 0o666);
    expect(await loadTemplate(config.path, 'slurm')).toMatchObject({ failure: { kind: 'file-unusable', file: own } });
    mkdirSync(join(config.path, 'templates/pbs.sh.hbs'));
    expect(await loadTemplate(config.path, 'pbs')).toMatchObject({ failure: { kind: 'file-unusable' } });
  });

  it('says which file is missing', async () => {
    const file = join(packageTemplates, 'no-such.sh.hbs');
    expect(await loadTemplate(config.path, 'no-such')).toMatchObject({ failure: { kind: 'file-unusable', file } });
  });
});
