import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileSource } from '../support/compiled-source.ts';
import { exampleWith } from '../support/example-profile.ts';

let compiled: string;
let configDir: string;

beforeAll(() => {
  compiled = compileSource();
  configDir = mkdtempSync(join(tmpdir(), 'glidein-concurrent-'));
  mkdirSync(join(configDir, 'sites'), { mode: 0o700 });
});

afterAll(() => {
  rmSync(compiled, { recursive: true });
  rmSync(configDir, { recursive: true });
});

function writeSite(site: string, env: Record<string, string> = {}): string {
  const file = join(configDir, 'sites', `${site}.json`);
  writeFileSync(file, JSON.stringify(exampleWith({ name: site, 'pilot.env': env })), { mode: 0o600 });
  return file;
}

/** A process that sets `pilot.env.W<writer>_<n>` for n below `count`, one after another, and says so after each. */
function writer(site: string, number: number, count: number, wrapper: readonly string[] = []): ChildProcess {
  const module = JSON.stringify(join(compiled, 'dist/commands/site-set.js'));
  const program = `
    import { siteSet } from ${module};
    // The kernel's word on a write that met the limit; libraries that clean up on signals would end the process.
    process.on('SIGXFSZ', () => undefined);
    for (let n = 0; n < ${count}; n += 1) {
      const assignments = ['pilot.env.W${number}_' + n + '=x'];
      const result = await siteSet({ configDir: ${JSON.stringify(configDir)}, site: '${site}', assignments, dryRun: false });
      if (!result.ok) { console.log(JSON.stringify(result.failure)); process.exit(1); }
      console.log(n);
    }`;
  const [command = '', ...words] = [...wrapper, process.execPath, '--input-type=module', '-e', program];
  return spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

const envNames = (file: string): string[] => Object.keys(JSON.parse(readFileSync(file, 'utf8')).pilot.env ?? {});

describe('changes of one profile by several processes', () => {
  it('all arrive: 8 processes with 50 changes each leave 400', async () => {
    const file = writeSite('many');
    const writers = Array.from({ length: 8 }, (_, number) => writer('many', number, 50));
    expect(await exitCodes(writers)).toEqual(Array(8).fill(0));
    const expected = Array.from({ length: 400 }, (_, n) => `W${n % 8}_${Math.floor(n / 8)}`);
    expect(envNames(file).sort()).toEqual(expected.sort());
    expect(readdirSync(join(configDir, 'sites'))).toEqual(['many.json']);
  }, 60_000);

  it('are never lost or half done when their writer is killed', async () => {
    const file = writeSite('killed');
    let locksLeft = 0;
    let round = 0;
    for (; round < 8 || (locksLeft === 0 && round < 60); round += 1) {
      const child = writer('killed', round, 10_000);
      const said = output(child);
      await once(child.stdout ?? child, 'data');
      await sleep(Math.random() * 30);
      child.kill('SIGKILL');
      await once(child, 'close');
      const announced = said().split('\n').slice(0, -1);
      expect(envNames(file)).toEqual(expect.arrayContaining(announced.map((n) => `W${round}_${n}`)));
      if (age(`${file}.lock`)) locksLeft += 1;
    }
    console.log(`kill -9 of a profile's writer: ${locksLeft} of ${round} died holding the lock`);
    expect(locksLeft).toBeGreaterThan(0);
    expect(await exitCodes([writer('killed', round, 1)])).toEqual([0]);
    expect(readdirSync(join(configDir, 'sites')).filter((name) => name.startsWith('killed'))).toEqual(['killed.json']);
  }, 60_000);

  it('all arrive also when 8 processes find the lock of a dead one at once', async () => {
    const file = writeSite('orphaned');
    mkdirSync(`${file}.lock`);
    age(`${file}.lock`);
    expect(await exitCodes(Array.from({ length: 8 }, (_, number) => writer('orphaned', number, 5)))).toEqual(
      Array(8).fill(0),
    );
    expect(envNames(file)).toHaveLength(40);
    expect(readdirSync(join(configDir, 'sites')).filter((name) => name.startsWith('orphaned'))).toEqual([
      'orphaned.json',
    ]);
  }, 60_000);

  it('leave the old file when the disk takes only a part of the new one', async () => {
    const file = writeSite('cut', { A: 'x'.repeat(20_000) });
    const before = readFileSync(file, 'utf8');
    // A limit on the size of files cuts a write short just as a full disk does.
    const child = writer('cut', 0, 1, ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh']);
    const said = output(child);
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(said()).toContain('only a part of it could be written');
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(join(configDir, 'sites')).filter((name) => name.startsWith('cut'))).toEqual(['cut.json']);
  });
});

function output(child: ChildProcess): () => string {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

async function exitCodes(children: readonly ChildProcess[]): Promise<unknown[]> {
  const exits = await Promise.all(children.map((child) => once(child, 'exit')));
  return exits.map(([code]) => code);
}

/** Makes a lock look as if its holder had not touched it for a while; false when there is none. */
function age(lock: string): boolean {
  if (!existsSync(lock)) return false;
  const then = new Date(Date.now() - 10_000);
  utimesSync(lock, then, then);
  return true;
}
