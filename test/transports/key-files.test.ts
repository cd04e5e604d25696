import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLimit } from '../../src/transports/connect-limit.ts';
import { gatherIdentities, type KeyTools } from '../../src/transports/identities.ts';
import { readKeyFiles } from '../../src/transports/key-files.ts';
import { LoginAttempts } from '../../src/transports/login-attempts.ts';
import { plainSettings } from '../../src/transports/ssh-config.ts';
import { recordingContext } from './contexts.ts';

const endpoint = { site: 's', host: 'h', user: null, port: null, identityFile: null, connectSeconds: 20 };
const plain = plainSettings(endpoint, { home: '/nonexistent', user: 'ada', uid: 1, env: {} });
const lock = { passphrase: 'secret', cipher: 'aes256-ctr', rounds: 1 };

let directory = '';
const file = (name: string) => join(directory, name);
const keys = {
  open: ssh2.utils.generateKeyPairSync('ed25519', { comment: 'open' }),
  locked: ssh2.utils.generateKeyPairSync('ed25519', { comment: 'locked', ...lock }),
  other: ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256, comment: 'other' }),
};
const blob = (line: string) => Buffer.from(line.split(' ')[1] ?? '', 'base64');

const tools = (...held: { public: string }[]): KeyTools => ({
  parse: (text, passphrase) => ssh2.utils.parseKey(text, passphrase),
  agentKeys: async () => held.map((key) => ({ publicKey: blob(key.public), comment: key.public.split(' ')[2] ?? '' })),
});
const labels = async (settings: Partial<typeof plain>, agent: KeyTools = tools()) =>
  (await gatherIdentities({ ...plain, ...settings }, agent)).identities.map(({ kind, label }) => `${kind} ${label}`);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'glidein-keys-'));
  const write = (name: string, text: string) => writeFile(file(name), text, { mode: 0o600 });
  await write('open', keys.open.private);
  await write('locked', keys.locked.private);
  await write('only.pub', keys.other.public);
  await write('public', keys.other.public);
  await write('pem', '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,2F\n\nAAAA\n');
  await write('pkcs8', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  await write('text', 'no key at all\n');
  await write('exposed', keys.open.private);
  await chmod(file('exposed'), 0o644);
});
afterAll(() => rm(directory, { recursive: true }));

describe('key files', () => {
  it('have a public half that can be read without the passphrase', async () => {
    const { files } = await readKeyFiles([file('open'), file('locked'), file('only'), file('public'), file('pem')]);
    expect(files.map(({ publicKey, encrypted, privateKey }) => [publicKey, encrypted, privateKey !== null])).toEqual([
      [blob(keys.open.public), false, true],
      [blob(keys.locked.public), true, true],
      [blob(keys.other.public), false, false],
      [blob(keys.other.public), false, false],
      [null, true, true],
    ]);
  });

  it('are left out with a reason, but for defaults that do not exist', async () => {
    const { files, unusable } = await readKeyFiles([file('text'), file('exposed'), file('gone'), file('id_ed25519')]);
    expect(files).toEqual([]);
    expect(unusable).toEqual([
      `${file('text')}: it holds no key`,
      `${file('exposed')}: others may read it; type: chmod 600 ${file('exposed')}`,
      `${file('gone')}: there is no such file`,
    ]);
  });
});

describe('the order of identities', () => {
  const files = () => ({ identityFiles: [file('pem'), file('open'), file('locked')], agentSocket: '/agent' });

  it('is: keys of the agent that have a file, its others, then files, those behind a passphrase last', async () => {
    expect(await labels(files(), tools(keys.other, keys.locked))).toEqual([
      'agent agent key locked',
      'agent agent key other',
      `open file ${file('open')}`,
      `locked file ${file('pem')}`,
    ]);
  });

  it('leaves out the agent’s others under IdentitiesOnly', async () => {
    const named = { ...files(), identityFiles: [file('only')], identitiesOnly: true };
    expect(await labels(named, tools(keys.open, keys.other))).toEqual(['agent agent key other']);
  });

  it('does without an agent that fails, and notes it', async () => {
    const broken: KeyTools = { ...tools(), agentKeys: () => Promise.reject(new Error('gone')) };
    const gathered = await gatherIdentities({ ...plain, ...files(), identityFiles: [file('open')] }, broken);
    expect(gathered).toMatchObject({ identities: [{ label: file('open') }], unusable: ['agent at /agent: gone'] });
  });

  it('notes a private key that the library cannot read', async () => {
    const gathered = await gatherIdentities({ ...plain, identityFiles: [file('pkcs8')] }, tools());
    expect(gathered).toMatchObject({ identities: [], unusable: [expect.stringContaining(`${file('pkcs8')}: `)] });
  });
});

describe('the tries of a login', () => {
  const tries = async (identityFiles: string[], answers?: string[]) => {
    const offer = await gatherIdentities({ ...plain, identityFiles }, tools());
    const context = recordingContext(answers === undefined ? {} : { answers });
    const limit = startLimit(endpoint, () => 'ada@h:22', context);
    limit.end();
    return { attempts: new LoginAttempts({ ...offer, endpoint, user: 'ada' }, tools(), context.ask, limit), offer };
  };

  it('offer each identity once, then learn the methods, then give up', async () => {
    const { attempts, offer } = await tries([file('open')]);
    expect(attempts.next(null)).toBe(offer.identities[0]);
    expect(attempts.next(null)).toBe('ask server');
    expect(attempts.next(['publickey'])).toBe(null);
    expect(attempts.failure(null)).toMatchObject({ reason: expect.stringContaining(`tried: ${file('open')}`) });
  });

  it('offer no key to a server that takes none', async () => {
    const { attempts } = await tries([file('open')]);
    expect(attempts.next(['password'])).toBe(null);
  });

  it('go on with the other keys after a signature that was refused', async () => {
    const { attempts, offer } = await tries([file('open'), file('locked')]);
    const [first, second] = offer.identities;
    expect(attempts.next(null)).toBe(first);
    if (first !== undefined) attempts.accepted(first);
    expect(attempts.next(null)).toBe('ask server');
    expect(attempts.next(['publickey', 'password'])).toBe(second);
  });

  it('ask for a passphrase once, however often the key is needed', async () => {
    const { attempts, offer } = await tries([file('locked')], ['secret']);
    const [locked] = offer.identities;
    if (locked?.kind !== 'locked file') throw new Error('not locked');
    const key = await attempts.open(locked);
    expect(key?.getPublicSSH()).toEqual(blob(keys.locked.public));
    expect(await attempts.open(locked)).toBe(key);
  });
});
