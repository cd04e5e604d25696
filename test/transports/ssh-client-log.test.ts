import { describe, expect, it } from 'vitest';
import { commandState, refusalIn } from '../../src/transports/ssh-client-log.ts';

/** Logs of the option -E of OpenSSH 9.2p1 with LogLevel DEBUG1, shortened. */
const debug = (...lines: string[]) => `OpenSSH_9.2p1 Debian\n${lines.map((line) => `debug1: ${line}\n`).join('')}`;
const authenticated = 'Authenticated to 127.0.0.1 ([127.0.0.1]:22) using "publickey".\n';
const overMaster = { connects: false, ended: true };
const connects = { connects: true, ended: true };

describe('whether a command has begun', () => {
  it('is said by the client of a master, and by an ssh with its own connection', () => {
    const session = debug('mux_client_request_session: master session id: 2');
    expect(commandState(session, { connects: false, ended: false })).toBe('begun');
    const own = debug('Sending command: true');
    expect(commandState(own, { connects: true, ended: false })).toBe('begun');
  });

  it('is not known as long as neither has ended', () => {
    for (const log of ['', debug('Connecting to x'), authenticated]) {
      expect(commandState(log, { connects: true, ended: false })).toBe('unknown');
    }
  });

  it('is surely not so where the client was refused and would have connected for itself', () => {
    const fallback = debug('Executing proxy command: exec false');
    expect(commandState(fallback, overMaster)).toBe('never');
    const full = 'mux_client_request_session: session request failed: Session open refused by peer\n';
    expect(commandState(full + fallback, overMaster)).toBe('full');
  });

  it('is not known where the master went away after it was asked, or the client was killed', () => {
    const gone = 'mux_client_request_session: read from master failed: Broken pipe\n';
    expect(commandState(gone + debug('Executing proxy command: exec false'), overMaster)).toBe('unknown');
    expect(commandState(debug('Reading configuration data'), overMaster)).toBe('unknown');
    expect(commandState('', overMaster)).toBe('unknown');
  });

  it('is surely not so before the login, and not known after it', () => {
    expect(commandState(debug('Connecting to x'), connects)).toBe('never');
    expect(commandState(debug('Connecting to x') + authenticated, connects)).toBe('unknown');
    expect(commandState('debug1: Authentication succeeded (publickey).\n', connects)).toBe('unknown');
  });
});

describe('why nobody is logged in', () => {
  it('is a refusal with what the server takes', () => {
    const log = `${debug('Authentications that can continue: keyboard-interactive')}ada@h: Permission denied (publickey,keyboard-interactive).\n`;
    expect(refusalIn(log)).toMatchObject({ kind: 'refused', methods: ['publickey', 'keyboard-interactive'] });
    expect(refusalIn('Received disconnect from 127.0.0.1 port 22:2: Too many authentication failures\n').kind).toBe(
      'refused',
    );
  });

  it.each([
    ['ssh: Could not resolve hostname h: Name or service not known', 'resolve'],
    ['ssh: connect to host h port 22: Connection refused', 'connect'],
    ['kex_exchange_identification: read: Connection reset by peer', 'handshake'],
    ['Unable to negotiate with 1.2.3.4 port 22: no matching host key type found', 'handshake'],
    ['/home/ada/.ssh/config: line 2: Bad configuration option: bogus', 'configuration'],
  ])('is told with its stage: %s', (line, stage) => {
    expect(refusalIn(`${line}\n`)).toEqual({ kind: 'failed', stage, said: line });
  });

  it('is a login that broke off where the server had begun to ask', () => {
    const log = `${debug('Connection established.', 'SSH2_MSG_SERVICE_ACCEPT received')}Connection closed by 127.0.0.1 port 22\n`;
    expect(refusalIn(log)).toMatchObject({
      kind: 'failed',
      stage: 'login',
      said: 'Connection closed by 127.0.0.1 port 22',
    });
  });
});
