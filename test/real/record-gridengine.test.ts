import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { recordGridengine } from '../support/record-gridengine.ts';

// Not a test of the project: it writes recordings anew, and only when asked to, on a Grid Engine that is somebody's.
const shell = process.env['GLIDEIN_RECORD_GRIDENGINE'] ?? '';

it.runIf(shell !== '')(
  'recordings of Grid Engine are made anew when GLIDEIN_RECORD_GRIDENGINE names a program that runs USER sh -c LINE there',
  { timeout: 600_000 },
  async () => {
    const directory = await recordGridengine(shell, 'test/schedulers/recordings');
    expect(await readdir(directory)).not.toHaveLength(0);
  },
);
