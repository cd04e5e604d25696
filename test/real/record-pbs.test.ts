import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { recordPbs } from '../support/record-pbs.ts';

// Not a test of the project: it writes recordings anew, and only when asked to, on a PBS that is somebody's.
const shell = process.env['GLIDEIN_RECORD_PBS'] ?? '';

it.runIf(shell !== '')(
  'recordings of PBS are made anew when GLIDEIN_RECORD_PBS names a program that runs USER sh -c LINE there',
  { timeout: 600_000 },
  async () => {
    const directory = await recordPbs(shell, 'test/schedulers/recordings');
    expect(await readdir(directory)).not.toHaveLength(0);
  },
);
