import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openShellSession, type Program, type ShellSession } from '../../src/login/shell-session.ts';
import { NeverStarted, type Transport } from '../../src/transports/transport.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-session-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function open(shell = '/bin/sh', loginShell = true): Promise<ShellSession> {
  const transport = shellTransport({ shell, env: { HOME: home } });
  const opened = await openShellSession(
    transport,
    { site: 'campus', loginShell, readySeconds: 10 },
    [],
    quietContext(),
  );
  if (!opened.ok) throw new Error(JSON.stringify(opened.failure));
  return opened.value.session;
}

const run = (session: ShellSession, text: string, more: object = {}) =>
  session.run({ text, purpose: 'testing', timeoutSeconds: 10, ...more });

describe('a session', () => {
  it('returns exactly what a program wrote, and its status', async () => {
    await using session = await open();
    const output = await run(session, `printf 'a\\n\\nb'; printf 'warn' >&2; exit 7`);
    expect(output).toEqual({ ok: true, value: { stdout: 'a\n\nb', stderr: 'warn', code: 7 } });
    expect(await run(session, ':')).toEqual({ ok: true, value: { stdout: '', stderr: '', code: 0 } });
  });

  it('gives programs an empty stdin and no lock', async () => {
    await using session = await open();
    await run(session, `command exec 9>>"$HOME/lock"`, { runsIn: 'session' });
    const output = await run(session, 'cat; (true >&9) 2>/dev/null && echo has-lock; echo end');
    expect(output.ok && output.value.stdout).toBe('end\n');
    const locked = await run(session, '(true >&9) 2>/dev/null && echo has-lock', { runsIn: 'locked' });
    expect(locked.ok && locked.value.stdout).toBe('has-lock\n');
  });

  it('keeps what a session program sets, and nothing of others', async () => {
    await using session = await open();
    await run(session, 'a=1; export a; cd /', { runsIn: 'session' });
    await run(session, 'a=2; cd /tmp');
    const output = await run(session, 'echo $a; pwd; env | grep -c GLIDEIN || true');
    expect(output.ok && output.value.stdout).toBe('1\n/\n0\n');
  });

  it('says how a program that ends the shell ended it, and then is over', async () => {
    await using session = await open();
    const output = await run(session, 'echo bye >&2; exit 3', { runsIn: 'session' });
    expect(output).toMatchObject({ ok: false, failure: { kind: 'connection-lost', step: 'testing' } });
    expect(JSON.stringify(output)).toContain('bye');
    expect(await run(session, 'echo again')).toEqual(output);
  });

  it('gives up on a program that does not end in time', async () => {
    await using session = await open();
    const output = await run(session, 'sleep 5', { timeoutSeconds: 0.3 });
    expect(output).toMatchObject({ ok: false, failure: { kind: 'timed-out', step: 'testing' } });
  });

  it('does not run a program that was cut', async () => {
    const transport = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    const { sessionCommand } = await import('../../src/login/session-command.ts');
    const process = await transport.spawn(sessionCommand({ loginShell: false, beforehand: [] }), {
      signal: new AbortController().signal,
    });
    const program = Buffer.from(`touch "$HOME/ran"; touch "$HOME/ran-too"`).toString('base64');
    process.stdin.end(program);
    expect(await process.exited).toMatchObject({ kind: 'exited' });
    expect(existsSync(join(home, 'ran'))).toBe(false);
  });

  it('decodes what is not UTF-8 with replacement, and carries large output whole', async () => {
    await using session = await open();
    const output = await run(session, `printf '\\377x'; head -c 3000000 /dev/zero | tr '\\0' y`);
    expect(output.ok && output.value.stdout.length).toBe(3_000_002);
    expect(output.ok && output.value.stdout.startsWith('\ufffdx')).toBe(true);
  });
});

const shells = ['/bin/bash', '/bin/dash', '/usr/bin/tcsh', '/usr/bin/fish', '/usr/bin/zsh'].filter((shell) =>
  existsSync(shell),
);

/** Start-up files that print on both streams and read a line from stdin, in every dialect. */
function noisyHome(): void {
  const sh = `echo "Welcome to campus"; echo "quota warning" >&2; read -r answer; [ "$answer" = "" ] || touch "$HOME/ate-something"\n`;
  for (const name of ['.profile', '.bash_profile', '.bashrc', '.zshrc', '.zprofile'])
    writeFileSync(join(home, name), sh);
  const csh = `echo "Welcome to campus"\nset answer = "$<"\nif ( "$answer" != "" ) touch ~/ate-something\n`;
  for (const name of ['.login', '.tcshrc', '.cshrc']) writeFileSync(join(home, name), csh);
  mkdirSync(join(home, '.config/fish'), { recursive: true });
  const fish = `echo "Welcome to campus"; echo "quota warning" >&2; read -l answer; test -z "$answer"; or touch ~/ate-something\n`;
  writeFileSync(join(home, '.config/fish/config.fish'), fish);
}

describe.each(shells)('under %s', (shell) => {
  it.each([true, false])(
    'a session starts through noise and files that read stdin (loginShell: %s)',
    async (loginShell) => {
      noisyHome();
      await using session = await open(shell, loginShell);
      const output = await run(session, 'echo "$HOME"');
      expect(output).toEqual({ ok: true, value: { stdout: `${home}\n`, stderr: '', code: 0 } });
      expect(existsSync(join(home, 'ate-something'))).toBe(false);
    },
  );

  it('a login shell reads its login files', async () => {
    writeFileSync(join(home, '.profile'), 'FROM_LOGIN=yes; export FROM_LOGIN\n');
    writeFileSync(join(home, '.zprofile'), 'export FROM_LOGIN=yes\n');
    writeFileSync(join(home, '.login'), 'setenv FROM_LOGIN yes\n');
    mkdirSync(join(home, '.config/fish'), { recursive: true });
    writeFileSync(join(home, '.config/fish/config.fish'), 'if status is-login; set -x FROM_LOGIN yes; end\n');
    await using session = await open(shell);
    const output = await run(session, 'echo "$FROM_LOGIN"');
    expect(output.ok && output.value.stdout).toBe('yes\n');
  });
});

