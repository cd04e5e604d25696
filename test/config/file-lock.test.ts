import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withFileLock } from '../../src/config/file-lock.ts';
import { failed, ok } from '../../src/failure.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'glidein-lock-'));
  file = join(directory, 'file.json');
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('withFileLock', () => {
  it('lets one action run at a time, and gives what each came to', async () => {
    let inside = 0;
    const action = (number: number) => async () => {
      inside += 1;
      expect(inside).toBe(1);
      await sleep(5);
      inside -= 1;
      return ok(number);
    };
    const results = await Promise.all([1, 2, 3, 4].map((number) => withFileLock(file, action(number))));
    expect(results).toEqual([1, 2, 3, 4].map(ok));
  });

  it.each([
    ['succeeds', async () => ok(1)],
    ['fails', async () => failed({ kind: 'interrupted' })],
    ['throws', async () => Promise.reject(new Error('a bug'))],
  ])('leaves no lock behind when the action %s', async (_, action) => {
    await withFileLock(file, async () => {
      expect(existsSync(`${file}.lock`)).toBe(true);
      return action();
    }).catch(() => undefined);
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('waits for a living holder, and fails with file-busy when that takes too long', async () => {
    mkdirSync(`${file}.lock`);
    const started = Date.now();
    const run = () => withFileLock(file, async () => ok(1), 300);
    expect(await run()).toEqual({ ok: false, failure: { kind: 'file-busy', file } });
    expect(Date.now() - started).toBeGreaterThanOrEqual(300);
    expect(existsSync(`${file}.lock`)).toBe(true);
  });

  it('takes over the lock of a holder that has not touched it for 5 seconds, and not before', async () => {
    mkdirSync(`${file}.lock`);
    touched(4_000);
    expect((await withFileLock(file, async () => ok(1), 300)).ok).toBe(false);
    touched(6_000);
    expect((await withFileLock(file, async () => ok(1), 300)).ok).toBe(true);
    expect(existsSync(`${file}.takeover.lock`)).toBe(false);
  });

  it('lets one action run at a time also when many waiters find the same dead lock', async () => {
    let inside = 0;
    for (let round = 0; round < 20; round += 1) {
      mkdirSync(`${file}.lock`);
      touched(60_000);
      const action = async () => {
        inside += 1;
        expect(inside).toBe(1);
        await sleep(2);
        inside -= 1;
        return ok(null);
      };
      const results = await Promise.all(Array.from({ length: 8 }, () => withFileLock(file, action)));
      expect(results).toEqual(Array(8).fill(ok(null)));
    }
  });

  it('keeps its own lock fresh for as long as the action takes', async () => {
    await withFileLock(file, async () => {
      const taken = statSync(`${file}.lock`).mtimeMs;
      await sleep(1_400);
      expect(statSync(`${file}.lock`).mtimeMs).toBeGreaterThan(taken);
      return ok(null);
    });
  });

  it('says why where no lock can be made', async () => {
    const nowhere = join(directory, 'no', 'file.json');
    const failure = { kind: 'file-unusable', file: nowhere, reason: 'ENOENT: no such file or directory' };
    expect(await withFileLock(nowhere, async () => ok(1))).toEqual({ ok: false, failure });
  });
});

/** Makes the lock look as if its holder had last touched it so many milliseconds ago. */
function touched(millisecondsAgo: number): void {
  const then = new Date(Date.now() - millisecondsAgo);
  utimesSync(`${file}.lock`, then, then);
}
