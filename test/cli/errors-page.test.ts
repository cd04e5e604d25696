import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { wordFailure } from '../../src/cli/failure-words.ts';
import type { ConnectStage, RefusalClass, TokenProblem } from '../../src/failure.ts';
import { errorsGuide } from '../support/errors-guide.ts';
import { errorsPage } from '../support/errors-page.ts';

const file = new URL('../../docs/errors.md', import.meta.url);

// Not a test of the project: `npm run docs` writes the page anew.
it.runIf(process.env['GLIDEIN_WRITE'] === 'docs')('docs/errors.md is written when GLIDEIN_WRITE=docs', () => {
  writeFileSync(file, errorsPage());
});

it('docs/errors.md says what the program says (else: npm run docs)', () => {
  expect(readFileSync(file, 'utf8')).toBe(errorsPage());
});

it('shows every face of the failures that have several', () => {
  const faces = (looks: readonly { when: string | null }[]) => looks.map(({ when }) => when);
  const tokens: Record<TokenProblem, true> = {
    missing: true,
    unreadable: true,
    'too-open': true,
    'not-a-token': true,
    expired: true,
    expiring: true,
  };
  const refusals: Record<RefusalClass, true> = { permanent: true, capacity: true, transient: true };
  const stages: Record<ConnectStage, true> = {
    configuration: true,
    resolve: true,
    connect: true,
    handshake: true,
    login: true,
    shell: true,
  };
  expect(faces(errorsGuide['token-unusable'].looks)).toEqual(Object.keys(tokens));
  expect(faces(errorsGuide['submit-refused'].looks)).toEqual(Object.keys(refusals));
  const stagesShown = faces(errorsGuide.unreachable.looks).map((face) => face?.replace(/,.*/, ''));
  expect([...new Set(stagesShown)]).toEqual(Object.keys(stages));
});

it('sends nobody to wait for a command that is not there', () => {
  const hint = (said: string) =>
    wordFailure({ kind: 'listing-incomplete', site: 'campus', command: 'bjobs -a', said }).hint;
  for (const said of ["env: 'bjobs': No such file or directory", 'sh: 1: qselect: not found']) {
    expect(hint(said)).toContain('glidein site set campus connection.prologue=…');
  }
  expect(hint('LSF is down')).toMatch(/^try again later; /);
});

it('types null for a key that is to be removed', () => {
  const hint = (reason: string) =>
    wordFailure({ kind: 'value-refused', site: 'campus', key: 'pilot.cvmfsOptions', reason }).hint;
  expect(hint('it has no effect while pilot.cvmfs is bind; remove it')).toBe(
    'glidein site set campus pilot.cvmfsOptions=null',
  );
  expect(hint('it is no repository')).toBe('glidein site set campus pilot.cvmfsOptions=…');
});

it('gives everybody but who interrupted a next step, and never two words for the same thing', () => {
  const looks = Object.values(errorsGuide).flatMap((guide) => guide.looks.map(({ failure }) => failure));
  for (const failure of looks) {
    const { message, hint } = wordFailure(failure);
    expect(message, failure.kind).not.toMatch(/undefined|null|\[object|^\s|\s$/);
    if (failure.kind === 'interrupted') expect(hint).toBeNull();
    else expect(hint, failure.kind).toMatch(/^(?!Type: |Try: )\S/);
  }
});
