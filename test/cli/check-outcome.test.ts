import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkOutcome } from '../../src/cli/check-outcome.ts';
import { failed, ok } from '../../src/failure.ts';
import { broken, type CheckStep, doubtful, fine, inOrder, later, wrong } from '../../src/fleet/check-steps.ts';

const printing = { json: false, quiet: false, verbose: false, color: false, unicode: true, columns: null };

function outcome(...found: CheckStep[]) {
  const made = checkOutcome(ok({ site: 'campus', steps: inOrder(found, { node: false }) }));
  if (!made.ok) throw new Error('a report is an outcome');
  return made.value;
}
const profile: CheckStep = { step: 'profile', seconds: null, ...fine('slurm') };
const lock: CheckStep = { step: 'lock', seconds: 1.04, ...doubtful('slow', 'wait') };
const busy: CheckStep = { step: 'space', seconds: null, ...later('full', 'make room') };
const image: CheckStep = { step: 'image', seconds: 0.2, ...wrong('gone', 'put it there') };

describe('check', () => {
  it('shows each step with its mark and time, what to type, and what was not tried', () => {
    expect(outcome(profile, lock, image).text(printing)).toBe(
      [
        '✓ profile             slurm',
        '! lock         1.0 s  slow',
        '    next: wait',
        '✗ image        0.2 s  gone',
        '    next: put it there',
        'not tried: token, job, transport, name, port, host-key, login, shell, start-up, clock, directories, space, scheduler, listing, queue, account, cores, runtime, cvmfs, outbound, addresses',
        'campus: 1 step failed; 1 warning',
      ].join('\n'),
    );
    expect(outcome(profile, lock).text({ ...printing, unicode: false })).toContain(
      'warning lock         1.0 s  slow\n',
    );
  });

  it('ends with 0 for warnings, 3 for what may be better later, and 2 above that', () => {
    expect(outcome(profile, lock).exitCode).toBe(0);
    expect(outcome(profile, busy).exitCode).toBe(3);
    expect(outcome(profile, busy, image).exitCode).toBe(2);
    const unreachable = { kind: 'unreachable', site: 'campus', target: 'x', stage: 'resolve', reason: 'none' } as const;
    expect(outcome({ step: 'name', seconds: null, ...broken(unreachable) }).exitCode).toBe(3);
  });

  it('is one object as JSON, a failure in the words of all failures', () => {
    const missing: CheckStep = {
      ...{ step: 'profile', seconds: null },
      ...broken({ kind: 'profile-missing', site: 'campus', known: [] }),
    };
    expect(outcome(missing).json).toMatchObject({
      site: 'campus',
      steps: expect.arrayContaining([
        {
          ...{ step: 'profile', state: 'failed', seconds: null },
          ...{
            message: 'there is no site campus; none has a profile yet',
            hint: 'glidein init campus   (or: glidein site import FILE)',
          },
        },
        { step: 'lock', state: 'skipped', seconds: null, message: 'not tried', hint: null },
      ]),
    });
  });

  it('lets no words of the site steer the terminal, and hands on a failure', () => {
    const evil = `x${String.fromCharCode(27)}[2J`;
    expect(outcome({ step: 'start-up', seconds: null, ...doubtful(evil) }).text(printing)).not.toContain(evil);
    expect(checkOutcome(failed({ kind: 'interrupted' }))).toEqual(failed({ kind: 'interrupted' }));
  });
});

it('has the steps of a node behind all others, and only where one was asked for', () => {
  const names = (node: boolean) => inOrder([], { node }).map(({ step }) => step);
  const without = names(false);
  expect(without.filter((step) => step.startsWith('node'))).toEqual([]);
  expect(names(true).slice(0, without.length)).toEqual(without);
  const page = readFileSync(new URL('../../docs/design.md', import.meta.url), 'utf8');
  const [, documented = ''] = /^`check --json`.* in the order (.*); `state` is/m.exec(page) ?? [];
  expect([...documented.matchAll(/`([a-z-]+)`/g)].map(([, step]) => step).filter((step) => step !== '--node')).toEqual(
    names(true),
  );
});