describe('programs that travel with the command', () => {
  const start = async (beforehand: readonly Program[], shell = '/bin/sh') => {
    const transport = shellTransport({ shell, env: { HOME: home } });
    const options = { site: 'campus', loginShell: true, readySeconds: 10 };
    return openShellSession(transport, options, beforehand, quietContext());
  };
  const program = (text: string): Program => ({ text, purpose: 'testing', timeoutSeconds: 10 });

  it.each(['/bin/sh', '/bin/bash'])(
    'run in order in the session of %s, and later ones see what they set',
    async (shell) => {
      const opened = await start(
        [program(`x='it'"'"'s $HOME \\ !'; false`), program('printf %s "$x"; echo two >&2')],
        shell,
      );
      if (!opened.ok) throw new Error(JSON.stringify(opened.failure));
      await using session = opened.value.session;
      expect(opened.value.answers).toEqual([
        { stdout: '', stderr: '', code: 1 },
        { stdout: "it's $HOME \\ !", stderr: 'two\n', code: 0 },
      ]);
      expect(await run(session, 'printf %s "$x"')).toMatchObject({ value: { stdout: "it's $HOME \\ !" } });
    },
  );

  it('cannot eat what is sent later', async () => {
    const opened = await start([program('cat; read -r line; echo "got <$line>"')]);
    if (!opened.ok) throw new Error(JSON.stringify(opened.failure));
    await using session = opened.value.session;
    expect(opened.value.answers).toMatchObject([{ stdout: 'got <>\n' }]);
    expect(await run(session, 'echo here')).toMatchObject({ value: { stdout: 'here\n' } });
  });

  it('that end the session, or hang, are a failure and not an answer', async () => {
    expect(await start([program('echo last words; exit 3')])).toMatchObject({
      ok: false,
      failure: { kind: 'connection-lost', step: 'testing' },
    });
    expect(await start([{ ...program('sleep 20'), timeoutSeconds: 0.5 }])).toMatchObject({
      ok: false,
      failure: { kind: 'timed-out', step: 'testing' },
    });
  });
});

describe('a session that is over', () => {
  it('lets its channel go, even while something it started holds the output', async () => {
    const real = shellTransport({ shell: '/bin/sh', env: { HOME: home } });
    let aborted: Promise<unknown> = Promise.reject(new Error('nothing was started'));
    aborted.catch(() => {});
    const transport: Transport = {
      ...real,
      spawn(command, options) {
        aborted = new Promise((resolve) => {
          options.signal.addEventListener('abort', resolve);
        });
        return real.spawn(command, options);
      },
    };
    const opened = await openShellSession(
      transport,
      { site: 'campus', loginShell: false, readySeconds: 10 },
      [],
      quietContext(),
    );
    if (!opened.ok) throw new Error(JSON.stringify(opened.failure));
    await run(opened.value.session, 'sleep 3 &');
    await opened.value.session[Symbol.asyncDispose]();
    await aborted;
  });

  it('is told of without our own markers', async () => {
    await using session = await open();
    const ended = await run(session, 'echo out of memory; kill -9 0');
    expect(ended).toMatchObject({ ok: false, failure: { kind: 'connection-lost' } });
    expect(JSON.stringify(ended)).toContain('last words: out of memory"');
  });
});

describe('a start-up that fails', () => {
  it('is told with its own words', async () => {
    writeFileSync(join(home, '.profile'), 'echo "account expired" >&2; exit 1\n');
    const transport = shellTransport({ shell: '/bin/dash', env: { HOME: home } });
    const opened = await openShellSession(
      transport,
      { site: 'campus', loginShell: true, readySeconds: 10 },
      [],
      quietContext(),
    );
    expect(opened).toMatchObject({ ok: false, failure: { kind: 'login-host-unusable' } });
    expect(JSON.stringify(opened)).toContain('account expired');
    expect(readFileSync(join(home, '.profile'), 'utf8')).toContain('expired');
  });

  it('is given up after its time also where the server never starts anything', async () => {
    const transport: Transport = {
      target: 'nowhere',
      spawn: (_command, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new NeverStarted({ kind: 'interrupted' })));
        }),
      async [Symbol.asyncDispose]() {},
    };
    const options = { site: 'campus', loginShell: true, readySeconds: 0.3 };
    const opened = await openShellSession(transport, options, [], quietContext());
    expect(opened).toMatchObject({ ok: false, failure: { kind: 'login-host-unusable' } });
    expect(JSON.stringify(opened)).toContain('no shell answered within 0.3 s');
  });

  it('is given up after its time', async () => {
    writeFileSync(join(home, '.profile'), 'sleep 20\n');
    const transport = shellTransport({ shell: '/bin/dash', env: { HOME: home } });
    const opened = await openShellSession(
      transport,
      { site: 'campus', loginShell: true, readySeconds: 0.5 },
      [],
      quietContext(),
    );
    expect(opened).toMatchObject({ ok: false, failure: { kind: 'login-host-unusable' } });
  });
});
