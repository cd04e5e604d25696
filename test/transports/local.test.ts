import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLocal } from '../../src/transports/local.ts';
import { NeverStarted } from '../../src/transports/transport.ts';
import { transportContract } from './contract.ts';

const endpoint = { site: 'here', host: 'localhost', user: null, port: null, identityFile: null, connectSeconds: 5 };

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'glidein-local-'));
});
afterAll(() => rm(directory, { recursive: true }));

transportContract('local', async () => ({ directory, open: async () => openLocal(endpoint) }));

it('says why a command that cannot be passed on did not start', async () => {
  const signal = new AbortController().signal;
  const refused = await openLocal(endpoint)
    .spawn(': \0', { signal })
    .catch((reason: unknown) => reason);
  expect(refused).toBeInstanceOf(NeverStarted);
  expect(refused).toMatchObject({ failure: { kind: 'unreachable', stage: 'shell' } });
});
