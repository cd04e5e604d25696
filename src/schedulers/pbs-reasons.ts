/**
 * Comments that the scheduler of PBS leaves on jobs, in words a person understands, with what to do where something can
 * be done. The words are those of OpenPBS 19 to 23; the parts in parentheses are the scheduler's own numbers.
 */

const known: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    /^Can Never Run: Insufficient amount of resource: (\S+)(.*)$/,
    (match) =>
      `never starts: no node has as much of ${thing(match[1])} as it asks for${match[2] ?? ''}; set ${keyOf(match[1])}`,
  ],
  [
    /^Can Never Run: Not enough total nodes available/,
    () => 'never starts: no node is as large as it asks for; set scheduler.cores, memoryMB or queue',
  ],
  [
    /^Can Never Run: .*[Ww]alltime/,
    () => 'never starts: its wall clock is longer than the queue allows; set scheduler.walltime',
  ],
  [/^Can Never Run: (.+)$/, (match) => `never starts: ${match[1]}; look at what the profile asks for`],
  [/^Not Running: Not enough free nodes available/, () => 'waits for free nodes'],
  [/^Not Running: Insufficient amount of resource: (\S+)/, (match) => `waits for ${thing(match[1])} to become free`],
  [/^Not Running: Insufficient amount of (?:server|queue) resource: (\S+)/, (match) => `waits for ${match[1]}`],
  [/^Not Running: Job would conflict with reservation/, () => 'waits: a reservation or maintenance is before it'],
  [
    /^Not Running: (User|Project|Group|Server|Queue) .*(?:job limit|limit reached|has reached)/,
    (match) => `waits for others to end: the limit of running jobs of the ${match[1]?.toLowerCase()} is reached`,
  ],
  [/^Not Running: Queue .*not started|^Not Running: Queue not started/, () => 'waits: the queue is stopped'],
  [/^Not Running: Job is requesting an exclusive node/, () => 'waits for a node without other jobs'],
  [
    /^Not Running: (?:Node is in an ineligible state|Host set .* not available).*/,
    () => 'waits for a node to come back',
  ],
  [/^Not Running: (.+)$/, (match) => `waits: ${match[1]}`],
  [
    /^job held, too many failed attempts to run/i,
    () => 'held: it was started and sent back too often; look at its log',
  ],
  [/^Job held by (\S+)/, (match) => `held by ${match[1]}; qrls lets it go on`],
];

function thing(resource = ''): string {
  return { ncpus: 'cores (ncpus)', mem: 'memory (mem)', ngpus: 'GPUs (ngpus)' }[resource] ?? resource;
}

function keyOf(resource = ''): string {
  const keys: Readonly<Record<string, string>> = {
    ncpus: 'scheduler.cores',
    mem: 'scheduler.memoryMB',
    ngpus: 'scheduler.gpus',
    walltime: 'scheduler.walltime',
  };
  return keys[resource] ?? 'scheduler.constraint, queue or extra';
}

/** The comment of a waiting job in words; null: no better words. */
export function explain(reason: string): string | null {
  const said = reason.trim();
  for (const [pattern, words] of known) {
    const match = pattern.exec(said);
    if (match !== null) return words(match);
  }
  return null;
}
