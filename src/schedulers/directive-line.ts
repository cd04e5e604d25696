import type { Scheduler } from './scheduler.ts';

/** Why `line` cannot stand in a script as a directive; null where the batch system reads just what it says. */
export function directiveRefusal(scheduler: Scheduler, line: string): string | null {
  if (/\p{Cc}/u.test(line)) return 'it holds a line break or another control character';
  if (line.trim() !== line || line === '') return 'it is empty, or begins or ends with a blank';
  return scheduler.directiveRefusal(line);
}
