import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type JobBed, makeJobBed } from '../support/job-bed.ts';

let bed: JobBed;
beforeEach(async () => {
  bed = await makeJobBed();
});
afterEach(async () => {
  // Whatever happened, the node is left as it was found.
  expect(await readdir(bed.scratch)).toEqual([]);
  await bed[Symbol.asyncDispose]();
});

describe('a pilot that runs to its end', () => {
  it('reaches the runscript, keeps its exit code and leaves its marks and its log', async () => {
    const ran = await bed.run(bed.values(), { STAND_IN_ACTS: 'echo some words; exit 7' });
    expect(ran).toMatchObject({ code: 7 });
    expect(await bed.mark('seen/anvil-0123456789.0')).toMatch(/^seen anvil-0123456789 0 4711 \S+ \d+ \.\n$/);
    expect(await bed.mark('ends/4711')).toMatch(/^end anvil-0123456789 0 7 exited \S+ \d+ \d+ \.\n$/);
    expect(await readFile(join(bed.logDir, '4711.log'), 'utf8')).toContain('some words\n');
  });
});
