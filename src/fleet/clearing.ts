import type { Census } from '../login/census.ts';
import type { Note } from '../login/journal.ts';
import { nodeSecondsOf } from '../login/past.ts';
import type { Forgotten } from '../login/remote-programs.ts';

/** What nothing needs any more, and what stays of it. Pure; the login host's seconds. */

/** Nothing of a submission is read after this long. */
const keepOverSeconds = 7 * 24 * 3600;
/** So much at once is worth a program of its own. */
const worthAProgram = 20;

/** What a pass writes down at its end: for clearing alone, only when it is worth a program. */
export function diaryFor(
  census: Census,
  nowSeconds: number,
  { acts }: { acts: boolean },
): { notes: readonly Note[]; forget: readonly Forgotten[] } {
  const { notes } = census;
  const old = toForget(census, nowSeconds);
  if (!acts && notes.length === 0 && old.length < worthAProgram) return { notes, forget: [] };
  return { notes: [...notes, ...spentBy(old, census, nowSeconds)], forget: old };
}

// The newest sequence stays: it is what fences off a pass that looked before it.
function toForget({ over, nextSequence }: Census, nowSeconds: number): Forgotten[] {
  const newest = nextSequence - 1;
  return over
    .filter(({ intent, lastEventAt }) => intent.sequence !== newest && lastEventAt < nowSeconds - keepOverSeconds)
    .slice(0, 100)
    .map(({ intent, pilotIds }) => ({ sequence: intent.sequence, tag: intent.tag, marks: pilotIds }));
}

/** What is forgotten stays on the account. */
function spentBy(forgotten: readonly Forgotten[], { past }: Census, at: number): Note[] {
  const used = new Map<string, number>();
  for (const job of past.ended) used.set(job.tag, (used.get(job.tag) ?? 0) + nodeSecondsOf(job));
  return forgotten.flatMap(({ tag }): Note[] => {
    const nodeSeconds = used.get(tag) ?? 0;
    return nodeSeconds === 0 || past.spent.has(tag) ? [] : [{ kind: 'spent', tag, nodeSeconds, at }];
  });
}
