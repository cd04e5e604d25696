import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shim } from './campus.ts';
import type { Cluster } from './cluster.ts';

/** A `date` on the login host whose clock can be set forward: what has to wait for minutes there need not wait in a test. */
export interface LoginClock {
  directory: string;
  /** Seconds that the clock is ahead from now on. */
  ahead(seconds: number): void;
  remove(): void;
}

export function loginClock(cluster: Cluster): LoginClock {
  const made = shim(cluster, 'date', 'now=$($REAL +%s); echo $((now + $(cat $STATE/ahead)))');
  const ahead = (seconds: number) => writeFileSync(join(made.state, 'ahead'), `${seconds}\n`);
  ahead(0);
  return { directory: made.directory, ahead, remove: made.remove };
}
