import { rmdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { failed, ok, type Result } from '../failure.ts';
import { hasCode, systemReason, unusable } from './local-file.ts';

/** A holder touches its lock every second; one that has not for this long was killed. */
const staleMilliseconds = 5_000;
/** Long enough to outlive a killed holder and a queue of living ones, each of whom takes milliseconds. */
const patienceMilliseconds = 30_000;

const lockOptions = {
  realpath: false,
  update: 1_000,
  retries: 0,
  // What is done under the lock is over before it could be taken for stale; there is nothing to undo.
  onCompromised: () => undefined,
};

/** Loads what a lock needs, where there is time for it: it takes longer than all that is done under the lock. */
export async function readyToLock(): Promise<void> {
  await import('proper-lockfile');
}

/**
 * Runs `action` while no other process of ours changes `file`. The lock is the directory `file.lock`; `file` itself
 * need not exist, its directory must. While another holds it for longer than `patience` (milliseconds): `file-busy`.
 */
export async function withFileLock<T>(
  file: string,
  action: () => Promise<Result<T>>,
  patience = patienceMilliseconds,
): Promise<Result<T>> {
  const release = await acquire(file, Date.now() + patience);
  if (!release.ok) return release;
  try {
    return await action();
  } finally {
    // The change is made; a lock that cannot be removed goes stale by itself.
    await release.value().catch(() => undefined);
  }
}

async function acquire(file: string, giveUpAt: number): Promise<Result<() => Promise<void>>> {
  const { lock } = await import('proper-lockfile');
  while (Date.now() < giveUpAt) {
    try {
      return ok(await lock(file, { ...lockOptions, stale: Number.MAX_SAFE_INTEGER }));
    } catch (error) {
      if (!hasCode(error, 'ELOCKED')) return unusable(file, systemReason(error));
    }
    await removeStale(file);
    await sleep(10 + Math.random() * 40);
  }
  return failed({ kind: 'file-busy', file });
}

/**
 * Removes the lock of a killed process. proper-lockfile 4.1 would do so itself, but of two waiters that both saw a
 * stale lock, the slower one then removes the lock that the faster one has just taken (run: with 8 waiters, 11 of 480
 * got in while another was inside). So a second lock decides who removes, and that one looks again.
 */
async function removeStale(file: string): Promise<void> {
  if (!(await isStale(file))) return;
  const { lock } = await import('proper-lockfile');
  try {
    const release = await lock(`${file}.takeover`, { ...lockOptions, stale: staleMilliseconds });
    try {
      if (await isStale(file)) await rmdir(`${file}.lock`);
    } finally {
      await release();
    }
  } catch {
    // Somebody else is at it, or the directory is not ours to change: the next try to lock tells.
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    return (await stat(`${file}.lock`)).mtimeMs < Date.now() - staleMilliseconds;
  } catch {
    return false;
  }
}
