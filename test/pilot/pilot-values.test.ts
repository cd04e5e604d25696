import { describe, expect, it } from 'vitest';
import { type PilotInput, pilotValues } from '../../src/pilot/pilot-values.ts';

const input = (changes: Partial<PilotInput> = {}): PilotInput => ({
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
  ...{ cvmfs: 'auto', cvmfsOptions: null, gpus: false },
  ...changes,
});

describe('what a profile says of a pilot', () => {
  it('gives the guard and the container the same expression', () => {
    const result = pilotValues(input({ owners: ['a$b'] }));
    if (!result.ok) throw new Error('refused');
    expect(result.value.values.startExpression).toBe('(TARGET.Owner =?= "a$b")');
    expect(result.value.values.containerEnvironment).toContainEqual({
      name: 'GLIDEIN_Start_Extra',
      escaped: '(TARGET.Owner =?= "a\\$b")',
    });
    expect(result.value.words).toBe('only jobs of a$b');
  });

  it('has GPUs without PID namespaces for jobs, unless the user says otherwise', () => {
    const name = 'SINGULARITY_DISABLE_PID_NAMESPACES';
    const of = (changes: Partial<PilotInput>) => {
      const result = pilotValues(input(changes));
      if (!result.ok) throw new Error('refused');
      const { values, containers } = result.value;
      const variable = values.containerEnvironment.find((one) => one.name === name)?.escaped;
      return [values.gpus, variable, containers.includes('PID namespaces are off')];
    };
    expect(of({})).toEqual([false, undefined, false]);
    expect(of({ gpus: true })).toEqual([true, 'true', true]);
    expect(of({ gpus: true, env: { [name]: 'false' } })).toEqual([true, 'false', false]);
    expect(of({ env: { [name]: 'true' } })).toEqual([false, 'true', true]);
  });

  it.each([
    [{ owners: [] }, 'pilot.owners'],
    [{ walltimeSeconds: 60 }, 'scheduler.walltime'],
    [{ env: { TOKEN: 'x' } }, 'pilot.env.TOKEN'],
    [{ attributes: { START: true } }, 'pilot.attributes.START'],
    [{ startExtra: 'MyProject == "x"', attributes: { MyProject: 'x' } }, 'pilot.attributes.MyProject'],
    [{ binds: ['/x:/etc/osg'] }, 'pilot.binds'],
    [{ cvmfs: 'cvmfsexec' }, 'pilot.cvmfsOptions.repos'],
    [{ env: { CVMFSEXEC_REPOS: 'x.org' } }, 'pilot.env.CVMFSEXEC_REPOS'],
  ])('is refused for %j', (changes, key) => {
    expect(pilotValues(input(changes))).toMatchObject({
      ok: false,
      failure: { kind: 'value-refused', site: 'anvil', key },
    });
  });
});
