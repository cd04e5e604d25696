import { describe, expect, it } from 'vitest';
import { attributesFile } from '../../src/pilot/attributes.ts';

const keyOf = (name: string, value: string | number | boolean, bareNames: readonly string[] = []) => {
  const result = attributesFile('anvil', { [name]: value }, bareNames);
  return result.ok || result.failure.kind !== 'value-refused' ? null : result.failure.key;
};

describe('the attributes file', () => {
  it('has a line for each, with text as ClassAd strings', () => {
    const attributes = { Rack: 'the "7th"', Floor: -2.5, HasWindow: true, My_Campus: 'ünï' };
    expect(attributesFile('anvil', attributes)).toEqual({
      ok: true,
      value: 'Rack = "the \\"7th\\""\nFloor = -2.5\nHasWindow = true\nMy_Campus = "ünï"\n',
    });
  });

  it('is empty without any', () => {
    expect(attributesFile('anvil', {})).toEqual({ ok: true, value: '' });
  });

  it.each([
    ...['START', 'Start', 'start', '_START', 'START_EXTRA', 'STARTD_ATTRS', 'STARTD_EXPRS', 'DAEMON_LIST', 'SUSPEND'],
    ...['PREEMPT', 'KILL', 'RANK', 'IS_OWNER', 'REQUIREMENTS', 'ALLOW_WRITE', 'DENY_READ', 'SEC_DEFAULT_ENCRYPTION'],
    ...[
      'WANT_SUSPEND',
      'CLAIM_WORKLIFE',
      'NUM_CPUS',
      'MEMORY',
      'SLOT1_STARTD_ATTRS',
      'SLOT_TYPE_1',
      'Slot7',
      'CONTINUE',
    ],
    ...['OSG_NODE_VALIDATED', 'GLIDEIN_ToRetire', 'IsBlackHole', 'OSG_PROJECT_RESTRICTION', 'MASTER', 'CONDOR_HOST'],
    ...[
      'My_Own_Attrs',
      'Owner',
      'ProjectName',
      'TARGET',
      'undefined',
      'is',
      'LOCAL_CONFIG_FILE',
      'SINGULARITY_START_CLAUSE',
    ],
    ...['PilotBatchId', '', '9X', 'A B', 'A=1', 'A\nSTART', 'Ä', 'x.y'],
  ])('refuses the name %s', (name) => {
    expect(keyOf(name, 1)).toBe(`pilot.attributes.${name}`);
  });

  it.each(['$(START)', '$$(x)', 'a\nSTART = True', 'back\\slash', '\ud800', 'x'.repeat(9_000), Number.NaN, 1 / 0])(
    'refuses the value %j',
    (value) => {
      expect(keyOf('Rack', value)).toBe('pilot.attributes.Rack');
    },
  );

  it('refuses a name by which the slot would answer for the job', () => {
    expect(keyOf('MyProject', 'x', ['myproject'])).toBe('pilot.attributes.MyProject');
  });
});
