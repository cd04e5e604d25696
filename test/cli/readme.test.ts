import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasTerminals } from '../support/at-terminal.ts';
import {
  type Recordings,
  recordingNames,
  recordingsIn,
  withoutWhatVaries,
  withRecordings,
} from '../support/readme-recordings.ts';
import { makeRecordings } from '../support/terminal-recordings.ts';

const file = new URL('../../README.md', import.meta.url);
const readme = () => readFileSync(file, 'utf8');
const writes = process.env['GLIDEIN_WRITE'] === 'docs';

describe.runIf(hasTerminals || writes)('the recordings in README.md', () => {
  let now: Recordings;
  beforeAll(async () => {
    now = await makeRecordings();
  }, 120_000);

  // Not a test of the project: `npm run docs` writes them anew.
  it.runIf(writes)('are written when GLIDEIN_WRITE=docs', () => {
    writeFileSync(file, withRecordings(readme(), now));
  });

  it.each(recordingNames)('show what the program prints now (else: npm run docs): %s', (name) => {
    const there = recordingsIn(readme()).get(name) ?? '';
    expect(withoutWhatVaries(there)).toEqual(withoutWhatVaries(now[name]));
  });
});

it('README.md has every recording, and no other', () => {
  const there = recordingsIn(readme());
  expect([...there.keys()].sort()).toEqual([...recordingNames].sort());
  for (const [name, text] of there) expect(text, name).toMatch(/^\S.*\n/);
});

describe('two recordings', () => {
  const one =
    'campus: 101_0  running  node1  2s     in 11h 59m (11-21 03:10)\ncampus-zeut5bgsix, /tmp/glidein-demo-…/x';

  it('are the same where only times, tags, directories and the order differ', () => {
    const other =
      'campus-0123456789, /tmp/glidein-demo-…/x\ncampus: 101_0  running  node1  1m  in 1d 11h (12-31 00:00)';
    expect(withoutWhatVaries(other)).toEqual(withoutWhatVaries(one));
  });

  it.each(['running', 'campus: ', 'node1', ' in '])('differ where one has another word for %j', (word) => {
    expect(withoutWhatVaries(one.replace(word, ' other '))).not.toEqual(withoutWhatVaries(one));
  });
});
