import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type Client } from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { demoAccount } from '../../src/demo/account.ts';
import { shellWord } from '../../src/demo/programs.ts';
import { loginUser, type StandIn } from '../../src/demo/stand-in.ts';
import { substitutes } from '../../src/demo/substitutes.ts';
import { processesWith } from '../support/processes-with.ts';
import { run } from '../support/run-program.ts';
import { standIn, until } from '../support/stand-in.ts';

let cluster: StandIn;
afterEach(() => cluster[Symbol.asyncDispose]());

const login = async () => {
  cluster = await standIn({ login: true, killWaitMs: 300 });
  const { loginNode } = cluster;
  if (loginNode === null) throw new Error('no login node');
  return loginNode;
};

function connect(port: number, privateKey: string, username = loginUser): Promise<Client> {
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    client.on('ready', () => resolve(client)).on('error', reject);
    client.connect({ host: '127.0.0.1', port, username, privateKey });
  });
}

interface Said {
  stdout: string;
  stderr: string;
  code: number | null;
  signal: string | null;
}

function exec(client: Client, command: string, input = ''): Promise<Said> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      const said: Said = { stdout: '', stderr: '', code: null, signal: null };
      channel.on('data', (chunk: Buffer) => {
        said.stdout += chunk.toString();
      });
      channel.stderr.on('data', (chunk: Buffer) => {
        said.stderr += chunk.toString();
      });
      channel.on('exit', (code: number | null, signal?: string) =>
        Object.assign(said, { code, signal: signal ?? null }),
      );
      channel.on('close', () => resolve(said));
      channel.end(input);
    });
  });
}

describe('the login node', () => {
  it('lets in the one key under the one name, and no other', async () => {
    const { port, clientKey } = await login();
    const other = ssh2.utils.generateKeyPairSync('ed25519').private;
    await expect(connect(port, other)).rejects.toThrow('authentication');
    await expect(connect(port, clientKey, 'eve')).rejects.toThrow('authentication');
    (await connect(port, clientKey)).end();
  });

  it('runs commands in a home of its own, and carries both streams, input, exit status and signal', async () => {
    const { port, clientKey } = await login();
    const client = await connect(port, clientKey);
    expect(await exec(client, 'pwd; cat; echo no >&2; exit 7', 'abc')).toEqual({
      stdout: `${cluster.home}\nabc`,
      stderr: 'no\n',
      code: 7,
      signal: null,
    });
    expect(await exec(client, 'kill -KILL $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
    const much = await exec(client, 'head -c 3000000 /dev/zero | tr "\\0" x');
    expect(much.stdout).toHaveLength(3_000_000);
    client.end();
  });

  it('has the scheduler on PATH, in a login shell too', async () => {
    const { port, clientKey } = await login();
    const client = await connect(port, clientKey);
    expect((await exec(client, '/bin/sh -l -c "command -v squeue"')).stdout).toBe(`${cluster.directory}/bin/squeue\n`);
    client.end();
  });

  it('leaves a program alone whose channel is cut', async () => {
    const { port, clientKey, cut } = await login();
    const client = await connect(port, clientKey);
    client.on('error', () => {});
    const mark = join(cluster.home, 'mark');
    const running = exec(client, 'trap "" HUP PIPE; echo begun; sleep 1; echo on > mark').catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 400));
    cut();
    await running;
    expect(existsSync(mark)).toBe(false);
    await until(() => existsSync(mark));
  });
});

describe('a job', () => {
  const submit = async (script: string, ...options: string[]) => {
    const { port, clientKey } = await login();
    const client = await connect(port, clientKey);
    const said = await exec(client, `sbatch --parsable --output="$HOME"/%A_%a.batch ${options.join(' ')}`, script);
    client.end();
    expect(said).toMatchObject({ code: 0, stdout: '101\n' });
  };
  const first = () => cluster.system.jobs()[0];
  const output = () => readFileSync(join(cluster.home, '101_0.batch'), 'utf8');

  it('really runs, not as root, with its node, its number and a scratch directory', async () => {
    await submit(
      '#!/bin/bash -p\n((BASH_VERSINFO[0] >= 4)) && echo "$(id -u) $SLURM_ARRAY_JOB_ID $SLURMD_NODENAME"; touch "$TMPDIR/x"',
      '--array=0-0',
    );
    await until(() => first()?.state === 'over');
    expect(first()).toMatchObject({ ending: 'done', exitCode: 0 });
    const uid = demoAccount(true)?.uid;
    expect(uid).not.toBe(0);
    expect(output()).toBe(`${uid} 101 node1\n`);
    expect(existsSync(join(cluster.directory, 'scratch/x'))).toBe(true);
  });

  it('that is cancelled gets TERM, and ends with all that it started', async () => {
    await submit(
      '#!/bin/sh\ntrap "echo told; exit 3" TERM\ntimeout 600 sleep 600 &\n(trap "" TERM; exec sleep 601) &\necho up\nwait\nwait',
      '--array=0-0',
    );
    await until(() => existsSync(join(cluster.home, '101_0.batch')) && output().includes('up'));
    const job = first();
    if (job === undefined) throw new Error('no job');
    cluster.system.cancel(job);
    await until(() => job.state === 'over');
    expect(job).toMatchObject({ ending: 'cancelled', exitCode: 3 });
    expect(output()).toContain('told');
    expect(processesWith(cluster.directory).filter((line) => line.includes('sleep 60'))).toEqual([]);
  });

  it('that does not listen is killed', async () => {
    await submit('#!/bin/sh\ntrap "" TERM\necho up\nwhile :; do sleep 1; done', '--array=0-0');
    await until(() => existsSync(join(cluster.home, '101_0.batch')) && output().includes('up'));
    const job = first();
    if (job === undefined) throw new Error('no job');
    cluster.system.cancel(job);
    await until(() => job.state === 'over');
    expect(job.signal).toBe('SIGKILL');
  });
});

