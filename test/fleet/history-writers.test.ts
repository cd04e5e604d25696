import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileSource } from '../support/compiled-source.ts';
import { loops } from '../support/loops.ts';

let compiled: string;
let dataDir: string;

beforeAll(() => {
  compiled = compileSource();
  dataDir = mkdtempSync(join(tmpdir(), 'glidein-history-'));
  mkdirSync(join(dataDir, 'history'));
});

afterAll(() => {
  rmSync(compiled, { recursive: true });
  rmSync(dataDir, { recursive: true });
});

/** A process that writes one pass after another, each with a pilot of its own, and says the pilot's id once it is written. */
function writer(site: string, number: number, count: number, wrapper: readonly string[] = []): ChildProcess {
  const history = JSON.stringify(join(compiled, 'dist/fleet/history.js'));
  const program = `
    import { appendHistory } from ${history};
    process.on('SIGXFSZ', () => undefined);
    const counts = { running: 0, pending: 0, held: 0, suspended: 0, unknown: 0, inDoubt: 0 };
    for (let n = 0; n < ${count}; n += 1) {
      const ids = ['${number}_' + n];
      const report = { site: '${site}', state: 'ok', target: 1, counts, submitted: 1, cancelled: 0, drained: 0, planned: null, ids,
        idsCancelled: 0, reason: 'x'.repeat(9000), failure: null, pilots: [], ended: [], endsKnown: false, restraint: null };
      const problem = await appendHistory(${JSON.stringify(dataDir)}, report, Date.now());
      process.stdout.write((problem ?? ids[0]) + '\\n');
    }`;
  const [command = '', ...words] = [...wrapper, process.execPath, '--input-type=module', '-e', program];
  return spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

function sayings(child: ChildProcess): () => string[] {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text.split('\n').slice(0, -1);
}

/** Makes a lock look as if its holder had not touched it for a while; false when there is none. */
function age(lock: string): boolean {
  if (!existsSync(lock)) return false;
  const then = new Date(Date.now() - 10_000);
  utimesSync(lock, then, then);
  return true;
}

const fileOf = (site: string) => join(dataDir, 'history', `${site}.jsonl`);
const linesOf = (site: string) => readFileSync(fileOf(site), 'utf8').split('\n').slice(0, -1);

/** The pilots whose submission a history tells of, and how many of its lines are none. */
function read(site: string): { pilots: string[]; torn: number } {
  let torn = 0;
  const pilots = linesOf(site).flatMap((line) => {
    try {
      const { kind, id } = JSON.parse(line) as { kind: string; id: string };
      return kind === 'pilot' ? [id] : [];
    } catch {
      torn += 1;
      return [];
    }
  });
  return { pilots, torn };
}

describe('a history with several writers', () => {
  it('has all lines of eight writers, each once and whole', async () => {
    const each = loops({ usual: 50, full: 500 });
    const writers = Array.from({ length: 8 }, (_, number) => writer('many', number, each));
    const said = writers.map(sayings);
    await Promise.all(writers.map((one) => once(one, 'close')));
    const { pilots, torn } = read('many');
    expect(said.flatMap((one) => one()).sort()).toEqual([...pilots].sort());
    expect(new Set(pilots).size).toBe(8 * each);
    expect(linesOf('many')).toHaveLength(16 * each);
    expect(torn).toBe(0);
  }, 120_000);

  it('loses no line that was confirmed when writers are killed', async () => {
    const rounds = loops({ usual: 6, full: 100 });
    const confirmed: string[] = [];
    let locksLeft = 0;
    let round = 0;
    for (; round < rounds || (locksLeft === 0 && round < 60); round += 1) {
      const writers = Array.from({ length: 2 }, (_, number) => writer('killed', 2 * round + number, 100_000));
      const said = writers.map(sayings);
      await Promise.all(writers.map((one) => once(one.stdout ?? one, 'data')));
      await sleep(Math.random() * 30);
      const ends = writers.map((one) => once(one, 'close'));
      for (const one of writers) one.kill('SIGKILL');
      await Promise.all(ends);
      if (age(`${fileOf('killed')}.lock`)) locksLeft += 1;
      confirmed.push(...said.flatMap((one) => one()));
    }
    const after = writer('killed', 2 * round, 1);
    await once(after, 'close');
    const { pilots, torn } = read('killed');
    expect(confirmed.filter((id) => !pilots.includes(id))).toEqual([]);
    expect(new Set(pilots).size).toBe(pilots.length);
    expect(pilots).toContain(`${2 * round}_0`);
    const words = `${confirmed.length} lines confirmed, ${locksLeft} locks left behind, ${torn} lines torn`;
    console.log(`kill -9 of two writers of a history, ${round} times: ${words}`);
    expect(locksLeft).toBeGreaterThan(0);
  }, 600_000);

  it('keeps lines whole where the disk takes only a part of one', async () => {
    const child = writer('cut', 0, 3, ['sh', '-c', 'ulimit -f 20; exec "$@"', 'sh']);
    const said = sayings(child);
    await once(child, 'close');
    expect(said()[0]).toBe('0_0');
    expect(said().at(-1)).toMatch(/cut\.jsonl: (ENOSPC|EFBIG)/);
    const after = writer('cut', 1, 1);
    const saidAfter = sayings(after);
    await once(after, 'close');
    expect(saidAfter()).toEqual(['1_0']);
    const { pilots, torn } = read('cut');
    expect(pilots).toEqual(expect.arrayContaining(['0_0', '1_0']));
    expect(torn).toBeLessThanOrEqual(1);
  }, 60_000);

  it('loses nothing when one of eight finds it time to throw away what is old', async () => {
    const old = new Date(Date.now() - 500 * 24 * 3600 * 1000).toISOString();
    const line = JSON.stringify({ at: old, kind: 'pass', site: 'pruned', state: 'ok', target: 1, reason: 'old' });
    writeFileSync(fileOf('pruned'), `${line}\n`.repeat(1000));
    const writers = Array.from({ length: 8 }, (_, number) => writer('pruned', number, 10));
    await Promise.all(writers.map((one) => once(one, 'close')));
    expect(new Set(read('pruned').pilots).size).toBe(80);
    expect(linesOf('pruned')).toHaveLength(160);
  }, 60_000);
});
