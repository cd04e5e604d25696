import { describe, expect, it } from 'vitest';
import type { ConnectStage, Failure } from '../../src/failure.ts';
import type { StepName } from '../../src/fleet/check-steps.ts';
import { type Journey, journeySteps } from '../../src/fleet/journey.ts';

/** The steps of one connection, told from where it failed. */

const whole: Journey = {
  choice: { chosen: 'ssh2', why: 'campus is not this machine' },
  began: { connect: 1000, handshake: 1500, hello: 2500 },
  ...{ answeredAt: 3000, wasOpen: false, target: 'ada@login.example.org:22', failure: null },
};
const states = (journey: Partial<Journey>) =>
  Object.fromEntries(journeySteps({ ...whole, ...journey }).map(({ step, state }) => [step, state]));
const unreachable = (stage: ConnectStage): Failure => ({
  ...{ kind: 'unreachable', site: 'campus', target: 'login', stage, reason: 'none' },
});

describe('the way to a login host', () => {
  it('is well when a shell answers, with the time of the port and of the login', () => {
    expect(journeySteps(whole).map(({ step, state, seconds }) => [step, state, seconds])).toEqual([
      ['transport', 'ok', null],
      ['name', 'ok', null],
      ['port', 'ok', 0.5],
      ['host-key', 'ok', null],
      ['login', 'ok', 1],
    ]);
  });

  it.each([
    ['configuration', 'transport', []],
    ['resolve', 'name', ['transport']],
    ['connect', 'port', ['transport', 'name']],
    ['handshake', 'host-key', ['transport', 'name', 'port']],
    ['login', 'login', ['transport', 'name', 'port', 'host-key']],
  ] as const)('that fails at the stage %s fails in the step %s', (stage, step, passed) => {
    const found = states({ failure: unreachable(stage), answeredAt: null, began: { connect: 1000 } });
    const named = (state: string): string[] => Object.keys(found).filter((name) => found[name] === state);
    expect(named('failed')).toEqual([step] satisfies StepName[]);
    expect(named('ok')).toEqual(passed);
  });

  it('that ends in a shell which does not answer is well up to there', () => {
    const failure: Failure = { kind: 'login-host-unusable', site: 'campus', what: 'no shell answered', said: '' };
    expect(new Set(Object.values(states({ failure, answeredAt: null })))).toEqual(new Set(['ok']));
  });

  it('is not said to be well where an earlier try keeps this one from being made', () => {
    const failure: Failure = { kind: 'login-needed', site: 'campus', target: 'login', why: 'refused' };
    expect(states({ failure, began: {}, answeredAt: null })).toEqual({
      ...{ transport: 'ok', name: 'skipped', port: 'skipped', 'host-key': 'skipped', login: 'failed' },
    });
  });

  it('has nothing to try where the connection was open before, or the host is this machine', () => {
    const skipped = { transport: 'ok', name: 'skipped', port: 'skipped', 'host-key': 'skipped' };
    expect(states({ wasOpen: true })).toEqual({ ...skipped, login: 'ok' });
    expect(states({ choice: { chosen: 'local', why: 'so' } })).toEqual({ ...skipped, login: 'skipped' });
  });
});
