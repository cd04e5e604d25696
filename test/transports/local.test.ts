import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLocal } from '../../src/transports/local.ts';
import { NeverStarted } from '../../src/transports/transport.ts';
import { finish, transportContract } from './contract.ts';

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

it('starts programs in a group of their own, which a ctrl-C at our terminal does not reach', async () => {
  const signal = new AbortController().signal;
  const ran = await finish(await openLocal(endpoint).spawn('echo $$; ps -o pgid= -p $$', { signal }), '');
  const [pid, group] = ran.stdout.toString().split('\n').map(Number);
  expect(group).toBe(pid);
});
