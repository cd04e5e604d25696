import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { recordLsf } from '../support/record-lsf.ts';

// Not a test of the project: it writes recordings anew, and only when asked to, on an LSF that is somebody's.
const shell = process.env['GLIDEIN_RECORD_LSF'] ?? '';

it.runIf(shell !== '')(
  'recordings of LSF or OpenLava are made anew when GLIDEIN_RECORD_LSF names a program that runs USER sh -c LINE there',
  { timeout: 600_000 },
  async () => {
    const directory = await recordLsf(shell, 'test/schedulers/recordings');
    expect(await readdir(directory)).not.toHaveLength(0);
  },
);
