import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PilotInput, pilotValues } from '../../src/pilot/pilot-values.ts';
import { makeJobBed, projectTemplates } from '../support/job-bed.ts';
import { renderScript } from '../support/render-script.ts';
import { run } from '../support/run-program.ts';

/** Text that shells, templates, ClassAds and config files have each been known to read as their own. */
const hostileText = fc.oneof(
  fc.constantFrom(
    ...[
      "'",
      '"',
      '\\',
      '\\\\',
      '$(touch owned)',
      '`touch owned`',
      '$HOME',
      '$\u007bHOME}',
      '$((1+1))',
      '{{site}}',
      '{{{q x}}}',
    ],
    ...[
      '; touch owned',
      '& touch owned',
      '| cat',
      '> owned',
      '\\$(touch owned)',
      '!!',
      '~root',
      '*',
      '?',
      '[a]',
      '{a,b}',
    ],
    ...['#SBATCH --array=0-9', '%s%n', '-n', '--', 'ünï ☃ 𝄞', "'\"'\"'", '\n', '\r\n', '\t', '\u001b[31m', '=', ' x '],
    'x'.repeat(10_000),
    '\'"\\$`'.repeat(2_000),
  ),
  fc.string({ unit: fc.constantFrom(...'\'"\\$`(){}[]<>|&;#!~*?=@ \n\tax1,:é☃') }),
  fc.string({ unit: 'grapheme' }),
);

const input = (changes: Partial<PilotInput>): PilotInput => ({
  ...{
    site: 'anvil',
    owners: ['ada'],
    projects: [],
    startExtra: null,
    anyOwner: false,
    pilotSite: 'Anvil',
    resource: 'Anvil-1',
  },
  ...{ walltimeSeconds: 86_400, drainMinutes: 60, idleMinutes: 30, squid: null, env: {}, attributes: {}, binds: [] },
  ...{ cvmfs: 'none', cvmfsOptions: null, gpus: false },
  ...changes,
});

describe('a hostile value in the profile', () => {
  it('reaches the container exactly, or is refused', async () => {
    await using bed = await makeJobBed();
    let carried = 0;
    const property = fc.asyncProperty(
      ...[hostileText, hostileText, hostileText, hostileText, hostileText],
      async (owner, project, variable, attribute, moduleName) => {
        const changes = [
          { owners: [owner] },
          { projects: [project] },
          { startExtra: project },
          { env: { SOME_VALUE: variable } },
          { attributes: { Rack: attribute } },
        ];
        // Each alone decides whether it is refused; those that are not travel together.
        const accepted = changes.filter((change) => pilotValues(input(change)).ok);
        const pilot = pilotValues(input(Object.assign({}, ...accepted)));
        if (!pilot.ok) throw new Error(JSON.stringify(pilot.failure));
        const modules = /\p{Cc}/u.test(moduleName) ? [] : [moduleName];
        const ran = await bed.run(bed.values({ ...pilot.value.values, modules }));
        expect(ran).toMatchObject({ code: 0 });
        const inside = await bed.environment('inner-env');
        expect(inside.get('GLIDEIN_Start_Extra')).toBe(pilot.value.values.startExpression);
        if (accepted.some((change) => change.env !== undefined)) expect(inside.get('SOME_VALUE')).toBe(variable);
        const attributes = await readFile(join(bed.report, 'attributes'), 'utf8');
        expect(attributes.startsWith(`${pilot.value.values.attributes}PilotBatchId = `)).toBe(true);
        expect(await readdir(bed.root, { recursive: true })).not.toContain('owned');
        carried += accepted.length;
      },
    );
    await fc.assert(property, { numRuns: 25 });
    expect(carried).toBeGreaterThan(25);
  });

  it('names the directories and the image it names, or is refused', async () => {
    const pathName = hostileText
      .map((text) => text.replaceAll(/[/\0]/g, '').slice(0, 80))
      .filter((text) => text !== '' && text !== '.' && text !== '..' && Buffer.byteLength(text) < 200);
    await fc.assert(
      fc.asyncProperty(pathName, async (name) => {
        await using bed = await makeJobBed();
        const jobDir = join(bed.root, name);
        const image = join(bed.root, `${name}.sif`);
        const values = bed.values({ jobDir, image, logDir: join(jobDir, 'logs') });
        if (!renderScript(await projectTemplates('slurm.sh.hbs'), values).ok) return;
        await rename(bed.jobDir, jobDir);
        await rename(join(bed.root, 'image.sif'), image);
        expect(await bed.run(values)).toMatchObject({ code: 0 });
        expect(await readdir(join(jobDir, 'ends'))).toEqual(['4711']);
        expect(await readdir(join(jobDir, 'logs'))).toEqual(['4711.log']);
        const argv = (await readFile(join(bed.report, 'argv'), 'utf8')).split('\0');
        expect(argv.at(-4)).toBe(image);
      }),
      { numRuns: 12 },
    );
  });

  it('gives a script that bash can read, or none', async () => {
    const templates = await projectTemplates('slurm.sh.hbs');
    await using bed = await makeJobBed();
    const file = join(bed.root, 'script.sh');
    await mkdir(join(bed.root, 'empty'));
    await fc.assert(
      fc.asyncProperty(hostileText, async (text) => {
        const values = bed.values({
          ...{ image: text, modules: [text], runtime: text, scratch: text, cvmfs: text },
          ...{ jobDir: `~/${text}`, logDir: text, startExpression: text, attributes: text, condorNames: text },
          ...{ cvmfsBrought: true, cvmfsProxy: text, cvmfsCache: text, cvmfsLogs: text, cvmfsDistribution: text },
          binds: [{ source: text, target: text }],
        });
        const rendered = renderScript(templates, values);
        if (!rendered.ok) return;
        await writeFile(file, rendered.value);
        expect(await run('bash', ['-n', file])).toMatchObject({ code: 0, stderr: '' });
      }),
      { numRuns: 60 },
    );
  });
});
