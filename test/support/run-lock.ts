import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const LOCK_FILE = '/run/lock/glidein-test.lock';
const HOLDER_FILE = '/run/lock/glidein-test.holder';
const WAIT_SECONDS = 900;

/**
 * One run of the real software at a time on a machine: waits for the other run's end and says so. Answers how to let go.
 * The lock is the kernel's, held by a child that ends with this process however that ends.
 */
export async function takeRunLock(say: (line: string) => void): Promise<() => void> {
  let release = await tryLock(0);
  if (release === null) {
    say(`another run of the real tests is active (${holder()}); waiting for it, ${WAIT_SECONDS / 60} minutes at most`);
    release = await tryLock(WAIT_SECONDS);
  }
  if (release === null) throw new Error(`another run of the real tests did not end: ${holder()}`);
  writeFileSync(HOLDER_FILE, `process ${process.pid}, since ${new Date().toISOString()}\n`);
  return release;
}

function tryLock(waitSeconds: number): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    // The child holds the lock until its stdin ends, and that ends with us.
    const child = spawn('/usr/bin/flock', ['-w', `${waitSeconds}`, LOCK_FILE, 'sh', '-c', 'echo held; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.on('error', reject);
    child.on('exit', () => resolve(null));
    child.stdout.once('data', () => resolve(() => child.stdin.end()));
  });
}

function holder(): string {
  try {
    return readFileSync(HOLDER_FILE, 'utf8').trim();
  } catch {
    return 'nobody left a name';
  }
}
