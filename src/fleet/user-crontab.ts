import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';

/** A person's table: cron's own, or Slurm's, whose entries run as jobs. */
export type CronProgram = 'crontab' | 'scrontab';

/** The table, as Latin-1 text. Somebody who has none has an empty one. */
export async function readTable(program: CronProgram): Promise<Result<string>> {
  const { code, stdout, stderr } = await run(program, ['-l']);
  if (code === 0) return ok(stdout);
  return /no crontab/i.test(stderr) ? ok('') : refused(program, stderr);
}

/** Puts a table in the place of the one there is, and looks whether it is there. */
export async function writeTable(program: CronProgram, table: string): Promise<Result<null>> {
  const directory = mkdtempSync(join(tmpdir(), 'glidein-cron-'));
  try {
    const file = join(directory, 'table');
    writeFileSync(file, table, { encoding: 'latin1', mode: 0o600 });
    const { code, stderr } = await run(program, [file]);
    if (code !== 0) return refused(program, stderr);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const now = await readTable(program);
  if (!now.ok) return now;
  return now.value === table
    ? ok(null)
    : refused(program, 'the table is another one than was written: somebody else is at it');
}

function refused(program: CronProgram, said: string): Result<never> {
  return failed({ kind: 'cron-refused', program, said: said.trim().slice(0, 400) });
}

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(program: CronProgram, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', ({ message }) => resolve({ code: null, stdout: '', stderr: message }));
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString('latin1'), stderr: Buffer.concat(err).toString('utf8') }),
    );
  });
}
