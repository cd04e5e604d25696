import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkProfile } from '../../src/config/schema.ts';
import type { Ask } from '../../src/context.ts';
import { loginBrake } from '../../src/fleet/login-memory.ts';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';
import { recordingContext } from '../transports/contexts.ts';

const config = useConfigDirectory();
let now = 0;
beforeEach(() => {
  now = Date.UTC(2026, 10, 20, 4, 5);
});

const context = { ...recordingContext(), now: () => now };
const dropped = { kind: 'dropped', reason: 'closed by the server' } as const;
const refused = { kind: 'refused', reason: 'the server accepts no key of ours', person: null } as const;
const loggedIn = { kind: 'logged in', person: null } as const;

/** A process of its own, as far as the memory is concerned. */
function brake(changes: Record<string, unknown> = {}, byPerson = false, ask: Ask | null = null) {
  const parsed = checkProfile(exampleWith(changes), { site: 'campus', file: null });
  if (!parsed.ok) throw new Error('no profile');
  return loginBrake(parsed.value, config.path, { byPerson }, { ...context, ask });
}

/** One try of a process that ends so; null when it was held back before. */
async function tryOnce(end: Parameters<ReturnType<typeof brake>['learn']>[0], changes = {}, byPerson = false) {
  const one = brake(changes, byPerson);
  const held = await one.holds();
  if (held === null) await one.learn(end);
  return held;
}

const files = () => readdirSync(join(config.path, 'logins')).filter((name) => name.endsWith('.json'));

it('holds nobody up where nothing has failed, and keeps no file of it', async () => {
  expect(await tryOnce(loggedIn)).toBeNull();
  expect(existsSync(config.path)).toBe(false);
});

describe('after a dropped handshake', () => {
  it('there is none for 10 s, twice as long after each further one, and 10 minutes at most', async () => {
    for (const seconds of [10, 20, 40, 80, 160, 320, 600, 600]) {
      expect(await tryOnce(dropped)).toBeNull();
      now += seconds * 1000 - 1;
      const reason = expect.stringMatching(/closed by the server.* may be made in 1 s/);
      expect(await tryOnce(dropped)).toMatchObject({ kind: 'unreachable', stage: 'handshake', reason });
      now += 1;
    }
  });

  it('a good one lets it begin anew', async () => {
    await tryOnce(dropped);
    now += 10_000;
    await tryOnce(dropped);
    now += 20_000;
    await tryOnce(loggedIn);
    expect(files()).toEqual([]);
    await tryOnce(dropped);
    now += 10_000;
    expect(await brake().holds()).toBeNull();
  });

  it('the same host, port and user is meant, by whatever transport and key, and a person too', async () => {
    await tryOnce(dropped);
    expect(await brake({ 'connection.transport': 'openssh', 'connection.identityFile': '/k' }).holds()).not.toBeNull();
    expect(await brake({}, true).holds()).not.toBeNull();
    expect(await brake({ 'connection.port': 2222 }).holds()).toBeNull();
    expect(await brake({ 'connection.user': 'bob' }).holds()).toBeNull();
  });

  it('a clock that was set back keeps nobody out', async () => {
    await tryOnce(dropped);
    now -= 3600_000;
    expect(await brake().holds()).toBeNull();
  });
});

describe('after a refused login', () => {
  it('nobody but a person tries again, however long it is', async () => {
    await tryOnce(refused);
    now += 30 * 24 * 3600_000;
    const why = expect.stringMatching(/refused \(2026-11-20T04:05:00.000Z: the server accepts no key of ours\)/);
    expect(await brake().holds()).toMatchObject({ kind: 'login-needed', site: 'campus', why });
    expect(await brake({}, true).holds()).toBeNull();
  });

  it('a good login of a person ends it', async () => {
    await tryOnce(refused);
    await tryOnce(loggedIn, {}, true);
    expect(await brake().holds()).toBeNull();
    expect(files()).toEqual([]);
  });

  it('a profile that connects in another way is tried, one that differs elsewhere is not', async () => {
    await tryOnce(refused);
    expect(await brake({ 'connection.identityFile': '/k' }).holds()).toBeNull();
    expect(await brake({ 'connection.transport': 'openssh' }).holds()).toBeNull();
    expect(await brake({ target: 7, 'connection.loginShell': false }).holds()).not.toBeNull();
  });
});

describe('a login that took a person', () => {
  const person = { what: 'a code', remedy: 'glidein site set campus connection.transport=openssh' };
  const somebody: Ask = async () => null;

  it('is not tried by who can ask nobody, and says what to do; who can ask may', async () => {
    await tryOnce({ kind: 'logged in', person }, {}, true);
    const why = expect.stringMatching(/a person logged in before \(2026-11-20T04:05:00.000Z: it took a code\)/);
    expect(await brake().holds()).toMatchObject({ kind: 'login-needed', why, hint: person.remedy });
    expect(await brake({}, false, somebody).holds()).toBeNull();
    expect(await brake({}, true).holds()).toBeNull();
    expect(await brake({ 'connection.transport': 'openssh' }).holds()).toBeNull();
  });

  it('ends a refusal, and is forgotten after one that took nobody', async () => {
    await tryOnce(refused);
    expect(await brake({}, false, somebody).holds()).not.toBeNull();
    await tryOnce({ kind: 'logged in', person }, {}, true);
    expect(await brake({}, false, somebody).holds()).toBeNull();
    await tryOnce(loggedIn, {}, true);
    expect(await brake().holds()).toBeNull();
    expect(files()).toEqual([]);
  });

  it('is what a refusal for want of one asks for, too', async () => {
    await tryOnce({ ...refused, person });
    expect(await brake().holds()).toMatchObject({ kind: 'login-needed', hint: person.remedy });
    expect(await brake({}, false, somebody).holds()).not.toBeNull();
  });
});

it('keeps its file to its owner, and takes a broken one for none', async () => {
  await tryOnce(refused);
  const file = join(config.path, 'logins', files()[0] ?? '');
  expect([statSync(file).mode & 0o777, statSync(join(config.path, 'logins')).mode & 0o777]).toEqual([0o600, 0o700]);
  for (const text of ['', '{', '[]', '{"drops":1}', readFileSync(file, 'utf8').slice(0, -5)]) {
    writeFileSync(file, text);
    expect(await brake().holds()).toBeNull();
  }
});

it('counts every drop of processes side by side', async () => {
  await Promise.all([0, 1, 2, 3].map(() => brake().learn(dropped)));
  now += 79_000;
  expect(await brake().holds()).not.toBeNull();
  now += 1000;
  expect(await brake().holds()).toBeNull();
});
