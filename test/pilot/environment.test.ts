import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerEnvironment, escapeForRuntime, type PilotSettings } from '../../src/pilot/environment.ts';
import { run } from '../support/run-program.ts';

const settings = (changes: Partial<PilotSettings> = {}): PilotSettings => ({
  ...{ site: 'anvil', pilotSite: 'Purdue Anvil', resource: 'Anvil-1', expression: '(TARGET.Owner =?= "$ada")' },
  ...{ acceptHours: 23, retireHours: 1, idleMinutes: 30, squid: null, gpus: false, env: {} },
  ...changes,
});

function refusalOf(changes: Partial<PilotSettings>): string | null {
  const result = containerEnvironment(settings(changes));
  return result.ok || result.failure.kind !== 'value-refused' ? null : result.failure.key;
}

describe('the environment of the container', () => {
  it('is what the image asks for, escaped once', () => {
    expect(containerEnvironment(settings({ squid: 'http://squid.example.org:3128', env: { FOO: 'a`b' } }))).toEqual({
      ok: true,
      value: {
        variables: [
          { name: 'GLIDEIN_Site', escaped: 'Purdue Anvil' },
          { name: 'GLIDEIN_ResourceName', escaped: 'Anvil-1' },
          { name: 'GLIDEIN_Start_Extra', escaped: '(TARGET.Owner =?= "\\$ada")' },
          { name: 'GLIDEIN_RANDOMIZE_NAME', escaped: 'true' },
          { name: 'ACCEPT_JOBS_FOR_HOURS', escaped: '23' },
          { name: 'RETIREMENT_HOURS', escaped: '1' },
          { name: 'ACCEPT_IDLE_MINUTES', escaped: '30' },
          { name: 'OSG_SQUID_LOCATION', escaped: 'http://squid.example.org:3128' },
          { name: 'FOO', escaped: 'a\\`b' },
        ],
        condorNames: '',
      },
    });
  });

  it.each([
    ...['GLIDEIN_Start_Extra', 'glidein_start_extra', 'GLIDEIN_Site', 'ACCEPT_JOBS_FOR_HOURS', 'RETIREMENT_HOURS'],
    ...['NUM_CPUS', 'MEMORY', 'OSG_PROJECT_NAME', 'OSG_PROJECT_RESTRICTION', 'TOKEN', 'Token', 'EXTRA_JOB_ENV'],
    ...['_CONDOR_START', '_condor_start', '_CONDOR_START_EXTRA', '_CONDOR_STARTD_ATTRS', '_CONDOR_STARTD_ENVIRONMENT'],
    ...['_CONDOR_LOCAL_CONFIG_FILE', '_CONDOR_DAEMON_LIST', '_CONDOR_SLOT_TYPE_1_START', '_CONDOR_', '_Condor_MASTER'],
    ...[
      'APPTAINER_BIND',
      'APPTAINERENV_X',
      'SINGULARITY_NO_EVAL',
      'SINGULARITYENV_GLIDEIN_Start_Extra',
      'apptainer_bind',
    ],
    ...['PATH', 'HOME', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'BASH_ENV', 'ENV', 'PS4', 'IFS', 'SHELLOPTS', 'PYTHONPATH'],
    ...['UID', 'PREPEND_PATH', 'CONDOR_CONFIG', 'PILOT_CONFIG_FILE', 'LOCAL_DIR', 'job_env', 'glidein_variables'],
    ...['', '1X', 'A B', 'A=B', 'A-B', 'Ä', '__proto__ '],
  ])('refuses a variable of the name %s', (name) => {
    expect(refusalOf({ env: { [name]: 'x' } })).toBe(`pilot.env.${name}`);
  });

  it.each([
    ...['FOO', 'POOL', 'CONDOR_HOST', 'CCB_RANGE_LOW', 'SINGULARITY_BIND_EXTRA', 'SINGULARITY_DISABLE_PID_NAMESPACES'],
    ...['GLIDEIN_DEBUG_OUTPUT', 'OSG_DEFAULT_CONTAINER_DISTRIBUTION', 'http_proxy', '_CONDOR_NETWORK_INTERFACE', 'ITB'],
    ...['_CONDOR_DISK', '_CONDOR_STARTD_DEBUG'],
  ])('takes a variable of the name %s', (name) => {
    expect(refusalOf({ env: { [name]: '10.0.0.1 50%__x:8' } })).toBeNull();
  });

  it('tells the guard which settings of HTCondor are meant', () => {
    const result = containerEnvironment(settings({ env: { A: '1', _CONDOR_DISK: '2', _CONDOR_ALL_DEBUG: '3' } }));
    expect(result).toMatchObject({ value: { condorNames: '_CONDOR_DISK _CONDOR_ALL_DEBUG' } });
  });

  it.each([
    ['FOO', 'a\nb'],
    ['FOO', 'a\0b'],
    ['FOO', '\ud800'],
    ['FOO', 'x'.repeat(40_000)],
    ['POOL', '$(cat)'],
    ['POOL', 'a\\'],
    ['CONDOR_HOST', "'); import os"],
    ['OSG_SITE_NAME', '"'],
    ['_CONDOR_DISK', '$(START)'],
  ])('refuses the value of %s when it is %j', (name, value) => {
    expect(refusalOf({ env: { [name]: value } })).toBe(`pilot.env.${name}`);
  });

  it.each([
    [{ pilotSite: 'a"b' }, 'pilot.site'],
    [{ resource: '$(x)' }, 'pilot.resource'],
    [{ squid: 'http://x"$(id)"' }, 'pilot.squid'],
    [{ idleMinutes: 0 }, 'pilot.idleMinutes'],
  ])('refuses %j', (changes, key) => {
    expect(refusalOf(changes)).toBe(key);
  });
});

describe('the escaping', () => {
  it('survives one evaluation inside double quotes, as the runtime does it', async () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'\\$`"\'(){}!~ ab\n') }),
      fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 40 }), async (values) => {
        // The runtime puts a backslash before each double quote and evaluates the rest between double quotes.
        const program = values.map((_, index) => `eval "x=\\"$V${index}\\""; printf '%s\\0' "$x"`).join('\n');
        const env = Object.fromEntries(
          values.map((value, index) => [`V${index}`, escapeForRuntime(value).replaceAll('"', '\\"')]),
        );
        for (const shell of ['sh', 'bash']) {
          const ran = await run(shell, ['-c', program], { env: { PATH: '/usr/bin:/bin', ...env } });
          expect(ran.stdout.split('\0').slice(0, -1)).toEqual(values);
        }
      }),
      { numRuns: 20 },
    );
  });
});
