import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { keysKnownFor } from '../../src/transports/known-hosts.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { run } from '../support/run-program.ts';

const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ0lV4na3zA0pcKJqeE7FhPeYWPr1WpMHBRTMOtRh1nU';
const piece = fc.constantFrom('a', 'b', 'login', '.', '*', '?', '-', '1', 'A', '.example.org', '[login]:2222');
const pattern = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
const names = fc
  .array(fc.tuple(fc.constantFrom('', '', '', '!'), pattern), { minLength: 1, maxLength: 3 })
  .map((patterns) => patterns.map((one) => one.join('')).join(','));
const line = fc.tuple(fc.constantFrom('', '', '@revoked ', '@cert-authority ', '# '), names);
const hosts = ['a', 'login', 'login.example.org', '[login]:2222', 'ab1'];

describeOnCluster('known-hosts files', (cluster) => {
  it('say of a host what ssh-keygen -F finds', { timeout: 120_000 }, async () => {
    const directory = mkdtempSync(join(cluster.prefix, 'known-hosts-'));
    const file = join(directory, 'known_hosts');
    let found = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(...hosts),
        async (lines, host) => {
          const text = lines.map(([mark, patterns]) => `${mark}${patterns} ssh-ed25519 ${key}\n`).join('');
          writeFileSync(file, text);
          const { stdout } = await run('ssh-keygen', ['-F', host, '-f', file]);
          const theirs = [...stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map((match) => Number(match[1]));
          expect(keysKnownFor(host, text, file).map((one) => one.line)).toEqual(theirs);
          found += theirs.length;
        },
      ),
      { numRuns: 150 },
    );
    expect(found).toBeGreaterThan(20);
    rmSync(directory, { recursive: true });
  });
});
