import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type ConnectLimit, startLimit } from '../../src/transports/connect-limit.ts';
import { recordingContext } from './contexts.ts';

const endpoint = { site: 'campus', host: 'h', user: null, port: null, identityFile: null, connectSeconds: 0.2 };
let limit: ConnectLimit;

afterEach(() => limit.end());

it('stops what waits when the time is over, and says at which stage', async () => {
  limit = startLimit(endpoint, () => 'ada@h:22', recordingContext());
  limit.stage = 'handshake';
  await sleep(350);
  expect(limit.signal.aborted).toBe(true);
  expect(limit.failure()).toEqual({
    kind: 'unreachable',
    site: 'campus',
    target: 'ada@h:22',
    stage: 'handshake',
    reason: expect.stringMatching(/handshake was not finished within 0.2 s$/),
  });
});

it('does not count the time of a person, and goes on counting after', async () => {
  limit = startLimit(endpoint, () => 'h', recordingContext());
  expect(await limit.person(() => sleep(400, 'answer'))).toBe('answer');
  expect(limit.signal.aborted).toBe(false);
  await sleep(350);
  expect(limit.signal.aborted).toBe(true);
});

it('tells an interrupt from the end of the time', () => {
  const interrupt = new AbortController();
  limit = startLimit(endpoint, () => 'h', recordingContext({ signal: interrupt.signal }));
  interrupt.abort();
  expect(limit.signal.aborted).toBe(true);
  expect(limit.failure()).toEqual({ kind: 'interrupted' });
});

it('never rings after its end', async () => {
  limit = startLimit(endpoint, () => 'h', recordingContext());
  const person = limit.person(() => sleep(50));
  limit.end();
  await person;
  await sleep(300);
  expect(limit.signal.aborted).toBe(false);
});