describe('at the end', () => {
  it('nothing is left of the directory or of any process', async () => {
    const { port, clientKey } = await login();
    const client = await connect(port, clientKey);
    client.on('error', () => {});
    void exec(client, 'sleep 602').catch(() => null);
    await exec(client, 'sbatch --array=0-2', '#!/bin/sh\ntimeout 603 sleep 603 & sleep 604');
    await until(() => cluster.system.jobs().filter(({ state }) => state === 'running').length === 3);
    expect(processesWith(cluster.directory)).not.toEqual([]);
    expect(statSync(cluster.directory).mode & 0o777).toBe(0o700);
    await cluster[Symbol.asyncDispose]();
    expect(existsSync(cluster.directory)).toBe(false);
    expect(processesWith(cluster.directory)).toEqual([]);
  });
});

describe('a program that stands in for one of the machine', () => {
  it.each(substitutes)('$name does what its own probe asks for', async ({ name, text, probe }) => {
    cluster = await standIn({ runs: 'nothing' });
    const directory = mkdtempSync(join(tmpdir(), 'glidein-substitutes-'));
    try {
      const own = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
      mkdirSync(join(directory, 'bin'));
      writeFileSync(join(directory, 'bin', name), text(shellWord(own), shellWord(process.execPath)), { mode: 0o755 });
      const env = { PATH: `${join(directory, 'bin')}:${process.env['PATH']}`, TMPDIR: directory };
      expect(await run('/bin/sh', ['-c', probe], { env })).toMatchObject({ code: 0 });
      for (const [line, answer] of Object.entries(uses[name] ?? {})) {
        const { code, stdout } = await run('/bin/sh', ['-c', line], { env, input: 'abc' });
        expect(`${line}: ${code} ${stdout}`).toBe(`${line}: ${answer}`);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  /** What the session and the job do with them, and what comes of it: exit status and stdout. */
  const uses: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    timeout: {
      'timeout -k 1 5 cat': '0 abc',
      'timeout 0.2 sleep 5': '124 ',
      'timeout -k 0.2 0.2 sh -c "trap : TERM; while :; do sleep 0.1; done"': '137 ',
      'timeout 5 sh -c "exit 9"': '9 ',
      'timeout 5 sleep 5 & p=$!; sleep 0.5; kill $p; wait $p; echo $?': '0 143\n',
    },
    tail: { 'sleep 0.3 & tail --pid=$! -f /dev/null; echo on': '0 on\n', 'tail -c 2': '0 bc' },
    sha256sum: { 'sha256sum | cut -c1-8': '0 ba7816bf\n' },
    base64: {
      base64: '0 YWJj\n',
      'echo YWJj | base64 -d': '0 abc',
      'head -c 60 /dev/zero | base64 | wc -l | tr -d " "': '0 2\n',
    },
    mktemp: { 'd=$(mktemp -d -- "$TMPDIR/a-XXXXXXXXXX"); [ -d "$d" ]; echo $?': '0 0\n' },
    stat: {
      'a=$(stat -L -c "%s %n" -- /etc /nosuch); [ "$a" = "$(command -p stat -L -c "%s %n" -- /etc)" ]; echo $?':
        '0 0\n',
      '[ "$(stat -c "%d %i %s %Y" -- /)" = "$(command -p stat -c "%d %i %s %Y" -- /)" ]; echo $?': '0 0\n',
    },
    env: { 'X=1 env -0 | tr "\\0" "\\n" | grep ^X=': '0 X=1\n', 'env X=2 sh -c "echo \\$X"': '0 2\n' },
    rm: { 'mkdir "$TMPDIR/r"; rm -rf --one-file-system -- "$TMPDIR/r"; [ -e "$TMPDIR/r" ]; echo $?': '0 1\n' },
  };
});
