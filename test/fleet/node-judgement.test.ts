import { describe, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import type { CheckStep, StepName } from '../../src/fleet/check-steps.ts';
import { nodeStepNames } from '../../src/fleet/check-steps.ts';
import { judgedNode } from '../../src/fleet/node-judgement.ts';
import type { SiteImage } from '../../src/fleet/site-image.ts';
import type { NodeFact } from '../../src/login/node-facts.ts';
import { exampleWith } from '../support/example-profile.ts';

/** What is made of what a job has found on a node. */

const nowSeconds = 1_700_000_000;

function profileWith(changes: Record<string, unknown>): Profile {
  const all = { 'image.remotePath': '~/pilot.sif', 'pilot.squid': 'squid.example.org:3128', ...changes };
  const profile = checkProfile(exampleWith(all), { site: 'campus', file: null });
  if (!profile.ok) throw new Error(JSON.stringify(profile.failure));
  return profile.value;
}

const fact = (status: number, said = ''): NodeFact => ({ status, said });
const good: Readonly<Record<string, NodeFact>> = {
  ...{
    node: fact(0, 'n1'),
    user: fact(0, 'ada'),
    root: fact(0, '1000'),
    marks: fact(0),
    logs: fact(0),
    image: fact(0),
  },
  ...{
    modules: fact(0, 'apptainer/1.3'),
    runtime: fact(0, 'apptainer version 1.4.5'),
    program: fact(0, '/usr/bin/apptainer'),
  },
  ...{ namespaces: fact(0), fuse: fact(0), container: fact(0), nested: fact(0, 'it starts') },
  ...{
    scratch: fact(0, '819200 xfs /local'),
    files: fact(0, '1048576'),
    cvmfs: fact(0),
    squid: fact(0, 'HTTP/1.1 400'),
  },
  ...{
    pool: fact(0, 'cm.example.org:9618'),
    registry: fact(0, 'hub.example.org:443'),
    clock: fact(0, String(nowSeconds)),
  },
};

const there: SiteImage = { kind: 'there', path: '~/pilot.sif' };

function steps(
  facts: Record<string, NodeFact | undefined> = {},
  changes: Record<string, unknown> = {},
  image: SiteImage = there,
) {
  const all = Object.entries({ ...good, ...facts }).flatMap(([name, one]) =>
    one === undefined ? [] : [[name, one] as const],
  );
  const seen = { profile: profileWith(changes), image, facts: new Map(all), readAtSeconds: nowSeconds };
  return new Map(judgedNode(seen).map((step) => [step.step, step]));
}
const inState = (found: Map<StepName, CheckStep>, ...states: CheckStep['state'][]) =>
  [...found.values()].filter(({ state }) => states.includes(state)).map(({ step }) => step);
const words = (found: Map<StepName, CheckStep>, step: StepName) => {
  const said = found.get(step)?.said;
  return said === undefined || 'failure' in said ? JSON.stringify(said) : said.message;
};

describe('what a job has found on a node', () => {
  it('is all well where nothing is wrong', () => {
    const found = steps();
    expect([...found.keys()]).toEqual(nodeStepNames.slice(1));
    expect(inState(found, 'failed', 'warning')).toEqual([]);
    expect(inState(found, 'skipped')).toEqual(['node-modules', 'node-gpus']);
    expect(words(found, 'node-runtime')).toBe('apptainer version 1.4.5, /usr/bin/apptainer');
    expect(words(found, 'node-scratch')).toBe('800.0 GB are free in /local (xfs)');
  });

  it.each<
    [string, StepName, 'failed' | 'warning', string, Record<string, NodeFact | undefined>, Record<string, unknown>?]
  >([
    ['root', 'node-user', 'failed', 'jobs run as root', { root: fact(1, '0') }],
    ['a user without a name', 'node-user', 'failed', '1000 has no name there', { user: fact(1, 'id: no') }],
    ['a clock behind', 'node-clock', 'warning', 'about 61 s behind', { clock: fact(0, String(nowSeconds - 61)) }],
    ['a clock ahead', 'node-clock', 'warning', 'about 3600 s ahead of', { clock: fact(0, String(nowSeconds + 3600)) }],
    ['marks', 'node-marks', 'failed', 'cannot be written to', { marks: fact(1, 'Read-only file system') }],
    ['no log directory', 'node-logs', 'failed', 'is not there', { logs: fact(2) }],
    ['another log directory', 'node-logs', 'failed', 'is another directory there', { logs: fact(3) }],
    ['no image', 'node-image', 'failed', '~/pilot.sif cannot be read there', { image: fact(1), container: fact(0) }],
    [
      'no module',
      'node-modules',
      'warning',
      'cannot be loaded there: b',
      { modules: fact(1, 'b') },
      { 'pilot.modules': ['a', 'b'] },
    ],
    ['no namespaces', 'node-userns', 'warning', 'No space left', { namespaces: fact(1, 'unshare: No space left') }],
    ['no fuse', 'node-fuse', 'warning', 'there is no /dev/fuse', { fuse: fact(2) }],
    ['a closed fuse', 'node-fuse', 'warning', 'you may not open', { fuse: fact(1) }],
    [
      'an image that does not start',
      'node-container',
      'failed',
      'does not start: FATAL',
      { container: fact(255, 'FATAL') },
    ],
    ['no nested container', 'node-nested', 'warning', '(no answer in time)', { nested: fact(124) }],
    ['no scratch', 'node-scratch', 'failed', 'mktemp: no', { scratch: fact(2, 'mktemp: no') }],
    ['too little scratch', 'node-scratch', 'failed', 'only 1.0 GB', { scratch: fact(0, '1023 xfs /local') }],
    ['little scratch', 'node-scratch', 'warning', 'only 1.0 GB', { scratch: fact(0, '1024 xfs /a b') }],
    ['remote scratch', 'node-scratch', 'warning', 'on a file server', { scratch: fact(0, '99999 nfs /home/ada') }],
    ['scratch in memory', 'node-scratch', 'warning', 'takes their memory', { scratch: fact(0, '99999 tmpfs /tmp') }],
    ['scratch that cannot be told', 'node-scratch', 'warning', 'nobody can tell', { scratch: fact(0, '- xfs /tmp') }],
    ['few files', 'node-files', 'warning', 'only 1024 open files', { files: fact(0, '1024') }],
    ['no CVMFS', 'node-cvmfs', 'warning', 'there is no /cvmfs', { cvmfs: fact(1) }],
    ['no CVMFS to bind', 'node-cvmfs', 'failed', 'there is no /cvmfs', { cvmfs: fact(1) }, { 'pilot.cvmfs': 'bind' }],
    [
      'a dead squid',
      'node-squid',
      'failed',
      'squid.example.org:3128 does not answer: no answer in time',
      { squid: fact(124) },
    ],
    [
      'no pool',
      'node-pool',
      'failed',
      'a pilot cannot join: cm:9618 (refused)',
      { pool: fact(1, 'cm:9618 (refused)') },
    ],
    [
      'no registry, where it matters little',
      'node-registry',
      'warning',
      'what jobs fetch',
      { registry: fact(1, 'h:443') },
    ],
    [
      'GPUs',
      'node-gpus',
      'failed',
      '2 were asked for, and 1 are there',
      { gpus: fact(0, '1 A100') },
      { 'scheduler.gpus': 2 },
    ],
  ])('is wrong in one step for %s', (_what, step, state, message, facts, changes = {}) => {
    const found = steps(facts, changes);
    expect(words(found, step)).toContain(message);
    expect(inState(found, 'failed', 'warning')).toEqual([step]);
    const one = found.get(step);
    expect(one?.state).toBe(state);
    expect(one !== undefined && 'hint' in one.said ? one.said.hint : null).toMatch(/\S/);
  });

  it('names the runtime alone where there is none, and the registry where each job would pull', () => {
    const bare = steps({ runtime: fact(127), program: undefined, container: undefined, nested: undefined });
    expect(inState(bare, 'failed', 'warning')).toEqual(['node-runtime']);
    for (const step of ['node-container', 'node-nested'] as const) expect(words(bare, step)).toBe('not tried');
    const pulling: SiteImage = { kind: 'pulled', uri: 'docker://x' };
    const unpulled = steps(
      { registry: fact(1, 'h:443'), image: undefined, container: undefined, nested: undefined },
      {},
      pulling,
    );
    expect(inState(unpulled, 'failed', 'warning')).toEqual(['node-registry']);
    expect(words(unpulled, 'node-container')).toBe('there is no image on the cluster to try it with');
  });

  it('says of an image of this machine that it may not have been sent', () => {
    const shipped = { source: '/here/x', directory: '/images', name: 'abc.sif', sha256: 'abc', bytes: 1 };
    const here: SiteImage = { kind: 'here', ...shipped, isFixed: true, calledBy: 'mine' };
    expect(words(steps({}, {}, here), 'node-image')).toBe('/images/abc.sif can be read');
    const missing = steps({ image: fact(1), container: undefined, nested: undefined }, {}, here);
    expect(inState(missing, 'failed', 'warning')).toEqual(['node-image']);
    expect(words(missing, 'node-image')).toBe('/images/abc.sif is not there yet, or nodes do not see it');
  });

  it('is no good news where the job did not say', () => {
    const seen = { profile: profileWith({}), image: there, facts: new Map<string, NodeFact>(), readAtSeconds: null };
    const found = judgedNode(seen).filter(({ state }) => state === 'ok');
    expect(found.map(({ step }) => step)).toEqual([]);
  });
});
