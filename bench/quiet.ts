import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './report.ts';

/** The machine is quiet enough when so much of its processors' time was idle for a second. */
const quietIdleShare = 0.8;
const patienceSeconds = 90;

/**
 * Waits until nothing else runs here, jobs that just started among it; says so where that does not come about. Only
 * Linux says how busy it is; elsewhere there is no wait.
 */
export async function waitForQuiet(): Promise<void> {
  if (process.platform !== 'linux') return;
  let idle = 0;
  for (let second = 0; second < patienceSeconds && idle < quietIdleShare; second += 1) idle = await idleShare();
  if (idle < quietIdleShare) {
    const busy = (100 * (1 - idle)).toFixed(0);
    say(`NOT QUIET: other programs kept ${busy} % of the processors busy; trust the ratios more than the times`);
  }
}

/** The share of all processors' time in the next second in which they had nothing to do. */
async function idleShare(): Promise<number> {
  const before = processorTimes();
  await sleep(1000);
  const after = processorTimes();
  return (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

function processorTimes(): { idle: number; all: number } {
  // Linux: `cpu user nice system idle iowait irq softirq steal …`, in ticks since the start.
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, value) => sum + value, 0) };
}
