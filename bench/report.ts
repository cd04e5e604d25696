import { type Alternated, median, ratioOf } from './alternate.ts';
import type { Timed } from './timed-run.ts';

/** What the benchmarks print. */

export function heading(text: string): void {
  process.stdout.write(`\n== ${text}\n`);
}

export function say(text: string): void {
  process.stdout.write(`   ${text}\n`);
}

/** One comparison, with its aim: the largest ratio of medians that is good enough; null: the ratio is for information. */
export function comparison(names: { ours: string; peer: string }, measured: Alternated, aim: number | null): void {
  const ratio = ratioOf(measured);
  const verdict = aim === null ? '' : `; aim <= ${aim}: ${ratio.ofMedians <= aim ? '' : 'NOT '}reached`;
  say(`${names.ours}: ${spread(measured.ours)}`);
  say(`${names.peer}: ${spread(measured.peers)}`);
  say(
    `ratio of medians ${ratio.ofMedians.toFixed(2)}, median of ratios ${ratio.medianOfRounds.toFixed(2)} ` +
      `(${ratio.smallest.toFixed(2)} to ${ratio.largest.toFixed(2)}, n=${ratio.rounds})${verdict}`,
  );
}

/** `median 123 ms (min 118, max 140, n=15)`. */
export function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `median ${ms(median(values))} ms (min ${ms(low)}, max ${ms(high)}, n=${values.length})`;
}

function ms(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/**
 * Where the time of a command goes, by the lines that `--verbose` writes: medians of the time at which each arrived and
 * of the time until the next. What comes before the first is Node's start, the loading of the program and of the profile.
 */
export function phases(runs: readonly Timed[]): void {
  const marks = runs.map((run) => [
    { name: 'start', at: 0 },
    ...run.lines.map(({ text, at }) => ({ name: phaseOf(text), at })),
    { name: 'end', at: run.milliseconds },
  ]);
  const [first = []] = marks;
  const alike = marks.filter((one) => one.map(({ name }) => name).join() === first.map(({ name }) => name).join());
  say(`where it goes (medians of ${alike.length} runs with --verbose, ms):`);
  for (const [index, { name }] of first.entries()) {
    if (index + 1 === first.length) break;
    const at = median(alike.map((one) => one[index]?.at ?? Number.NaN));
    const took = median(alike.map((one) => (one[index + 1]?.at ?? Number.NaN) - (one[index]?.at ?? Number.NaN)));
    say(`  ${name.padEnd(30)} at ${at.toFixed(1).padStart(7)}   took ${took.toFixed(1).padStart(7)}`);
  }
  say(
    `  ${'end'.padEnd(30)} at ${median(alike.map((one) => one.at(-1)?.at ?? Number.NaN))
      .toFixed(1)
      .padStart(7)}`,
  );
}

function phaseOf(line: string): string {
  const step = /\bstep (\S+)/.exec(line)?.[1];
  return step ?? line.replace(/\d+/g, 'N').slice(0, 30);
}
