import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthContext, Connection, KeyboardAuthContext, PasswordAuthContext } from 'ssh2';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../../src/failure.ts';
import { noBrake } from '../../src/transports/login-brake.ts';
import { openSsh2 } from '../../src/transports/ssh2.ts';
import { type RecordingContext, recordingContext } from './contexts.ts';
import { newKeyPair, oddServers } from './ssh2-server.ts';

const password = 'correct horse battery staple';

/** Logins that a person takes part in. */
describe('a login by ssh2', () => {
  const { serve, directory } = oddServers();

  /** Tries once, and gives the connection back at once. */
  const logIn = async (context: RecordingContext, connectSeconds = 5): Promise<Failure | 'logged in'> => {
    const endpoint = { site: 'campus', host: 'campus', user: null, port: null, identityFile: null, connectSeconds };
    const result = await openSsh2(endpoint, null, noBrake, context);
    if (!result.ok) return result.failure;
    await result.value[Symbol.asyncDispose]();
    return 'logged in';
  };
  const ownKey = async () => {
    const file = join(directory(), 'key');
    await writeFile(file, newKeyPair().private, { mode: 0o600 });
    return `identityfile ${file}`;
  };

  /** What the server saw of each try, in order. */
  const seen: string[] = [];
  const answering = (answer: (attempt: AuthContext) => void) => (client: Connection) => {
    seen.length = 0;
    client.on('authentication', (attempt: AuthContext) => {
      const isSigned = attempt.method === 'publickey' && attempt.signature !== undefined;
      seen.push(isSigned ? 'publickey, signed' : attempt.method);
      answer(attempt);
    });
  };
  /** Asks in rounds, and takes the login when every answer is right. */
  const rounds = (attempt: KeyboardAuthContext, asked: [string, boolean, string][][], over: () => void) => {
    const [round, ...later] = asked;
    if (round === undefined) return over();
    const prompts = round.map(([prompt, echo]) => ({ prompt, echo }));
    attempt.prompt(prompts, 'Campus\u001b[2J', `Round of ${round.length}`, (answers) => {
      const isRight = round.every(([, , right], at) => answers[at] === right);
      if (isRight) rounds(attempt, later, over);
      else attempt.reject(['keyboard-interactive', 'password']);
    });
  };

  it('answers several questions in several rounds, after a key', async () => {
    let isHalf = false;
    const more = ['keyboard-interactive'] as const;
    await serve(
      answering((attempt) => {
        if (attempt.method === 'publickey') {
          isHalf ||= attempt.signature !== undefined;
          if (attempt.signature === undefined) attempt.accept();
          else attempt.reject([...more], true);
        } else if (attempt.method === 'keyboard-interactive' && isHalf) {
          const asked: [string, boolean, string][][] = [
            [
              ['Password: ', false, password],
              ['Second name?', true, 'Lovelace'],
            ],
            [['Code\u0007: ', false, '123456']],
          ];
          rounds(attempt, asked, () => attempt.accept());
        } else attempt.reject(isHalf ? [...more] : ['publickey']);
      }),
      await ownKey(),
    );
    const context = recordingContext({ answers: [password, 'Lovelace', '123456'] });
    expect(await logIn(context)).toBe('logged in');
    expect(context.questions).toEqual([
      { hidden: true, text: 'Campus[2J\nRound of 2\n(ada@127.0.0.1) Password:' },
      { hidden: false, text: '(ada@127.0.0.1) Second name?' },
      { hidden: true, text: 'Campus[2J\nRound of 1\n(ada@127.0.0.1) Code:' },
    ]);
    expect(seen.filter((method) => method === 'keyboard-interactive')).toHaveLength(1);
    expect(JSON.stringify(context.events)).not.toContain(password);
  });

  it('offers its keys after the answers, where the server wants these first', async () => {
    let isHalf = false;
    await serve(
      answering((attempt) => {
        if (attempt.method === 'keyboard-interactive') {
          rounds(attempt, [[['Code: ', false, '1']]], () => {
            isHalf = true;
            attempt.reject(['publickey'], true);
          });
        } else if (attempt.method === 'publickey' && isHalf) attempt.accept();
        else attempt.reject(isHalf ? ['publickey'] : ['keyboard-interactive']);
      }),
      await ownKey(),
    );
    expect(await logIn(recordingContext({ answers: ['1'] }))).toBe('logged in');
  });

  it('does not try a wrong answer again, nor by another method', async () => {
    await serve(
      answering((attempt) => {
        if (attempt.method === 'keyboard-interactive')
          rounds(attempt, [[['Code: ', false, 'right']]], () => attempt.accept());
        else attempt.reject(['keyboard-interactive', 'password']);
      }),
    );
    const context = recordingContext({ answers: ['wrong-secret', 'right', 'right'] });
    const failure = await logIn(context);
    expect(failure).toMatchObject({ kind: 'unreachable', stage: 'login', hint: 'glidein login campus' });
    expect(seen).toEqual(['none', 'keyboard-interactive']);
    expect(context.questions).toHaveLength(1);
    expect(JSON.stringify([failure, context.events])).not.toContain('wrong-secret');
  });

  const wantsPassword = answering((attempt) => {
    if (attempt.method === 'keyboard-interactive') attempt.reject(['keyboard-interactive', 'password']);
    else if ((attempt as PasswordAuthContext).password === password) attempt.accept();
    else attempt.reject(['keyboard-interactive', 'password']);
  });

  it('gives a password to a server that has no questions of its own', async () => {
    await serve(wantsPassword);
    const context = recordingContext({ answers: [password] });
    expect(await logIn(context)).toBe('logged in');
    expect(context.questions).toEqual([{ hidden: true, text: '(ada@127.0.0.1) Password:' }]);
    expect(seen).toEqual(['none', 'keyboard-interactive', 'password']);
    expect(JSON.stringify(context.events)).not.toContain(password);
  });

  it('gives a wrong password once, and shows it to nobody', async () => {
    await serve(wantsPassword);
    const context = recordingContext({ answers: ['wrong-secret', password] });
    const failure = await logIn(context);
    expect(failure).toMatchObject({ reason: expect.stringContaining('did not take the password of user ada') });
    expect(seen.filter((method) => method === 'password')).toHaveLength(1);
    expect(JSON.stringify([failure, context.events])).not.toContain('wrong-secret');
  });

  it('sends nothing when the person gives no answer', async () => {
    await serve(wantsPassword);
    const failure = await logIn(recordingContext({ answers: [] }));
    expect(failure).toMatchObject({ kind: 'unreachable', reason: expect.stringContaining('no answer was given') });
    expect(seen).not.toContain('password');
  });

  it('takes an Enter for an answer where the answer can be seen', async () => {
    await serve(
      answering((attempt) => {
        if (attempt.method === 'keyboard-interactive')
          rounds(attempt, [[['Go on? ', true, '']]], () => attempt.accept());
        else attempt.reject(['keyboard-interactive']);
      }),
    );
    expect(await logIn(recordingContext({ answers: [] }))).toBe('logged in');
  });

  it('says without a terminal what is needed and what to type, and tries no answer', async () => {
    await serve(answering((attempt) => attempt.reject(['keyboard-interactive', 'password'])));
    expect(await logIn(recordingContext())).toMatchObject({
      kind: 'needs-terminal',
      what: expect.stringContaining('ada@campus (keyboard-interactive, password)'),
      hint: expect.stringContaining('connection.transport=openssh && glidein login campus'),
    });
    expect(seen).toEqual(['none']);
  });

  it('counts neither the time a person types nor, after that, the usual time', async () => {
    await serve(
      answering((attempt) => {
        if (attempt.method !== 'keyboard-interactive') attempt.reject(['keyboard-interactive']);
        else rounds(attempt, [[['Code: ', false, '1']]], () => setTimeout(() => attempt.accept(), 1300));
      }),
    );
    const ask = async () => {
      await sleep(1300);
      return '1';
    };
    expect(await logIn(recordingContext({ ask }), 1)).toBe('logged in');
  });

  it('takes the question back when the server hangs up meanwhile', async () => {
    await serve((client) =>
      client.on('authentication', (attempt: AuthContext) => {
        if (attempt.method !== 'keyboard-interactive') return attempt.reject(['keyboard-interactive']);
        attempt.prompt('Code: ', () => {});
        setTimeout(() => client.end(), 100);
      }),
    );
    let isTakenBack = false;
    const context = recordingContext({
      ask: ({ until }) =>
        new Promise((resolve) => {
          until?.addEventListener('abort', () => {
            isTakenBack = true;
            resolve(null);
          });
        }),
    });
    const before = performance.now();
    expect(await logIn(context)).toMatchObject({ kind: 'unreachable', stage: 'login' });
    expect(performance.now() - before).toBeLessThan(1500);
    expect(isTakenBack).toBe(true);
  });

  it('asks a server first whether it takes keys, where there are many', async () => {
    await serve(
      answering((attempt) => attempt.reject(['password'])),
      ...(await Promise.all(
        [1, 2, 3, 4].map(async (at) => {
          const file = join(directory(), `key-${at}`);
          await writeFile(file, newKeyPair().private, { mode: 0o600 });
          return `identityfile ${file}`;
        }),
      )),
    );
    await logIn(recordingContext());
    expect(seen).toEqual(['none']);
  });

  it('names what only OpenSSH has, and the command that takes that', async () => {
    await serve(answering((attempt) => attempt.reject(['gssapi-with-mic' as 'none', 'hostbased'])));
    expect(await logIn(recordingContext())).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining(
        'gssapi-with-mic or hostbased for user ada, which the transport ssh2 does not have',
      ),
      hint: 'Type: glidein site set campus connection.transport=openssh',
    });
  });

  it('names a certificate and a key in hardware that it cannot use', async () => {
    const file = join(directory(), 'certified');
    await writeFile(file, newKeyPair().private, { mode: 0o600 });
    await writeFile(`${file}-cert.pub`, 'ssh-ed25519-cert-v01@openssh.com AAAA x\n');
    const hardware = join(directory(), 'token');
    const type = 'sk-ssh-ed25519@openssh.com';
    const blob = Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type)]).toString('base64');
    await writeFile(hardware, `${type} ${blob}\n`);
    await serve(
      answering((attempt) => attempt.reject(['publickey'])),
      `identityfile ${file}`,
      `identityfile ${hardware}`,
    );
    const failure = await logIn(recordingContext());
    expect(failure).toMatchObject({ hint: expect.stringContaining('connection.transport=openssh') });
    expect(JSON.stringify(failure)).toContain(`${file}-cert.pub: a certificate`);
    expect(JSON.stringify(failure)).toContain(`${hardware}: a key in hardware`);
  });
});
