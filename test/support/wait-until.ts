import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until `holds` answers true; an error that names `what` after `seconds`. */
export async function waitUntil(
  what: string,
  seconds: number,
  holds: () => boolean | Promise<boolean>,
  everyMs = 50,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not so after ${seconds} s`);
    await sleep(everyMs);
  }
}
