import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Line } from './lines.ts';

const WAIT_SECONDS = 900;

const fileOf = (name: string, ending: 'lock' | 'holder'): string => `/run/lock/glidein-test-${name}.${ending}`;

/**
 * One run of a line at a time on a machine: waits for the other run's end and says so. Answers how to let go. The lock is
 * the kernel's, held by a child that ends with this process however that ends.
 */
export async function takeRunLock(line: Line, say: (text: string) => void): Promise<() => void> {
  let release = await tryLock(line, 0);
  if (release === null) {
    const holder = holderOf(line);
    say(`another run of the ${line} tests is active (${holder}); waiting for it, ${WAIT_SECONDS / 60} minutes at most`);
    release = await tryLock(line, WAIT_SECONDS);
  }
  if (release === null) throw new Error(`another run of the ${line} tests did not end: ${holderOf(line)}`);
  writeFileSync(fileOf(line, 'holder'), `process ${process.pid}, since ${new Date().toISOString()}\n`);
  return release;
}

/**
 * Does what lines must not do at the same time: packages, accounts, and ports between the moment they are found free and
 * the moment their daemons have them.
 */
export async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const release = await tryLock('set-up', WAIT_SECONDS);
  if (release === null) throw new Error('the set-up of another line did not end');
  try {
    return await work();
  } finally {
    release();
  }
}

function tryLock(name: string, waitSeconds: number): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    // The child holds the lock until its stdin ends, and that ends with us.
    const child = spawn(
      '/usr/bin/flock',
      ['-w', `${waitSeconds}`, fileOf(name, 'lock'), 'sh', '-c', 'echo held; exec cat'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    child.on('error', reject);
    child.on('exit', () => resolve(null));
    child.stdout.once('data', () => resolve(() => child.stdin.end()));
  });
}

function holderOf(line: Line): string {
  try {
    return readFileSync(fileOf(line, 'holder'), 'utf8').trim();
  } catch {
    return 'nobody left a name';
  }
}
